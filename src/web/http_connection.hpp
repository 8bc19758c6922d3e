// SPDX-License-Identifier: MIT
// HTTP/1.1 over one stream: reads a request, has it answered, writes the response, again.
#pragma once

#include "redstart/web/application.hpp"
#include "redstart/web/http_error.hpp"
#include "web/chunked_body.hpp"
#include "web/connection.hpp"
#include "web/framing.hpp"
#include "web/head_finder.hpp"
#include "web/origin.hpp"
#include "web/response_head.hpp"
#include "web/websocket_connection.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace redstart::web::detail {

// Takes the protocol's side of a request; which stream it came over is the template's only secret.
template <class Stream>
class http_connection : public connection, public std::enable_shared_from_this<http_connection<Stream>> {
 public:
  http_connection(Stream&& stream, std::shared_ptr<connection_context> context, std::string peer, bool secure)
      : stream_(std::move(stream)), context_(std::move(context)), peer_(std::move(peer)), secure_(secure) {}
  ~http_connection() override { context_->limits.leave(peer_, now()); }

  asio::awaitable<void> run() override {
    close_at(now() + settings().request_timeout);
    const bool ready = co_await handshake();
    bool open = ready;
    while (open && !context_->draining) open = co_await serve_one();
    if (ready && stream_) {
      close_at(now() + std::chrono::seconds(2));
      co_await take_leave();
      co_await linger();
    }
    close_socket();
  }

  void drain() override {
    asio::dispatch(executor_, [self = this->shared_from_this()] {
      if (self->channel_) {
        self->channel_->close(close_code::going_away, "the server is stopping");
      } else if (self->idle_) {
        self->close_socket();
      }
    });
  }

  [[nodiscard]] asio::any_io_executor executor() const override { return executor_; }

  void close_if_due() override {
    // What came in the meantime may have put the deadline off.
    asio::dispatch(executor_, [self = this->shared_from_this()] {
      if (self->is_due(now())) self->close_socket();
    });
  }

  void cut() override {
    asio::dispatch(executor_, [self = this->shared_from_this()] {
      self->close_socket();
      self->cut_.emit(asio::cancellation_type::terminal);
    });
  }

 protected:
  [[nodiscard]] Stream& stream() noexcept { return *stream_; }
  virtual asio::awaitable<bool> handshake() { co_return true; }
  virtual asio::awaitable<void> take_leave() { co_return; }

 private:
  using parser = http::request_parser<http::string_body>;
  enum class outcome { incomplete, complete, closed, too_large, headers_too_large, malformed };

  [[nodiscard]] static time_point now() { return std::chrono::steady_clock::now(); }
  [[nodiscard]] const server_config& settings() const noexcept { return context_->settings; }

  // False when the connection is over.
  asio::awaitable<bool> serve_one() {
    auto incoming = std::make_optional<parser>();
    incoming->header_limit(static_cast<std::uint32_t>(settings().max_header_bytes));
    incoming->body_limit(settings().max_body_bytes);
    const outcome read = co_await read_request(*incoming);
    if (read == outcome::closed) co_return false;
    reply_to to{};
    if (read != outcome::complete) {
      response refused = refusal(read).to_response();
      co_await write(std::move(refused), to);
      co_return false;
    }
    const bool wants_socket = beast::websocket::is_upgrade(incoming->get());
    to.keep = incoming->keep_alive();
    to.head = incoming->get().method() == http::verb::head;
    to.version = incoming->get().version();
    std::optional<request> asked;
    std::optional<response> made = over_rate();
    try {
      if (!made) asked.emplace(incoming->release(), peer_);
    } catch (const http_error& problem) {
      made = problem.to_response();
    }
    incoming.reset();
    if (asked) made = check_origin(*asked);
    const bool opens_socket = !made && wants_socket && context_->served.is_websocket(*asked);
    if (opens_socket && input_.size() > 0) {
      // Nobody would read it. Clients wait: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
      made = http_error(http::status::bad_request, "a WebSocket's client waits for the answer before it sends more")
                 .to_response();
      to.keep = false;
    } else if (opens_socket) {
      made = co_await run_websocket(*asked);
      if (channel_) {
        co_await channel_->finish();
        co_return false;
      }
    }
    if (!made) {
      close_never();
      made = co_await context_->served.handle(*asked);
    }
    to.keep = to.keep && !context_->draining;
    const bool sent = co_await write(std::move(*made), to);
    co_return sent&& to.keep;
  }

