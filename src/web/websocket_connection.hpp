// SPDX-License-Identifier: MIT
// A WebSocket over a connection's stream: bounded output, one writer.
#pragma once

#include "redstart/web/detail/exchange.hpp"
#include "redstart/web/websocket.hpp"
#include "web/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/websocket.hpp>

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace redstart::web::detail {

namespace beast = boost::beast;

// All members but the constructor, `send`, `close` and `is_open` are used on the connection's strand.
template <class Stream>
class websocket_connection final : public websocket_channel,
                                   public std::enable_shared_from_this<websocket_connection<Stream>> {
 public:
  websocket_connection(Stream&& stream, std::shared_ptr<connection_context> context)
      : socket_(std::move(stream)),
        context_(std::move(context)),
        grace_(socket_.get_executor()),
        gone_(socket_.get_executor()) {
    gone_.expires_at(std::chrono::steady_clock::time_point::max());
    ++context_->websockets;
  }
  ~websocket_connection() override { --context_->websockets; }

  asio::awaitable<void> accept(const request& asked) {
    // Beast pings after half of the idle time, and closes after all of it.
    beast::websocket::stream_base::timeout timeout{};
    timeout.handshake_timeout = context_->settings.request_timeout;
    timeout.idle_timeout = 2 * context_->settings.ping_interval;
    timeout.keep_alive_pings = true;
    socket_.set_option(timeout);
    socket_.read_message_max(context_->settings.max_message_bytes);
    socket_.text(true);
    co_await socket_.async_accept(asked.message(), asio::use_awaitable);
    accepted_ = true;
    open_ = !closing_;
    if (closing_) send_close();  // the server began to stop meanwhile
  }

  // Ends when the connection has: the client has agreed to the closing, or had its time to.
  asio::awaitable<void> finish() {
    if (over_ || !closing_) close_now();
    boost::system::error_code cancelled;
    while (!is_gone_) co_await gone_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }

  asio::awaitable<std::optional<std::string>> read() override {
    std::string text;
    auto buffer = asio::dynamic_buffer(text);
    boost::system::error_code failure;
    co_await socket_.async_read(buffer, asio::redirect_error(asio::use_awaitable, failure));
    if (failure) {
      finished();
      co_return std::nullopt;
    }
    // Beast looks at the bytes of each frame, and overlooks a character that an empty last one cuts off.
    if (socket_.got_text() && !is_text(text)) {
      close(close_code::bad_payload, "a text must be UTF-8");
      co_return std::nullopt;
    }
    co_return std::move(text);
  }

  bool send(std::shared_ptr<const std::string> text) override {
    if (!open_) return false;
    const std::size_t waiting = backlog_ += cost(*text);
    // One message is always taken, however large.
    if (waiting > context_->settings.max_websocket_backlog && waiting > cost(*text)) {
      backlog_ -= cost(*text);
      close(close_code::try_again_later, "too slow: " + std::to_string(waiting) + " bytes wait to be read");
      return false;
    }
    asio::dispatch(socket_.get_executor(), [self = this->shared_from_this(), text = std::move(text)]() mutable {
      self->enqueue(std::move(text));
    });
    return true;
  }

  void close(close_code code, std::string_view reason) override {
    open_ = false;
    asio::dispatch(socket_.get_executor(),
                   [self = this->shared_from_this(), code, why = std::string(reason)]() mutable {
                     self->begin_close(code, std::move(why));
                   });
  }

  [[nodiscard]] bool is_open() const noexcept override { return open_; }

  void close_now() {
    open_ = false;
    is_gone_ = true;
    grace_.cancel();
    gone_.cancel();
    boost::system::error_code ignored;
    beast::get_lowest_layer(socket_).close(ignored);
  }

 private:
  // What a message waiting here takes, about: many small ones shall not take more than a few large ones.
  static std::size_t cost(const std::string& text) { return text.size() + 64; }

  void enqueue(std::shared_ptr<const std::string> text) {
    if (closing_ || over_) {
      backlog_ -= cost(*text);
      return;
    }
    outbox_.push_back(std::move(text));
    if (!writing_) write();
  }

  void write() {
    writing_ = true;
    socket_.async_write(asio::buffer(*outbox_.front()),
                        [self = this->shared_from_this()](const boost::system::error_code& failure, std::size_t) {
                          self->written(static_cast<bool>(failure));
                        });
  }

  void written(bool failed) {
    writing_ = false;
    drop_front();
    if (failed) {
      finished();
    } else if (!outbox_.empty()) {
      write();
    } else if (closing_) {
      send_close();
    }
  }

  void drop_front() {
    backlog_ -= cost(*outbox_.front());
    outbox_.pop_front();
  }

  // What was sent before goes out before, but for a client that is too slow for it: then only the message that is being
  // written, which cannot be broken off.
  void begin_close(close_code code, std::string&& reason) {
    if (closing_ || over_) return;
    reason.resize(std::min<std::size_t>(reason.size(), 123));
    closing_ = beast::websocket::close_reason(static_cast<beast::websocket::close_code>(code), reason);
    while (code == close_code::try_again_later && outbox_.size() > 1) {
      backlog_ -= cost(*outbox_.back());
      outbox_.pop_back();
    }
    if (!accepted_) return;
    // A client that reads nothing never gets the message whose end the close frame waits for.
    grace_.expires_after(std::chrono::seconds(5));
    grace_.async_wait([self = this->shared_from_this()](const boost::system::error_code& stopped) {
      if (!stopped) self->close_now();
    });
    if (!writing_) send_close();
  }

  void send_close() {
    socket_.async_close(*closing_,
                        [self = this->shared_from_this()](const boost::system::error_code&) { self->close_now(); });
  }

  void finished() {
    over_ = true;
    open_ = false;
  }

  beast::websocket::stream<Stream, false> socket_;  // without compression: no buffers for it in each connection
  const std::shared_ptr<connection_context> context_;
  asio::steady_timer grace_;
  asio::steady_timer gone_;                                // never expires: cancelled when the connection is gone
  std::deque<std::shared_ptr<const std::string>> outbox_;  // the first one is being written
  std::optional<beast::websocket::close_reason> closing_;
  bool accepted_ = false;
  bool is_gone_ = false;
  bool writing_ = false;
  bool over_ = false;
  std::atomic<bool> open_{false};
  std::atomic<std::size_t> backlog_{0};  // costs of what was accepted and is not yet written
};

}  // namespace redstart::web::detail
