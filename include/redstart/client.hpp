// SPDX-License-Identifier: MIT
// The client: what a service holds to speak to Redis.
#pragma once

#include "redstart/call_options.hpp"
#include "redstart/config.hpp"
#include "redstart/detail/client_access.hpp"
#include "redstart/detail/from_reply.hpp"
#include "redstart/detail/initiate.hpp"
#include "redstart/health.hpp"
#include "redstart/pipeline.hpp"
#include "redstart/reply.hpp"
#include "redstart/session.hpp"
#include "redstart/subscription.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redstart {

namespace asio = boost::asio;
namespace json = boost::json;

/// How `set` stores a value.
struct set_options {
  /// The key vanishes after this time, at least 1 ms. Empty: it stays, and an expiry it had is removed.
  std::optional<std::chrono::milliseconds> expire{};
  /// The key keeps the expiry it has. Not together with `expire`.
  bool keep_ttl = false;
  bool if_absent = false;  ///< only when the key does not exist
  bool if_exists = false;  ///< only when the key exists
};

/// Every verb, under one set of call options.
///
/// Operations complete with `void(std::exception_ptr, Result)`; with `co_await` the result is returned and errors are
/// thrown. The completion token is the last argument, `asio::deferred` by default; verbs with a list of arguments
/// always return a deferred operation, which takes a token when called: `redis.del("a", "b")(token)`.
///
/// Arguments are encoded when the verb is called and need not live longer. The operation starts when it is awaited; the
/// client must be alive then, and may be destroyed afterwards: the operation then fails with `cancelled`.
///
/// Errors of every operation: `not_connected` before `connect` and after `disconnect`; `timeout_error` and
/// `connection_error` (see `error::maybe_applied`); `overloaded`; `server_error` with Redis's answer; `decode_error`
/// when the answer does not fit the type; `cancelled`. `encode_error` is thrown by the call itself.
///
/// Cancellation (any type) frees the waiter at once. A command that was sent is executed all the same; its answer is
/// dropped.
///
/// Safe to be called from any thread. Handlers run on their associated executor, without one on the client's.
class commands {
 public:
  // --- Cache ---------------------------------------------------------------------------------------------------------
  /// Reads a key: GET. Empty when there is none. https://redis.io/commands/get/
  template <class T = json::value, class Token = asio::deferred_t>
  auto get(std::string_view key, Token&& token = Token()) const {
    return start<std::optional<T>>({true, {"GET", key}}, detail::decode_optional_value<T>(),
                                   std::forward<Token>(token));
  }

  /// Stores a value: SET. True when it was stored, which only a condition of the options can prevent.
  /// Throws `config_error` for options that contradict each other. https://redis.io/commands/set/
  template <class T, class Token = asio::deferred_t>
  auto set(std::string_view key, const T& value, const set_options& options, Token&& token = Token()) const {
    std::string scratch;
    return start<bool>(detail::set_request(key, detail::encode_value(value, scratch), options),
                       detail::decode_applied(), std::forward<Token>(token));
  }
  template <class T>
  auto set(std::string_view key, const T& value) const {
    return set(key, value, set_options{});
  }

  /// How many of the keys exist; one named twice counts twice: EXISTS.
  template <std::convertible_to<std::string_view>... Keys>
  auto exists(const Keys&... keys) const {
    static_assert(sizeof...(keys) > 0, "name at least one key");
    return start<std::size_t>({true, {"EXISTS", std::string_view(keys)...}}, detail::decode_reply<std::size_t>());
  }

  /// Removes keys: DEL. Returns how many there were.
  template <std::convertible_to<std::string_view>... Keys>
  auto del(const Keys&... keys) const {
    static_assert(sizeof...(keys) > 0, "name at least one key");
    return start<std::size_t>({false, {"DEL", std::string_view(keys)...}}, detail::decode_reply<std::size_t>());
  }

  /// Lets a key vanish after `time`: PEXPIRE. False when there is no such key. Zero or less removes it now.
  template <class Token = asio::deferred_t>
  auto expire(std::string_view key, std::chrono::milliseconds time, Token&& token = Token()) const {
    return start<bool>({false, {"PEXPIRE", key, std::to_string(time.count())}}, detail::decode_reply<bool>(),
                       std::forward<Token>(token));
  }

  /// How long a key will still be there: PTTL. Empty when there is no such key, `milliseconds::max()` when it does not
  /// expire.
  template <class Token = asio::deferred_t>
  auto ttl(std::string_view key, Token&& token = Token()) const {
    return start<std::optional<std::chrono::milliseconds>>({true, {"PTTL", key}}, detail::decode_ttl(),
                                                           std::forward<Token>(token));
  }

