// SPDX-License-Identifier: MIT
#include "net/socket_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace redstart::net {

socket_stream::socket_stream(socket connected) : socket_(std::move(connected)) { socket_.non_blocking(true); }

asio::awaitable<std::size_t> socket_stream::read_some(asio::mutable_buffer into, error_code& ec) {
  // Deferred, which needs no coroutine frame of its own: Asio keeps the memory of two at hand, and `read` is one.
  const auto [failure, count] = co_await socket_.async_read_some(into, asio::as_tuple(asio::deferred));
  ec = failure;
  co_return count;
}

std::size_t socket_stream::try_write(std::string_view bytes, error_code& ec) {
  const std::size_t taken = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), ec);
  if (ec == asio::error::would_block || ec == asio::error::try_again) ec.clear();
  return taken;
}

asio::awaitable<void> socket_stream::wait_writable(error_code& ec) {
  co_await socket_.async_wait(socket::wait_write, asio::redirect_error(asio::use_awaitable, ec));
}

void socket_stream::shut_down() noexcept {
  error_code ignored;
  socket_.shutdown(socket::shutdown_both, ignored);
}

void socket_stream::close() noexcept {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace redstart::net
