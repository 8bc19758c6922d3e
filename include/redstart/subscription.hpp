// SPDX-License-Identifier: MIT
// Receiving messages: what a subscriber gets, and what it is told when something may be missing.
#pragma once

#include "redstart/codec.hpp"
#include "redstart/detail/asio_awaitable_fix.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace redstart {

namespace asio = boost::asio;
namespace json = boost::json;

/// What `subscription::next` returns: a message, or a notice that messages may be missing.
struct message {
  enum class kind_type {
    message,   ///< somebody published `payload` to `channel`
    gap,       ///< the connection was away for `outage`: what was published meanwhile is missing
    overflow,  ///< the buffer was full: `dropped` messages are missing
  };
  kind_type kind = kind_type::message;
  std::string channel{};
  std::string pattern{};  ///< the pattern that matched, when it came by one
  std::string payload{};  ///< as it was published
  std::chrono::milliseconds outage{};
  std::uint64_t dropped = 0;

  [[nodiscard]] bool is_message() const noexcept { return kind == kind_type::message; }

  /// The payload as `T`, by the rules of `codec`. Throws `decode_error`.
  template <class T = json::value>
  [[nodiscard]] T data() const {
    try {
      return detail::decode_value<T>(payload);
    } catch (const mismatch& e) {
      throw decode_error("a message on " + channel + ": " + e.what(), payload);
    }
  }
};

/// What happens to a subscription whose buffer is full because nobody calls `next` often enough.
enum class overflow_policy {
  drop_oldest,  ///< the oldest message is dropped; an `overflow` notice says how many
  drop_newest,  ///< the new message is dropped; an `overflow` notice says how many
  close,        ///< the subscription ends: after what is buffered, `next` fails with `overloaded`
};

/// What to subscribe to, and how much to hold.
struct subscription_options {
  std::vector<std::string> channels{};
  std::vector<std::string> patterns{};
  /// Messages at most that wait for `next`, and the bytes of their names and payloads. One message is always taken when
  /// none waits, however large.
  std::size_t max_messages = 1024;
  std::size_t max_bytes = 16 * 1024 * 1024;
  overflow_policy when_full = overflow_policy::drop_oldest;
};

namespace detail {
class subscription_state;
using next_handler = asio::any_completion_handler<void(std::exception_ptr, message)>;
void start_next(const std::shared_ptr<subscription_state>& state, next_handler handler,
                const asio::any_io_executor& executor);
/// Where handlers without an executor of their own run; `state` may be null.
[[nodiscard]] asio::any_io_executor executor_of(const subscription_state* state) noexcept;

class initiate_next {
 public:
  using executor_type = asio::any_io_executor;

  explicit initiate_next(std::shared_ptr<subscription_state> state) noexcept : state_(std::move(state)) {}
  [[nodiscard]] executor_type get_executor() const noexcept { return executor_of(state_.get()); }

  // The executor is found here, while the handler's type is known: the type-erased one cannot be posted to.
  template <class Handler>
  void operator()(Handler&& handler) const {
    const asio::any_io_executor executor = asio::get_associated_executor(handler, get_executor());
    start_next(state_, next_handler(std::forward<Handler>(handler)), executor);
  }

 private:
  std::shared_ptr<subscription_state> state_;
};
}  // namespace detail

/// One listener. Independent of every other: its own buffer, its own notices.
///
/// Survives lost connections: it is subscribed again, and told of the gap once, before any message that was published
/// after the loss. Notices that nobody reads merge with their neighbours: between two messages there is one gap at
/// most, which adds up the outages, and one overflow.
///
/// Ends when it is destroyed or `close`d (its channels are unsubscribed unless somebody else listens to them), when all
/// its channels were taken away, when the server no longer permits them, or with the client, which it may outlive.
///
/// Movable. `next`, `close` and the destructor may be called from any thread; `next` by one caller at a time.
class subscription {
 public:
  subscription() noexcept = default;
  explicit subscription(std::shared_ptr<detail::subscription_state> state) noexcept : state_(std::move(state)) {}
  subscription(subscription&&) noexcept = default;
  subscription& operator=(subscription&& other) noexcept;
  ~subscription() { close(); }

  /// The next message or notice, in the order they came. Completes with `void(std::exception_ptr, message)`.
  ///
  /// Errors: `cancelled` when the subscription has ended, or the wait was cancelled, which loses nothing; `overloaded`
  /// under `overflow_policy::close`; `server_error` when the server no longer permits its channels; `error` when
  /// another `next` is waiting. What is buffered is handed out before any end but that by `close`.
  ///
  /// The handler runs on its associated executor, without one on the client's; it is always posted.
  template <class Token = asio::deferred_t>
  auto next(Token&& token = Token()) {
    return asio::async_initiate<Token, void(std::exception_ptr, message)>(detail::initiate_next(state_), token);
  }

  /// Ends the subscription: what is buffered is dropped, a waiting `next` fails with `cancelled`. Returns at once; the
  /// server is told in the background.
  void close() noexcept;

  /// False once it has ended. What is buffered can still be read then.
  [[nodiscard]] bool is_open() const noexcept;

 private:
  std::shared_ptr<detail::subscription_state> state_;
};

}  // namespace redstart
