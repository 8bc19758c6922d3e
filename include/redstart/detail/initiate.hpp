// SPDX-License-Identifier: MIT
// From a verb to an operation: how a completion token of any sort meets the compiled library.
#pragma once

#include "redstart/call_options.hpp"
#include "redstart/detail/asio_awaitable_fix.hpp"
#include "redstart/detail/completion.hpp"
#include "redstart/detail/outbox.hpp"
#include "redstart/detail/request.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/recycling_allocator.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace redstart::detail {

namespace asio = boost::asio;

class client_core;

// The compiled side. `core` must be alive when an operation is initiated, and need not be afterwards.
void submit(client_core& core, request&& command, const call_options& options, completion_maker& maker);
[[nodiscard]] const asio::any_io_executor& home_executor(const client_core& core) noexcept;
void post_rethrow(const asio::any_io_executor& on, std::exception_ptr thrown) noexcept;
// Without memory for the words, these are `std::bad_alloc`.
[[nodiscard]] std::exception_ptr make_server_error(reply_view reply, const operation_context& context) noexcept;
/// What a decoder throws when Redis refused after all: becomes `server_error`.
struct server_refusal {
  std::string text;
};
/// For what a decoder threw: `decode_error` with the bytes of the reply for a mismatch, otherwise the thing itself.
[[nodiscard]] std::exception_ptr make_decode_failure(std::exception_ptr thrown, reply_view reply,
                                                     const operation_context& context) noexcept;

/// Calls the handler of an operation that has ended.
template <class Handler, class Result>
void call_handler(Handler&& handler, std::exception_ptr&& failure, Result&& result) {
  // Before the handler: what sits in the slot refers to an operation that has ended.
  if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) slot.clear();
  std::move(handler)(std::move(failure), std::move(result));
}

/// A handler with what it is to be called with.
template <class Handler, class Result>
struct bound_result {
  Handler handler;
  std::exception_ptr failure;
  Result result;

  void operator()() { call_handler(std::move(handler), std::move(failure), std::move(result)); }
  // Handlers are movable, but not all can be assigned.
  void take(bound_result&& other) noexcept {
    std::destroy_at(&handler);
    std::construct_at(&handler, std::move(other.handler));
    failure = std::move(other.failure);
    result = std::move(other.result);
  }
};

/// Has `there` call `call`. Asio destroys what it has no memory for; here, what is not handed over stays with the
/// caller: false, and `call` is as before.
template <class Executor, class Call>
[[nodiscard]] bool hand_over(const Executor& there, Call& call, completion_site site) {
  struct parcel {
    explicit parcel(Call&& from) : content(std::move(from)) {}
    Call content;
    bool opened = false;
  };
  std::shared_ptr<parcel> sent;
  try {
    sent = std::allocate_shared<parcel>(asio::recycling_allocator<parcel>(), std::move(call));
    auto open = [sent] {
      sent->opened = true;
      // What the handler owns goes where it runs, whoever else still holds the parcel.
      Call mine(std::move(sent->content));
      mine();
    };
    if (site == completion_site::loop) {
      asio::dispatch(there, std::move(open));
    } else {
      asio::post(there, std::move(open));
    }
    return true;
  } catch (const std::bad_alloc&) {
    // Thrown by the handler, when it was called at once.
    if (sent && sent->opened) throw;
    if (sent) call.take(std::move(sent->content));
    return false;
  }
}

/// `hand_over` for what must be told: without memory, what was made for the handler makes room for telling it so.
template <class Executor, class Call>
void hand_over_at_last(const Executor& there, Call& call, completion_site site,
                       const asio::any_io_executor& home) noexcept {
  try {
    if (hand_over(there, call, site)) return;
    if (!call.failure) call.failure = std::make_exception_ptr(std::bad_alloc());
    call.result = {};
    if (!hand_over(there, call, site)) throw std::bad_alloc();
  } catch (...) {
    post_rethrow(home, std::current_exception());
  }
}

/// A call on its way in an `outbox`.
template <class Call>
class call_letter final : public letter {
 public:
  explicit call_letter(Call&& content) noexcept : content_(std::move(content)) {}

