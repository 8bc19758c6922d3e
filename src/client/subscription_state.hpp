// SPDX-License-Identifier: MIT
// What stands between the pub/sub connection and one listener: its buffer, and the `next` that waits.
//
// The service adds on its strand, the listener takes on any thread; a mutex guards what they share. It is never held
// while code of a user runs, and that includes the destructors of handlers: they may own what calls back here.
#pragma once

#include "client/message_buffer.hpp"
#include "redstart/subscription.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace redstart::detail {

/// Whoever feeds subscriptions.
class subscription_owner {
 public:
  /// The listener has gone. May be called from any thread.
  virtual void release(std::shared_ptr<subscription_state> state) = 0;

 protected:
  ~subscription_owner() = default;
};

/// Handlers are always posted, also when the service has something for a listener that waits: the reading loop runs no
/// code of a user.
class subscription_state final : public std::enable_shared_from_this<subscription_state> {
 public:
  using time_point = message_buffer::time_point;

  /// `description` is what errors call it: `the subscription to a and 2 more on redis://host:6379/0`. `home` is where
  /// handlers without an executor of their own run.
  subscription_state(asio::any_io_executor home, const subscription_options& options, std::string description,
                     std::weak_ptr<subscription_owner> owner);
  subscription_state(const subscription_state&) = delete;
  subscription_state& operator=(const subscription_state&) = delete;
  ~subscription_state() { discard(); }

  // --- For the listener, from any thread -----------------------------------------------------------------------------
  /// `handler` is posted to `executor` when there is something for it.
  void next(next_handler handler, const asio::any_io_executor& executor);
  /// The listener goes: what is buffered is dropped, a waiting `next` fails with `cancelled`, the owner is told. Once.
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept;
  [[nodiscard]] const asio::any_io_executor& home() const noexcept { return home_; }

  // --- For the service -----------------------------------------------------------------------------------------------
  /// False: it takes no more messages, because it has ended, perhaps just now by its own overflow policy.
  [[nodiscard]] bool deliver(const message_view& arrived, time_point now);
  /// The connection was lost.
  void interrupt(time_point now);
  /// Redis has confirmed all of its channels again.
  void resume(time_point now);
  /// After what is buffered, `next` fails with `why`. The owner is not told of `close` any more.
  void end(std::exception_ptr why, time_point now);
  /// The executor is going away and nobody can be told: a waiting handler is destroyed.
  void discard() noexcept;

  [[nodiscard]] const std::string& description() const noexcept { return description_; }

 private:
  using work = asio::executor_work_guard<asio::any_io_executor>;
  struct waiter {
    next_handler handler;
    work executor;
    std::uint64_t id;
  };
  struct outcome {
    std::exception_ptr failure;
    message item;
  };
  class cancel_on_signal;

  [[nodiscard]] std::optional<outcome> take();
  [[nodiscard]] waiter take_waiter();
  void serve(std::unique_lock<std::mutex> lock);
  void cancel(std::uint64_t id);
  static void post(waiter&& to, outcome&& what);

  const asio::any_io_executor home_;
  const std::string description_;

  mutable std::mutex mutex_;  // guards all that follows
  message_buffer buffer_;
  std::optional<waiter> waiter_;
  std::uint64_t waits_ = 0;
  std::exception_ptr ended_;
  std::weak_ptr<subscription_owner> owner_;  // empty once there is nothing to tell it
};

}  // namespace redstart::detail
