// SPDX-License-Identifier: MIT
// A stream over a TCP or unix socket.
#pragma once

#include "net/stream.hpp"

#include <boost/asio/generic/stream_protocol.hpp>

namespace redstart::net {

class socket_stream final : public stream {
 public:
  using socket = asio::generic::stream_protocol::socket;

  /// `connected` must be connected; it is made non-blocking.
  explicit socket_stream(socket connected);

  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, error_code& ec) override;
  std::size_t try_write(std::string_view bytes, error_code& ec) override;
  asio::awaitable<void> wait_writable(error_code& ec) override;
  void shut_down() noexcept override;
  void close() noexcept override;

 private:
  socket socket_;
};

}  // namespace redstart::net
