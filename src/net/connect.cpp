// SPDX-License-Identifier: MIT
#include "net/connect.hpp"

#include "net/deadline_guard.hpp"
#include "redstart/error.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace redstart::net {

namespace {

using asio::ip::tcp;
using clock = std::chrono::steady_clock;
using socket = socket_stream::socket;

error_code last_system_error() { return {errno, boost::system::system_category()}; }

// Asio's own open() leaves the descriptor to be inherited by child processes, which would keep the connection open
// after we closed it.
error_code open(socket& made, int family) {
  const int descriptor = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return last_system_error();
  error_code ec;
  made.assign(asio::generic::stream_protocol(family, 0), descriptor, ec);
  if (ec) ::close(descriptor);
  return ec;
}

asio::awaitable<error_code> try_address(const strand& on, socket& made, const tcp::endpoint& address,
                                        clock::duration limit) {
  error_code ec = open(made, address.protocol().family());
  if (ec) co_return ec;
  const asio::generic::stream_protocol::endpoint target(address);
  const deadline_guard guard(on, limit, [&made] {
    error_code ignored;
    made.close(ignored);
  });
  co_await made.async_connect(target, asio::redirect_error(asio::use_awaitable, ec));
  if (guard.expired()) co_return asio::error::timed_out;
  if (!ec && is_connected_to_itself(made)) co_return asio::error::connection_refused;
  co_return ec;
}

clock::duration share(clock::duration left, std::size_t addresses) {
  constexpr clock::duration least = std::chrono::milliseconds(250);
  return std::min(left, std::max(least, left / static_cast<clock::rep>(addresses)));
}

std::string describe(const tcp::endpoint& address, const error_code& ec) {
  return address.address().to_string() + " port " + std::to_string(address.port()) + ": " + ec.message();
}

}  // namespace

asio::awaitable<socket> connect_tcp(strand on, std::vector<tcp::endpoint> addresses, clock::time_point deadline) {
  std::string failures;
  for (std::size_t left = addresses.size(); left > 0; --left) {
    const tcp::endpoint& address = addresses[addresses.size() - left];
    const clock::duration time = deadline - clock::now();
    if (time <= clock::duration::zero()) break;
    socket made(on);
    const error_code ec = co_await try_address(on, made, address, share(time, left));
    if (!ec) co_return made;
    failures += (failures.empty() ? "" : "; ") + describe(address, ec);
  }
  if (clock::now() >= deadline) throw timeout_error(failures.empty() ? "no address was tried" : failures);
  throw connection_error("cannot connect: " + failures);
}

asio::awaitable<socket> connect_unix(strand on, std::string path, clock::time_point deadline) {
  const auto fail = [&path](const error_code& ec) {
    throw connection_error("cannot connect to the socket " + path + ": " + ec.message());
  };
  // The path needs a terminating zero.
  if (path.size() >= sizeof(sockaddr_un::sun_path)) fail(asio::error::name_too_long);
  const asio::local::stream_protocol::endpoint target(path);
  for (;;) {
    socket made(on);
    if (const error_code ec = open(made, AF_UNIX)) fail(ec);
    // Not with async_connect: for unix sockets the kernel's EAGAIN means that the listener's queue is full, and not, as
    // Asio takes it, that the connection is under way.
    if (::connect(made.native_handle(), target.data(), static_cast<socklen_t>(target.size())) == 0) co_return made;
    if (errno != EAGAIN) fail(last_system_error());
    if (clock::now() >= deadline) {
      throw timeout_error("the socket " + path + " has too many connections that wait to be accepted");
    }
    asio::steady_timer pause(on, std::chrono::milliseconds(5));
    co_await pause.async_wait(asio::use_awaitable);
  }
}

bool is_connected_to_itself(const socket& connected) {
  error_code ec;
  const auto near = connected.local_endpoint(ec);
  if (ec) return false;
  const auto far = connected.remote_endpoint(ec);
  return !ec && near == far;
}

}  // namespace redstart::net