  void open(const asio::any_io_executor& here) noexcept override {
    Call mine = take_content();
    try {
      mine();
    } catch (...) {
      post_rethrow(here, std::current_exception());
    }
  }
  void send(const asio::any_io_executor& to, const asio::any_io_executor& home) noexcept override {
    Call mine = take_content();
    hand_over_at_last(to, mine, completion_site::loop, home);
  }
  void discard() noexcept override { [[maybe_unused]] const Call mine = take_content(); }

 private:
  Call take_content() noexcept {
    Call mine(std::move(content_));
    delete this;
    return mine;
  }
  Call content_;
};

/// What a cancellation slot holds while an operation is on its way.
class cancel_on_signal {
 public:
  explicit cancel_on_signal(const operation_ref& ref) : target_(ref.target.keep_alive()), op_(ref.op), id_(ref.id) {}
  void operator()(asio::cancellation_type type) {
    if (type == asio::cancellation_type::none) return;
    if (const auto target = target_.lock()) target->cancel(op_, id_);
  }

 private:
  // Not its owner: a signal may outlive the executor that the target needs.
  std::weak_ptr<cancel_target> target_;
  void* op_;
  std::uint64_t id_;
};

/// The completion for one handler type. `Decode` makes the `Result` of replies; what it throws fails this operation
/// only.
template <class Handler, class Result, class Decode>
class operation_completion final : public completion {
 public:
  using executor_type = asio::associated_executor_t<Handler, asio::any_io_executor>;
  /// Empty: the handler runs on the home executor.
  using away_guard = std::optional<asio::executor_work_guard<executor_type>>;

  static away_guard guard_of(const Handler& handler, const asio::any_io_executor& home) {
    const auto& mine = asio::get_associated_executor(handler, home);
    return is_home(mine, home) ? away_guard() : away_guard(mine);
  }

  operation_completion(Handler&& handler, Decode&& decode, const asio::any_io_executor& home, away_guard&& away,
                       bool on_heap) noexcept
      : handler_(std::move(handler)),
        decode_(std::move(decode)),
        home_(&home),
        away_(std::move(away)),
        on_heap_(on_heap) {}

  void collect(reply_view reply) noexcept override {
    if constexpr (requires { decode_.collect(reply); }) {
      try {
        decode_.collect(reply);
      } catch (...) {
        collect_failure_ = std::current_exception();
      }
    }
  }

  void answer(reply_view reply, const operation_context& context, outbox& away) noexcept override {
    Result result{};
    std::exception_ptr failure = std::move(collect_failure_);
    if (!failure) {
      if (reply.is_error() && !requires { typename Decode::takes_errors; }) {
        failure = make_server_error(reply, context);
      } else {
        try {
          decode_(reply, result);
        } catch (...) {
          failure = make_decode_failure(std::current_exception(), reply, context);
          result = Result{};
        }
      }
    }
    finish(std::move(failure), std::move(result), completion_site::loop, &away);
  }

  void fail(std::exception_ptr failure, completion_site site) noexcept override {
    finish(std::move(failure), Result{}, site, nullptr);
  }

  bool try_fail(const std::exception_ptr& failure) noexcept override {
    bound_result<Handler, Result> call{std::move(handler_), failure, Result{}};
    try {
      if (away_ ? hand_over(away_->get_executor(), call, completion_site::caller)
                : hand_over(*home_, call, completion_site::caller)) {
        destroy();
        return true;
      }
    } catch (...) {
      // An executor that takes nothing more is no reason to tell nobody: its owner is told, as in `finish`.
      post_rethrow(*home_, std::current_exception());
      destroy();
      return true;
    }
    std::destroy_at(&handler_);
    std::construct_at(&handler_, std::move(call.handler));
    return false;
  }

  void discard() noexcept override {
    [[maybe_unused]] const Handler handler(std::move(handler_));
    destroy();
  }

 private:
  static bool is_home(const executor_type& mine, const asio::any_io_executor& home) noexcept {
    if constexpr (std::is_same_v<executor_type, asio::any_io_executor>) {
      return mine == home;
    } else if constexpr (std::is_constructible_v<asio::any_io_executor, const executor_type&>) {
      return asio::any_io_executor(mine) == home;
    } else {
      return false;
    }
  }

  void destroy() noexcept {
    const bool on_heap = on_heap_;
    this->~operation_completion();
    if (on_heap) ::operator delete(static_cast<void*>(this), std::align_val_t{alignof(operation_completion)});
  }

