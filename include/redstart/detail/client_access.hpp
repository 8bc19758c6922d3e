// SPDX-License-Identifier: MIT
// What the templates of `client` need from the compiled library.
#pragma once

#include "redstart/detail/from_reply.hpp"
#include "redstart/detail/initiate.hpp"
#include "redstart/health.hpp"
#include "redstart/subscription.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace redstart {

struct set_options;

namespace detail {

// --- Verbs that are more than one request: coroutines on the client's strand -----------------------------------------
[[nodiscard]] asio::any_io_executor strand_of(client_core& core);
asio::awaitable<void> connect(client_core& core);
asio::awaitable<void> disconnect(client_core& core);
asio::awaitable<health> health_check(client_core& core);
asio::awaitable<subscription> subscribe(client_core& core, subscription_options options);
asio::awaitable<void> unsubscribe(client_core& core, std::vector<std::string> names);

/// Runs `work` on the strand and completes `token` with its result.
template <class Result, class Token>
auto spawn(client_core& core, asio::awaitable<Result> work, Token&& token = Token()) {
  return asio::co_spawn(strand_of(core), std::move(work), std::forward<Token>(token));
}
template <class Result>
auto spawn(client_core& core, asio::awaitable<Result> work) {
  return asio::co_spawn(strand_of(core), std::move(work), asio::deferred);
}

// --- Requests --------------------------------------------------------------------------------------------------------
request set_request(std::string_view key, std::string_view value, const set_options& options);
void add_exec(request& transaction);

/// RPUSH of every value; LLEN when there is none.
template <class Range>
request push_request(std::string_view queue, const Range& values) {
  std::vector<std::string> texts;
  for (const auto& value : values) {
    std::string scratch;
    texts.emplace_back(encode_value(value, scratch));
  }
  if (texts.empty()) return {true, {"LLEN", queue}};
  std::vector<std::string_view> args{"RPUSH", queue};
  args.insert(args.end(), texts.begin(), texts.end());
  return {false, std::span<const std::string_view>(args)};
}

/// Taking elements of a queue.
struct pop_request {
  std::string queue;
  std::size_t max = 1;
  bool batch = false;  ///< the answer is a list even of one
  std::chrono::nanoseconds timeout{};
};
void submit_pop(client_core& core, pop_request&& pop, const call_options& options, completion_maker& maker);

/// Any command, over whatever connection it needs.
struct any_command {
  request command;
  bool blocks = false;
  std::chrono::milliseconds block_time{};  ///< zero: for ever
};
/// Throws `error` when it must not be sent over a shared connection.
any_command make_command(std::span<const std::string_view> args);
void submit_command(client_core& core, any_command&& command, const call_options& options, completion_maker& maker);

template <class Result, class Decode, class What>
class initiate_other {
 public:
  using executor_type = asio::any_io_executor;
  using submitter = void (*)(client_core&, What&&, const call_options&, completion_maker&);

  initiate_other(client_core* core, const call_options& options, submitter submit)
      : core_(core), options_(options), submit_(submit) {}
  [[nodiscard]] const executor_type& get_executor() const noexcept { return home_executor(*core_); }

  template <class Handler>
  void operator()(Handler&& handler, What&& what, Decode&& decode) const {
    using handler_type = std::decay_t<Handler>;
    handler_type mine(std::forward<Handler>(handler));
    typed_completion_maker<handler_type, Result, Decode> maker(mine, decode, get_executor());
    maker.start([&](completion_maker& with) { submit_(*core_, std::move(what), options_, with); });
  }

 private:
  client_core* core_;
  call_options options_;
  submitter submit_;
};

template <class Result, class Decode, class Token>
auto start_pop(client_core* core, const call_options& options, pop_request&& pop, Decode decode, Token&& token) {
  return asio::async_initiate<Token, void(std::exception_ptr, Result)>(
      initiate_other<Result, Decode, pop_request>(core, options, &submit_pop), token, std::move(pop),
      std::move(decode));
}

template <class Result, class Decode>
auto start_command(client_core* core, const call_options& options, std::span<const std::string_view> args,
                   Decode decode) {
  asio::deferred_t token;
  return asio::async_initiate<asio::deferred_t, void(std::exception_ptr, Result)>(
      initiate_other<Result, Decode, any_command>(core, options, &submit_command), token, make_command(args),
      std::move(decode));
}

// --- Decoders --------------------------------------------------------------------------------------------------------
struct decode_ttl {
  void operator()(reply_view reply, std::optional<std::chrono::milliseconds>& result) const;
};

/// Each reply as it is, errors included.
struct collect_replies {
  using takes_errors = void;
  bool drop = false;
  std::vector<reply> so_far{};
  void collect(reply_view reply) { so_far.emplace_back(reply); }
  void operator()(reply_view reply, std::vector<class reply>& result) {
    collect(reply);
    if (!drop) result = std::move(so_far);
  }
};

/// `+OK`, `+QUEUED` for each command, then the array that EXEC answers.
struct collect_transaction {
  using takes_errors = void;
  std::string refusal{};  ///< the first command that was not queued, and why
  void collect(reply_view reply);
  void operator()(reply_view reply, std::vector<class reply>& result) const;
};

}  // namespace detail
}  // namespace redstart
