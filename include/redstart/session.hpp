// SPDX-License-Identifier: MIT
// A connection of one's own, for commands that concern the connection itself: WATCH, and MULTI step by step.
#pragma once

#include "redstart/detail/client_access.hpp"
#include "redstart/pipeline.hpp"
#include "redstart/reply.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace redstart {

class session;

namespace detail {

class session_state;

/// What a command does to the connection it is sent over.
enum class session_effect : std::uint8_t {
  none,
  begins,  ///< WATCH, MULTI: the next user must not find it
  ends,    ///< EXEC, DISCARD, UNWATCH: all of it is over
  whole,   ///< MULTI … EXEC in one: begins and ends
};
struct session_command {
  any_command command;
  session_effect effect = session_effect::none;
};

/// Throws `error` for commands that may not be sent over a leased connection either.
session_command make_session_command(std::span<const std::string_view> args);
void submit_session(session_state& on, session_command&& command, completion_maker& maker);
/// To be called with every answer that is not an error, in order.
void note_answer(session_state& of, session_effect effect, reply_view answer) noexcept;
void close_session(const std::shared_ptr<session_state>& state) noexcept;
[[nodiscard]] const asio::any_io_executor& home_executor(const session_state& of) noexcept;
/// `state`, or `not_connected` when there is none.
[[nodiscard]] std::shared_ptr<session_state> require_session(const std::shared_ptr<session_state>& state);
asio::awaitable<session> lease(client_core& core);

/// Tells the session of the answer before `Decode` has its way with it.
template <class Decode>
struct note_and_decode {
  std::shared_ptr<session_state> state;
  session_effect effect;
  Decode decode;
  template <class Result>
  void operator()(reply_view reply, Result& result) {
    note_answer(*state, effect, reply);
    decode(reply, result);
  }
};

/// `+OK`, `+QUEUED` for each command, then what EXEC answers: an array, or null when a watched key has changed.
struct collect_watched_transaction {
  using takes_errors = void;
  std::shared_ptr<session_state> state;
  std::string refusal{};  ///< the first command that was not queued, and why
  void collect(reply_view reply);
  void operator()(reply_view reply, std::optional<std::vector<class reply>>& result) const;
};

template <class Result, class Decode>
class initiate_on_session {
 public:
  using executor_type = asio::any_io_executor;

  explicit initiate_on_session(std::shared_ptr<session_state> state) : state_(std::move(state)) {}
  [[nodiscard]] const executor_type& get_executor() const noexcept { return home_executor(*state_); }

  template <class Handler>
  void operator()(Handler&& handler, session_command&& command, Decode&& decode) const {
    using handler_type = std::decay_t<Handler>;
    handler_type mine(std::forward<Handler>(handler));
    typed_completion_maker<handler_type, Result, Decode> maker(mine, decode, get_executor());
    submit_session(*state_, std::move(command), maker);
  }

 private:
  std::shared_ptr<session_state> state_;
};

template <class Result, class Decode, class Token>
auto start_on_session(std::shared_ptr<session_state> state, session_command&& command, Decode decode, Token&& token) {
  return asio::async_initiate<Token, void(std::exception_ptr, Result)>(
      initiate_on_session<Result, Decode>(std::move(state)), token, std::move(command), std::move(decode));
}

}  // namespace detail

/// One connection, for one user at a time, from `client::lease`.
///
/// For optimistic locking: read what is watched, and change it only if nobody else did meanwhile.
///
///   redstart::session own = co_await redis.lease();
///   for (;;) {
///     co_await own.exec("WATCH", "stock");
///     const auto stock = co_await own.exec<int>("GET", "stock");
///     redstart::transaction change;
///     change.add("SET", "stock", stock - 1);
///     if (co_await own.exec(std::move(change))) break;  // empty: the key changed under our feet, so again
///   }
///
/// The commands of a session are sent in the order their operations were started. Nothing is sent again after a lost
/// connection, because what the server knew of it (watched keys, an open MULTI) is lost too: everything fails with
/// `connection_error` from then on, and a new session is needed.
///
/// Destroying it gives the connection back without waiting. It is closed, and not used again, when an answer is
/// outstanding (of a cancelled or timed-out command, too), or when keys may still be watched or a MULTI may be open.
/// Closing ends a command that blocks; an element that it had taken from a queue already is lost with the connection,
/// so prefer `get_from_queue` to BLPOP in a session.
///
/// Movable. Calls from several threads must be kept apart. Must not outlive the client's execution context.
class session {
 public:
  session() noexcept = default;
  explicit session(std::shared_ptr<detail::session_state> state) noexcept : state_(std::move(state)) {}
  session(session&&) noexcept = default;
  session& operator=(session&& other) noexcept {
    if (this != &other) {
      close();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~session() { close(); }

  /// Any command, as `client::exec`; also WATCH, UNWATCH, MULTI, EXEC and DISCARD. Always returns a deferred operation.
  ///
  /// The call itself throws `not_connected` when the session is closed, and `error` for commands that would change more
  /// than that. A command that blocks has its time from its own arguments, all others have `config::timeout`.
  template <class T = reply, class... Args>
  auto exec(std::string_view command, const Args&... args) const {
    return detail::with_arguments(
        [this](std::span<const std::string_view> all) {
          auto made = detail::make_session_command(all);
          detail::note_and_decode<detail::decode_reply<T>> decode{detail::require_session(state_), made.effect, {}};
          return detail::start_on_session<T>(decode.state, std::move(made), decode, asio::deferred);
        },
        command, args...);
  }

  /// A transaction: what its commands answered, in order. Empty when a watched key has changed: none of them ran.
  /// Afterwards nothing is watched. `server_error` when one of them was refused as it was queued, and none ran; an
  /// error while running is in its reply. https://redis.io/docs/latest/develop/using-commands/transactions/
  template <class Token = asio::deferred_t>
  auto exec(transaction all, Token&& token = Token()) const {
    detail::session_command made{.command = {}, .effect = detail::session_effect::whole};
    detail::add_exec(all.request_);
    made.command.command = std::move(all.request_);
    detail::collect_watched_transaction collect{detail::require_session(state_)};
    return detail::start_on_session<std::optional<std::vector<reply>>>(collect.state, std::move(made), collect,
                                                                       std::forward<Token>(token));
  }

  /// Gives the connection back now, as destroying the session does. Operations that are under way fail with
  /// `cancelled`, later ones with `not_connected`. May be called again.
  void close() noexcept {
    if (state_) detail::close_session(std::exchange(state_, nullptr));
  }

  [[nodiscard]] bool is_open() const noexcept { return state_ != nullptr; }

 private:
  std::shared_ptr<detail::session_state> state_;
};

}  // namespace redstart