  // --- Queues --------------------------------------------------------------------------------------------------------
  /// Adds a value at the end of a queue: RPUSH. Returns the queue's new length.
  template <class T, class Token = asio::deferred_t>
  auto add_to_queue(std::string_view queue, const T& value, Token&& token = Token()) const {
    std::string scratch;
    return start<std::size_t>({false, {"RPUSH", queue, detail::encode_value(value, scratch)}},
                              detail::decode_reply<std::size_t>(), std::forward<Token>(token));
  }
  /// Adds each value of a range, in one command. An empty range adds nothing and returns the length.
  template <class Range, class Token = asio::deferred_t>
  auto add_to_queue(std::string_view queue, const each<Range>& values, Token&& token = Token()) const {
    return start<std::size_t>(detail::push_request(queue, values.range), detail::decode_reply<std::size_t>(),
                              std::forward<Token>(token));
  }

  /// Takes the first element of a queue. Empty when there is none.
  ///
  /// With a `timeout` of zero it returns at once (LPOP). Otherwise it waits up to `timeout` for an element (BLPOP, over
  /// a connection that all waiting pops share); waiters of a queue are served in the order they came. A cancelled or
  /// timed-out wait takes nothing: what arrives too late goes back to the head of the queue. The time of `call_options`
  /// is not applied to waits. Empty means that Redis was asked and had nothing; when it could not be asked it is a
  /// `connection_error`.
  template <class T = json::value, class Token = asio::deferred_t>
  auto get_from_queue(std::string_view queue, std::chrono::nanoseconds timeout = {}, Token&& token = Token()) const {
    return start_pop<std::optional<T>>(detail::pop_request{std::string(queue), 1, false, timeout},
                                       detail::decode_optional_value<T>(), std::forward<Token>(token));
  }

  /// Takes up to `max` elements: what is there, waiting up to `timeout` only when nothing is. Otherwise as
  /// `get_from_queue`. An element that does not fit `T` fails the call with a `decode_error` that holds all of them.
  template <class T = json::value, class Token = asio::deferred_t>
  auto get_batch_from_queue(std::string_view queue, std::size_t max, std::chrono::nanoseconds timeout = {},
                            Token&& token = Token()) const {
    return start_pop<std::vector<T>>(detail::pop_request{std::string(queue), max, true, timeout},
                                     detail::decode_values<T>(), std::forward<Token>(token));
  }

  /// How many elements wait in a queue: LLEN.
  template <class Token = asio::deferred_t>
  auto get_queue_length(std::string_view queue, Token&& token = Token()) const {
    return start<std::size_t>({true, {"LLEN", queue}}, detail::decode_reply<std::size_t>(), std::forward<Token>(token));
  }

  /// Looks at elements without taking them: LRANGE. Both ends are included; negative ones count from the end, -1 is
  /// the last.
  template <class T = json::value, class Token = asio::deferred_t>
  auto peek_queue(std::string_view queue, std::int64_t first = 0, std::int64_t last = -1,
                  Token&& token = Token()) const {
    return start<std::vector<T>>({true, {"LRANGE", queue, std::to_string(first), std::to_string(last)}},
                                 detail::decode_values<T>(), std::forward<Token>(token));
  }

  /// Removes a queue with all its elements: DEL. False when it was empty.
  template <class Token = asio::deferred_t>
  auto clear_queue(std::string_view queue, Token&& token = Token()) const {
    return start<bool>({false, {"DEL", queue}}, detail::decode_reply<bool>(), std::forward<Token>(token));
  }

  // --- Pub/sub -------------------------------------------------------------------------------------------------------
  /// Sends a message to whoever is subscribed now: PUBLISH. Returns how many of this server's clients got it.
  template <class T, class Token = asio::deferred_t>
  auto publish(std::string_view channel, const T& message, Token&& token = Token()) const {
    std::string scratch;
    return start<std::size_t>({false, {"PUBLISH", channel, detail::encode_value(message, scratch)}},
                              detail::decode_reply<std::size_t>(), std::forward<Token>(token));
  }

  // --- Everything else -----------------------------------------------------------------------------------------------
  /// Any command. Texts are sent as they are, numbers in decimal, other values as `codec` writes them; `each(range)` is
  /// as many arguments as the range has.
  ///
  /// A command that blocks (BLMOVE, XREAD with BLOCK) gets a connection of its own meanwhile, and its time from its own
  /// arguments; it fails with `pool_timeout` when none becomes free within the operation's timeout. One that would
  /// change the connection for everybody (SUBSCRIBE, SELECT, MULTI) throws `error` that says what to use instead.
  template <class T = reply, class... Args>
  auto exec(std::string_view command, const Args&... args) const {
    return detail::with_arguments(
        [this](std::span<const std::string_view> all) {
          return detail::start_command<T>(core_, options_, all, detail::decode_reply<T>());
        },
        command, args...);
  }

  /// All commands of a pipeline. An error that Redis answers to one of them is in its reply. An empty pipeline
  /// is an empty vector.
  template <class Token = asio::deferred_t>
  auto exec(pipeline batch, Token&& token = Token()) const {
    // An operation must be answered: without commands of its own it asks PING and drops the answer.
    const bool nothing = batch.empty();
    if (nothing) batch.add("PING");
    return start<std::vector<reply>>(std::move(batch.request_), detail::collect_replies{.drop = nothing},
                                     std::forward<Token>(token));
  }