  asio::awaitable<outcome> read_request(parser& incoming) {
    boost::system::error_code failure;
    close_at(now() + settings().idle_timeout);
    idle_ = true;
    head_finder head(settings().max_header_bytes);
    std::optional<chunked_body> chunks;
    for (;;) {
      if (has_begun()) {
        if (idle_) close_at(now() + settings().request_timeout);
        idle_ = false;
        const bool had_head = incoming.is_header_done();
        const outcome state = parse(incoming, head, chunks);
        if (state != outcome::incomplete) co_return state;
        if (!had_head && incoming.is_header_done() && expects_continue(incoming.get())) {
          const bool sent = co_await write_continue();
          if (!sent) co_return outcome::closed;
        }
      }
      const auto room = input_.prepare(read_size);
      const std::size_t size =
          co_await stream_->async_read_some(room, asio::redirect_error(asio::use_awaitable, failure));
      if (failure) co_return outcome::closed;
      input_.commit(size);
    }
  }

  // Empty lines before a request are not a part of it: some clients send one behind a body.
  // https://www.rfc-editor.org/rfc/rfc9112#section-2.2-6
  bool has_begun() {
    while (idle_ && unread().starts_with("\r\n")) input_.consume(2);
    return input_.size() > 0 && !(idle_ && unread() == "\r");
  }

  outcome parse(parser& incoming, head_finder& head, std::optional<chunked_body>& chunks) {
    if (!incoming.is_header_done()) {
      const outcome state = parse_head(incoming, head);
      if (state != outcome::complete) return state;
      if (incoming.chunked()) chunks.emplace(settings().max_body_bytes, settings().max_header_bytes);
    }
    return chunks ? parse_chunks(incoming, *chunks) : parse_body(incoming);
  }

  // The head by itself: what is behind it is not looked at before it is known where it ends.
  outcome parse_head(parser& incoming, head_finder& head) {
    switch (head.look(unread())) {
      case head_finder::result::goes_on:
        return outcome::incomplete;
      case head_finder::result::too_long:
        return outcome::headers_too_large;
      case head_finder::result::malformed:
        return outcome::malformed;
      case head_finder::result::whole:
        break;
    }
    if (has_folded_line(unread().substr(0, head.size()))) return outcome::malformed;
    boost::system::error_code failure;
    incoming.eager(false);
    incoming.put(asio::buffer(input_.data(), head.size()), failure);
    input_.consume(head.size());
    if (failure == http::error::body_limit) return outcome::too_large;
    const bool sound = !failure && incoming.is_header_done() && !framing_fault(incoming.get().base());
    return sound ? outcome::complete : outcome::malformed;
  }

  outcome parse_chunks(parser& incoming, chunked_body& chunks) {
    std::string_view bytes = unread();
    const auto state = chunks.take(bytes);
    input_.consume(input_.size() - bytes.size());
    switch (state) {
      case chunked_body::result::goes_on:
        return outcome::incomplete;
      case chunked_body::result::too_large:
        return outcome::too_large;
      case chunked_body::result::malformed:
        return outcome::malformed;
      case chunked_body::result::whole:
        break;
    }
    incoming.get().body() = std::move(chunks.text());
    return outcome::complete;
  }

  outcome parse_body(parser& incoming) {
    boost::system::error_code failure;
    incoming.eager(true);
    if (!incoming.is_done() && input_.size() > 0) input_.consume(incoming.put(input_.data(), failure));
    if (failure && failure != http::error::need_more) return outcome::malformed;
    return incoming.is_done() ? outcome::complete : outcome::incomplete;
  }

  [[nodiscard]] std::string_view unread() const {
    return {static_cast<const char*>(input_.data().data()), input_.size()};
  }

  static bool expects_continue(const http::request<http::string_body>& asked) {
    return asked.version() >= 11 && beast::iequals(asked[http::field::expect], "100-continue");
  }

  asio::awaitable<bool> write_continue() {
    boost::system::error_code failure;
    constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto buffer = asio::buffer(text);
    co_await asio::async_write(*stream_, buffer, asio::redirect_error(asio::use_awaitable, failure));
    co_return !failure;
  }

  http_error refusal(outcome read) const {
    switch (read) {
      case outcome::too_large:
        return {http::status::payload_too_large,
                "the body is larger than " + std::to_string(settings().max_body_bytes) + " bytes"};
      case outcome::headers_too_large:
        return {http::status::request_header_fields_too_large,
                "the headers are larger than " + std::to_string(settings().max_header_bytes) + " bytes"};
      default:
        return {http::status::bad_request, "this is not an HTTP request"};
    }
  }

