// SPDX-License-Identifier: MIT
#include "net/connection.hpp"

#include "core/error_reply.hpp"
#include "net/deadline_guard.hpp"
#include "redstart/detail/request.hpp"
#include "redstart/error.hpp"

#include <utility>
#include <vector>

namespace redstart::net {

namespace {

[[noreturn]] void throw_refusal(const core::handshake_action& refused) {
  std::string text = "the server refused " + std::string(refused.command) + ": " + refused.text;
  if (const std::string_view advice = core::advice(refused.text); !advice.empty()) text.append("; ").append(advice);
  if (refused.failure == core::handshake_failure::hopeless) throw login_refused(text);
  throw connection_error(text);
}

}  // namespace

asio::awaitable<std::unique_ptr<connection>> connection::open(strand on, const connection_options& options) {
  const auto begin = std::chrono::steady_clock::now();
  auto io = co_await dial(on, options.dial);
  auto opened = std::make_unique<connection>(std::move(io), options.limits);

  const auto left = options.dial.timeout - (std::chrono::steady_clock::now() - begin);
  const deadline_guard guard(on, left, [&opened] { opened->close(); });
  try {
    co_await opened->log_in(options.login);
    if (!guard.expired()) co_return opened;
  } catch (const connection_error&) {
    if (!guard.expired()) throw;
  }
  throw timeout_error("connected, but the server did not answer the handshake within " +
                      std::to_string(options.dial.timeout.count()) + " ms");
}

asio::awaitable<void> connection::log_in(const core::handshake_config& login) {
  core::handshake_fsm handshake(login);
  core::handshake_action action = handshake.start();
  std::size_t next = 0;
  for (;;) {
    switch (action.kind) {
      case core::handshake_action::kind_type::send: {
        detail::request request;
        for (const auto& command : action.commands) {
          const std::vector<std::string_view> args(command.begin(), command.end());
          request.add(args, false);
        }
        co_await write_all(request.bytes());
        break;
      }
      case core::handshake_action::kind_type::wait:
        break;
      case core::handshake_action::kind_type::done:
        session_ = handshake.result();
        replies_.clear();
        co_return;
      case core::handshake_action::kind_type::fail:
        throw_refusal(action);
    }
    while (next == replies_.size()) {
      replies_.clear();
      next = 0;
      const bool alive = co_await read();
      if (!alive && replies_.empty()) throw connection_error("the handshake failed: " + failure_);
    }
    action = handshake.on_reply(replies_[next++]);
  }
}

asio::awaitable<void> connection::write_all(std::string_view bytes) {
  while (can_write()) {
    bytes.remove_prefix(try_write(bytes));
    if (bytes.empty()) co_return;
    co_await wait_writable();
  }
}

std::size_t connection::try_write(std::string_view bytes) {
  error_code ec;
  const std::size_t taken = can_write() ? io_->try_write(bytes, ec) : 0;
  if (ec) {
    write_failure_ = "writing failed: " + ec.message();
    io_->shut_down();
  }
  return taken;
}

asio::awaitable<void> connection::wait_writable() {
  error_code ignored;  // `try_write` finds it again
  co_await io_->wait_writable(ignored);
}

asio::awaitable<bool> connection::read() {
  const std::span<char> room = replies_.prepare();
  error_code ec;
  const asio::mutable_buffer into(room.data(), room.size());
  const std::size_t count = co_await io_->read_some(into, ec);
  if (ec && !can_write()) {
    failure_ = write_failure_;
  } else if (ec == asio::error::eof) {
    failure_ = "the server closed the connection";
  } else if (ec) {
    failure_ = "reading failed: " + ec.message();
  } else if (!replies_.commit(count)) {
    broke_protocol_ = true;
    failure_ = "the server broke the protocol: " + std::string(replies_.violation());
  }
  co_return failure_.empty();
}

}  // namespace redstart::net