  /// A transaction: what its commands answered, in order. `server_error` with a command's own error when it was refused
  /// as it was queued, and none ran; an error while running is in its reply.
  template <class Token = asio::deferred_t>
  auto exec(transaction all, Token&& token = Token()) const {
    detail::add_exec(all.request_);
    return start<std::vector<reply>>(std::move(all.request_), detail::collect_transaction(),
                                     std::forward<Token>(token));
  }

 protected:
  commands(detail::client_core* core, const call_options& options) : core_(core), options_(options) {}
  detail::client_core* core_;
  call_options options_;

 private:
  friend class client;

  template <class Result, class Decode, class Token = asio::deferred_t>
  auto start(detail::request&& command, Decode decode, Token&& token = Token()) const {
    return detail::start<Result>(core_, options_, std::move(command), std::move(decode), std::forward<Token>(token));
  }
  template <class Result, class Decode, class Token>
  auto start_pop(detail::pop_request&& pop, Decode decode, Token&& token) const {
    return detail::start_pop<Result>(core_, options_, std::move(pop), std::move(decode), std::forward<Token>(token));
  }
};

/// A client: its connections, and every verb.
///
/// Made on an executor, whose context may run on several threads. All its work happens there; it has no thread of its
/// own. While connected it keeps its context running: `disconnect`, or destroying it, lets `run` return.
///
/// Destroying it closes every connection; operations that are still waiting fail with `cancelled`.
class client : public commands {
 public:
  /// Checks the configuration and throws `config_error`; connects to nothing yet.
  explicit client(const asio::any_io_executor& executor, config settings = config::from_env());
  client(client&&) noexcept;
  client& operator=(client&&) noexcept;
  ~client();

  [[nodiscard]] asio::any_io_executor get_executor() const;

  /// Connects all lanes, and starts the server of an `embedded:` URL. Tries `config::connect_attempts` times, with
  /// backoff; then `connection_error` says how often, for how long, and why. A login that is refused for good fails at
  /// once. Does nothing when connected. After `disconnect` it may be called again. Completes with
  /// `void(std::exception_ptr)`.
  template <class Token = asio::deferred_t>
  auto connect(Token&& token = Token()) {
    return detail::spawn(*core_, detail::connect(*core_), std::forward<Token>(token));
  }

  /// Ends the use of Redis: operations that are still waiting fail with `cancelled`, connections are closed, an
  /// embedded server is stopped. Does nothing when not connected. Completes with `void(std::exception_ptr)`, never with
  /// an error.
  template <class Token = asio::deferred_t>
  auto disconnect(Token&& token = Token()) {
    return detail::spawn(*core_, detail::disconnect(*core_), std::forward<Token>(token));
  }

  /// The same client under other call options: `redis.with({.timeout = 100ms}).get("k")`. The view must not outlive the
  /// client.
  [[nodiscard]] commands with(const call_options& options) const { return {core_, options}; }

  /// Subscribes to channels and patterns, with a buffer of one's own choice.
  template <class Token = asio::deferred_t>
  auto subscribe(subscription_options options, Token&& token = Token()) const {
    return detail::spawn(*core_, detail::subscribe(*core_, std::move(options)), std::forward<Token>(token));
  }
  /// Subscribes to channels; completes once Redis has confirmed all of them. See `subscription`.
  template <std::convertible_to<std::string_view>... Channels>
  auto subscribe(const Channels&... channels) const {
    static_assert(sizeof...(channels) > 0, "name at least one channel");
    return subscribe(subscription_options{.channels = {std::string(std::string_view(channels))...}});
  }
  /// Subscribes to patterns: `camera.*`. https://redis.io/commands/psubscribe/
  template <std::convertible_to<std::string_view>... Patterns>
  auto psubscribe(const Patterns&... patterns) const {
    static_assert(sizeof...(patterns) > 0, "name at least one pattern");
    return subscribe(subscription_options{.patterns = {std::string(std::string_view(patterns))...}});
  }
  /// Takes channels (or patterns) away from every subscription of this client. Ending a `subscription` takes away only
  /// its own.
  template <std::convertible_to<std::string_view>... Channels>
  auto unsubscribe(const Channels&... channels) const {
    static_assert(sizeof...(channels) > 0, "name at least one channel");
    return detail::spawn(*core_, detail::unsubscribe(*core_, {std::string(std::string_view(channels))...}));
  }

  /// Lends a connection of its own, for WATCH and for MULTI step by step: see `session`. Waits for one until the
  /// operation's timeout, then `pool_timeout`.
  template <class Token = asio::deferred_t>
  auto lease(Token&& token = Token()) const {
    return detail::spawn(*core_, detail::lease(*core_), std::forward<Token>(token));
  }

  /// Asks Redis how it is: PING and INFO. Never throws: an unreachable server is `unhealthy` with the reason.
  template <class Token = asio::deferred_t>
  auto health_check(Token&& token = Token()) const {
    return detail::spawn(*core_, detail::health_check(*core_), std::forward<Token>(token));
  }

 private:
  std::shared_ptr<detail::client_core> owner_;
};

}  // namespace redstart