  // What keeps a request from its handler: pages of other sites, and too many requests.
  std::optional<response> check_origin(const request& asked) const {
    const bool reads = asked.method() == http::verb::get || asked.method() == http::verb::head;
    if ((!reads || asked.header("Upgrade")) &&
        !is_origin_allowed(asked, {secure_, context_->loopback_only}, settings().allowed_origins)) {
      return http_error(http::status::forbidden, "pages of this origin may not do that").to_response();
    }
    return std::nullopt;
  }
  std::optional<response> over_rate() {
    if (settings().max_requests_per_second <= 0) return std::nullopt;
    const auto wait = context_->limits.refuse(peer_, now());
    if (!wait) return std::nullopt;
    return http_error(http::status::too_many_requests, "too many requests from this address")
        .with("Retry-After", std::to_string(std::chrono::ceil<std::chrono::seconds>(*wait).count()))
        .to_response();
  }

  asio::awaitable<std::optional<response>> run_websocket(const request& asked) {
    const std::function<asio::awaitable<websocket>()> open = [this, &asked] { return open_websocket(asked); };
    auto answer = co_await context_->served.handle_websocket(asked, open);
    co_return answer;
  }

  asio::awaitable<websocket> open_websocket(const request& asked) {
    // Its turn to be told so was before.
    if (context_->draining) throw http_error(http::status::service_unavailable, "the server is stopping");
    close_never();
    channel_ = std::make_shared<websocket_connection<Stream>>(std::move(*stream_), context_);
    stream_.reset();
    input_ = {};
    co_await channel_->accept(asked);
    co_return websocket(channel_);
  }

  // False when the connection is over.
  asio::awaitable<bool> write(response&& made, reply_to to) {
    close_at(now() + settings().request_timeout);
    const bool has_body = !to.head && !is_bodiless(made.status);
    const bool apart = has_body && made.body.size() > small_body;
    output_.clear();
    append_head(output_, made, to);
    if (has_body && !apart) output_.append(made.body);
    const std::size_t written = apart ? 0 : write_at_once();
    if (written == output_.size()) co_return true;
    const std::array<asio::const_buffer, 2> rest{asio::buffer(output_) + written,
                                                 apart ? asio::buffer(made.body) : asio::const_buffer()};
    boost::system::error_code failure;
    co_await asio::async_write(*stream_, rest, asio::redirect_error(asio::use_awaitable, failure));
    co_return !failure;
  }

  // Nearly always a small response fits into the socket's buffer: then nobody has to wait, and nothing is scheduled.
  // How much did; what went wrong, who writes the rest will see.
  std::size_t write_at_once() {
    if constexpr (std::same_as<Stream, asio::ip::tcp::socket>) {
      boost::system::error_code failure;
      if (!stream_->non_blocking()) stream_->non_blocking(true, failure);
      return failure ? 0 : stream_->write_some(asio::buffer(output_), failure);
    } else {
      return 0;
    }
  }

  // Lets the client read the last answer before the connection is closed: bytes that are unread then, or come later,
  // make the kernel reset it and throw away what is not sent yet. https://www.rfc-editor.org/rfc/rfc9112#section-9.6
  // Ends with the client's own end, or when its time, or the patience with what it sends, is over.
  asio::awaitable<void> linger() {
    auto& socket = beast::get_lowest_layer(*stream_);
    boost::system::error_code failure;
    socket.shutdown(asio::ip::tcp::socket::shutdown_send, failure);
    input_.clear();
    std::size_t drained = 0;
    while (!failure && drained < most_drained) {
      const auto room = input_.prepare(read_size);
      const std::size_t size =
          co_await socket.async_read_some(room, asio::redirect_error(asio::use_awaitable, failure));
      drained += size;
    }
  }

  void close_socket() {
    if (channel_) {
      channel_->close_now();
    } else if (stream_) {
      boost::system::error_code ignored;
      beast::get_lowest_layer(*stream_).close(ignored);
    }
  }

  static constexpr std::size_t read_size = 4096;
  static constexpr std::size_t small_body = 16 * 1024;  // larger ones are not copied behind their head
  static constexpr std::size_t most_drained = 4 * 1024 * 1024;

  std::optional<Stream> stream_;  // empty once it became a WebSocket
  const asio::any_io_executor executor_ = stream_->get_executor();
  std::shared_ptr<websocket_connection<Stream>> channel_;
  const std::shared_ptr<connection_context> context_;
  const std::string peer_;
  const bool secure_;
  beast::flat_buffer input_;
  std::string output_;
  bool idle_ = true;  // between requests
};

}  // namespace redstart::web::detail
