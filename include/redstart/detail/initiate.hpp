// SPDX-License-Identifier: MIT
// From a verb to an operation: how a completion token of any sort meets the compiled library.
#pragma once

#include "redstart/call_options.hpp"
#include "redstart/detail/asio_awaitable_fix.hpp"
#include "redstart/detail/completion.hpp"
#include "redstart/detail/request.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

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
[[nodiscard]] std::exception_ptr make_server_error(reply_view reply, const operation_context& context);
/// What a decoder throws when Redis refused after all: becomes `server_error`.
struct server_refusal {
  std::string text;
};
/// For what a decoder threw: `decode_error` with the bytes of the reply for a mismatch, otherwise the thing itself.
[[nodiscard]] std::exception_ptr make_decode_failure(std::exception_ptr thrown, reply_view reply,
                                                     const operation_context& context);

/// A handler with what it is to be called with.
template <class Handler, class Result>
struct bound_result {
  Handler handler;
  std::exception_ptr failure;
  Result result;

  void operator()() {
    // Before the handler: what sits in the slot refers to an operation that has ended.
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) slot.clear();
    std::move(handler)(std::move(failure), std::move(result));
  }
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
  operation_completion(Handler&& handler, Decode&& decode, const asio::any_io_executor& home, bool on_heap,
                       const operation_ref& self)
      : handler_(std::move(handler)), decode_(std::move(decode)), home_(&home), on_heap_(on_heap) {
    const auto mine = asio::get_associated_executor(handler_, home);
    if (!is_home(mine)) away_.emplace(mine);
    if (auto slot = asio::get_associated_cancellation_slot(handler_); slot.is_connected()) {
      slot.template emplace<cancel_on_signal>(self);
    }
  }

  void collect(reply_view reply) noexcept override {
    if constexpr (requires { decode_.collect(reply); }) {
      try {
        decode_.collect(reply);
      } catch (...) {
        collect_failure_ = std::current_exception();
      }
    }
  }

  void answer(reply_view reply, const operation_context& context) noexcept override {
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
    finish(std::move(failure), std::move(result), completion_site::loop);
  }

  void fail(std::exception_ptr failure, completion_site site) noexcept override {
    finish(std::move(failure), Result{}, site);
  }

  void discard() noexcept override {
    [[maybe_unused]] const Handler handler(std::move(handler_));
    destroy();
  }

 private:
  using executor_type = asio::associated_executor_t<Handler, asio::any_io_executor>;

  bool is_home(const executor_type& mine) const noexcept {
    if constexpr (std::is_same_v<executor_type, asio::any_io_executor>) {
      return mine == *home_;
    } else if constexpr (std::is_constructible_v<asio::any_io_executor, const executor_type&>) {
      return asio::any_io_executor(mine) == *home_;
    } else {
      return false;
    }
  }

  void destroy() noexcept {
    const bool on_heap = on_heap_;
    this->~operation_completion();
    if (on_heap) ::operator delete(static_cast<void*>(this), std::align_val_t{alignof(operation_completion)});
  }

  void finish(std::exception_ptr failure, Result&& result, completion_site site) noexcept {
    const asio::any_io_executor& home = *home_;
    bound_result<Handler, Result> call{std::move(handler_), std::move(failure), std::move(result)};
    std::optional<asio::executor_work_guard<executor_type>> away = std::move(away_);
    destroy();
    try {
      if (away) {
        const executor_type there = away->get_executor();
        if (site == completion_site::loop) {
          asio::dispatch(there, std::move(call));
        } else {
          asio::post(there, std::move(call));
        }
      } else if (site == completion_site::loop) {
        call();
      } else {
        asio::post(home, std::move(call));
      }
    } catch (...) {
      post_rethrow(home, std::current_exception());
    }
  }

  Handler handler_;
  [[no_unique_address]] Decode decode_;
  std::exception_ptr collect_failure_;
  const asio::any_io_executor* home_;
  std::optional<asio::executor_work_guard<executor_type>> away_;  // empty: the handler runs on the home executor
  bool on_heap_;
};

template <class Handler, class Result, class Decode>
class typed_completion_maker final : public completion_maker {
  using made = operation_completion<Handler, Result, Decode>;

 public:
  typed_completion_maker(Handler& handler, Decode& decode, const asio::any_io_executor& home)
      : completion_maker(sizeof(made), alignof(made)), handler_(handler), decode_(decode), home_(home) {}

  completion* make(void* where, bool on_heap, const operation_ref& self) override {
    return ::new (where) made(std::move(handler_), std::move(decode_), home_, on_heap, self);
  }

 private:
  Handler& handler_;
  Decode& decode_;
  const asio::any_io_executor& home_;
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
    typed_completion_maker<handler_type, Result, Decode> maker(mine, decode, get_executor());
    submit(*core_, std::move(command), options_, maker);
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
