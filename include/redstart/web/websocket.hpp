// SPDX-License-Identifier: MIT
// One WebSocket, as its handler holds it.
#pragma once

#include "redstart/web/detail/bind.hpp"
#include "redstart/web/http.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace redstart::web {

/// Why a WebSocket is closed: RFC 6455, section 7.4.1.
enum class close_code : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  bad_payload = 1007,
  policy = 1008,
  too_big = 1009,
  internal_error = 1011,
  try_again_later = 1013,
};

namespace detail {

// What a server does for a `websocket`. All but `read` may be called from any thread.
class websocket_channel {
 public:
  virtual ~websocket_channel() = default;
  virtual asio::awaitable<std::optional<std::string>> read() = 0;
  virtual bool send(std::shared_ptr<const std::string> text) = 0;
  virtual void close(close_code code, std::string_view reason) = 0;
  [[nodiscard]] virtual bool is_open() const noexcept = 0;
};

}  // namespace detail

/// One WebSocket: a handle, of which all copies mean the same connection. Pings are sent and answered by the server
/// while somebody reads.
class websocket {
 public:
  websocket() = default;
  explicit websocket(std::shared_ptr<detail::websocket_channel> channel) noexcept : channel_(std::move(channel)) {}

  /// The next message of the client, whole. Empty once the connection is closed, by whoever and for whatever reason; a
  /// text that is not UTF-8 is one: 1007.
  /// One caller at a time, on the handler's executor.
  [[nodiscard]] asio::awaitable<std::optional<std::string>> read() { return channel_->read(); }
  /// Reads and drops what the client sends until the connection is closed: for handlers that only send.
  [[nodiscard]] asio::awaitable<void> closed();

  /// Sends a text, which must be UTF-8: clients close the connection over any other. Never waits: what cannot be
  /// written at once is kept, up to the server's bound; a client that is too slow for it is closed with
  /// `try_again_later`. False when the connection is closed, or was by this. May be called from any thread. The same
  /// text may be shared by any number of sockets.
  bool send(std::shared_ptr<const std::string> text) { return channel_->send(std::move(text)); }
  bool send(std::string text) { return send(std::make_shared<const std::string>(std::move(text))); }

  /// Closes the connection: the client gets what was sent before, then the code and the reason (at most 123 bytes), and
  /// has 5 s to take them. With `try_again_later` what waits is dropped. Returns at once. May be called from any
  /// thread, and again.
  void close(close_code code = close_code::normal, std::string_view reason = {}) { channel_->close(code, reason); }
  [[nodiscard]] bool is_open() const noexcept { return channel_ && channel_->is_open(); }

 private:
  std::shared_ptr<detail::websocket_channel> channel_;
};

namespace detail {

// The socket itself. It is opened only after all else that the handler takes is there, so it is looked for late.
template <class P>
  requires std::same_as<std::remove_cvref_t<P>, websocket>
struct parameter<P> {
  using type = websocket;
  using stored = exchange*;
  static constexpr bool from_provider = true;
  static constexpr bool optional = false;

  static stored make(exchange& ex) { return &ex; }
  static P pass(stored& ex) { return *static_cast<websocket*>(ex->find(typeid(websocket)).get()); }
};

using websocket_function =
    std::function<asio::awaitable<void>(exchange&, const std::function<asio::awaitable<void>()>& open)>;

template <class Function>
asio::awaitable<void> run_websocket(Function& function, exchange& ex,
                                    const std::function<asio::awaitable<void>()>& open) {
  static_assert(std::same_as<typename signature<Function>::result, asio::awaitable<void>>,
                "the handler of a WebSocket is a coroutine: it returns asio::awaitable<void>");
  arguments<Function> values(ex);
  auto opening = open();
  co_await std::move(opening);
  auto running = values.call(function);
  co_await std::move(running);
}

template <class Function>
websocket_function bind_websocket(Function handler) {
  return [handler = std::move(handler)](exchange& ex, const std::function<asio::awaitable<void>()>& open) mutable {
    return run_websocket(handler, ex, open);
  };
}

}  // namespace detail
}  // namespace redstart::web