  void finish(std::exception_ptr failure, Result&& result, completion_site site, outbox* gathering) noexcept {
    const asio::any_io_executor& home = *home_;
    if (!away_ && site == completion_site::loop) {
      Handler handler(std::move(handler_));
      destroy();
      try {
        return call_handler(std::move(handler), std::move(failure), std::move(result));
      } catch (...) {
        return post_rethrow(home, std::current_exception());
      }
    }
    bound_result<Handler, Result> call{std::move(handler_), std::move(failure), std::move(result)};
    const away_guard away = std::move(away_);
    destroy();
    if (!away) return hand_over_at_last(home, call, site, home);
    if (!gathering || !gather(*gathering, *away, call, home)) hand_over_at_last(away->get_executor(), call, site, home);
  }

  // False when this executor's handlers cannot be gathered, or there is no memory for it: `call` is as before.
  static bool gather(outbox& with, const asio::executor_work_guard<executor_type>& away,
                     bound_result<Handler, Result>& call, const asio::any_io_executor& home) noexcept {
    if constexpr (std::is_constructible_v<asio::any_io_executor, decltype(away.get_executor())>) {
      try {
        const asio::any_io_executor to(away.get_executor());
        with.add(to, *new call_letter<bound_result<Handler, Result>>(std::move(call)), home);
        return true;
      } catch (const std::bad_alloc&) {
        with.send();  // this one goes alone, and after those before it
      }
    }
    return false;
  }

  Handler handler_;
  [[no_unique_address]] Decode decode_;
  std::exception_ptr collect_failure_;
  const asio::any_io_executor* home_;
  away_guard away_;
  bool on_heap_;
};

template <class Handler, class Result, class Decode>
class typed_completion_maker final : public completion_maker {
  using made = operation_completion<Handler, Result, Decode>;

 public:
  typed_completion_maker(Handler& handler, Decode& decode, const asio::any_io_executor& home,
                         const void* near_caller = nullptr)
      : completion_maker(sizeof(made), alignof(made), near_caller), handler_(handler), decode_(decode), home_(home) {}

  completion* make(void* where, bool on_heap, const operation_ref& self) override {
    // What may throw comes before the handler moves.
    auto away = made::guard_of(handler_, home_);
    if (auto slot = asio::get_associated_cancellation_slot(handler_); slot.is_connected()) {
      slot.template emplace<cancel_on_signal>(self);
    }
    made_ = true;
    return ::new (where) made(std::move(handler_), std::move(decode_), home_, std::move(away), on_heap);
  }

  /// Runs `submit` with this. Coroutines do not survive an exception of the call that starts an operation: when memory
  /// ran out before a completion was made, the handler is posted with that, as with any other failure.
  template <class Submit>
  void start(Submit submit) {
    try {
      submit(*this);
    } catch (const std::bad_alloc&) {
      if (made_) throw;
      bound_result<Handler, Result> call{std::move(handler_), std::current_exception(), Result{}};
      const auto mine = asio::get_associated_executor(call.handler, home_);
      if (!hand_over(mine, call, completion_site::caller)) throw;
    }
  }

 private:
  Handler& handler_;
  Decode& decode_;
  const asio::any_io_executor& home_;
  bool made_ = false;
};

/// Starts an operation: `Submit(core, request, options, maker)` takes it from here.
template <class Result, class Decode>
class initiate_request {
 public:
  using executor_type = asio::any_io_executor;

  initiate_request(client_core* core, const call_options& options) : core_(core), options_(options) {}
  [[nodiscard]] const executor_type& get_executor() const noexcept { return home_executor(*core_); }

  template <class Handler>
  void operator()(Handler&& handler, request&& command, Decode&& decode) const {
    using handler_type = std::decay_t<Handler>;
    handler_type mine(std::forward<Handler>(handler));
    typed_completion_maker<handler_type, Result, Decode> maker(mine, decode, get_executor(), &command);
    maker.start([&](completion_maker& with) { submit(*core_, std::move(command), options_, with); });
  }

 private:
  client_core* core_;
  call_options options_;
};

/// Completes `token` with `void(std::exception_ptr, Result)`.
template <class Result, class Decode, class Token>
auto start(client_core* core, const call_options& options, request&& command, Decode decode, Token&& token) {
  return asio::async_initiate<Token, void(std::exception_ptr, Result)>(initiate_request<Result, Decode>(core, options),
                                                                       token, std::move(command), std::move(decode));
}

}  // namespace redstart::detail
