// SPDX-License-Identifier: MIT
#include "client/subscription_state.hpp"

#include "redstart/error.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace redstart::detail {

namespace {

// A handler with what it is to be called with.
struct bound_next {
  next_handler handler;
  std::exception_ptr failure;
  message item;

  void operator()() {
    // Before the handler: what sits in the slot refers to a wait that has ended.
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) slot.clear();
    std::move(handler)(std::move(failure), std::move(item));
  }
};

}  // namespace

// Weak, because the slot lies within the handler, which the state owns while it waits.
class subscription_state::cancel_on_signal {
 public:
  cancel_on_signal(std::weak_ptr<subscription_state> state, std::uint64_t id) : state_(std::move(state)), id_(id) {}
  void operator()(asio::cancellation_type type) {
    if (type == asio::cancellation_type::none) return;
    if (const auto state = state_.lock()) state->cancel(id_);
  }

 private:
  std::weak_ptr<subscription_state> state_;
  std::uint64_t id_;
};

subscription_state::subscription_state(asio::any_io_executor home, const subscription_options& options,
                                       std::string description, std::weak_ptr<subscription_owner> owner)
    : home_(std::move(home)),
      description_(std::move(description)),
      buffer_(options.max_messages, options.max_bytes, options.when_full),
      owner_(std::move(owner)) {}

// --- The listener ----------------------------------------------------------------------------------------------------

void subscription_state::next(next_handler handler, const asio::any_io_executor& executor) {
  waiter asking{std::move(handler), work(executor), 0};
  std::unique_lock lock(mutex_);
  std::optional<outcome> now;
  if (waiter_) {
    now = outcome{std::make_exception_ptr(error(description_ + ": another next is waiting; one at a time")), {}};
  } else {
    now = take();
  }
  if (now) {
    lock.unlock();
    post(std::move(asking), std::move(*now));
    return;
  }
  asking.id = ++waits_;
  // Before the waiter can be found: once it is, its handler may run, and clear the slot, on another thread.
  if (auto slot = asio::get_associated_cancellation_slot(asking.handler); slot.is_connected()) {
    slot.emplace<cancel_on_signal>(weak_from_this(), asking.id);
  }
  waiter_.emplace(std::move(asking));
}

void subscription_state::cancel(std::uint64_t id) {
  std::unique_lock lock(mutex_);
  if (!waiter_ || waiter_->id != id) return;
  waiter left = take_waiter();
  lock.unlock();
  post(std::move(left), {std::make_exception_ptr(cancelled(description_ + ": next was cancelled by its caller")), {}});
}

void subscription_state::close() noexcept {
  try {
    std::unique_lock lock(mutex_);
    const auto owner = std::exchange(owner_, {}).lock();
    ended_ = std::make_exception_ptr(cancelled(description_ + " was closed"));
    buffer_.clear();
    serve(std::move(lock));
    if (owner) owner->release(shared_from_this());
  } catch (...) {  // NOLINT(bugprone-empty-catch): no memory; the owner finds it closed at the next message
  }
}

bool subscription_state::is_open() const noexcept {
  const std::lock_guard lock(mutex_);
  return !ended_;
}

// --- The service -----------------------------------------------------------------------------------------------------

bool subscription_state::deliver(const message_view& arrived, time_point now) {
  std::unique_lock lock(mutex_);
  if (ended_) return false;
  const bool taken = buffer_.push(arrived);
  if (!taken) {
    buffer_.resume(now);
    ended_ = std::make_exception_ptr(
        overloaded(description_ + " was closed because " + std::to_string(buffer_.messages()) +
                   " messages were waiting for next; call it more often, or raise max_messages and max_bytes"));
  }
  serve(std::move(lock));
  return taken;
}

void subscription_state::interrupt(time_point now) {
  std::unique_lock lock(mutex_);
  if (ended_) return;
  buffer_.interrupt(now);
  serve(std::move(lock));
}

void subscription_state::resume(time_point now) {
  std::unique_lock lock(mutex_);
  if (ended_) return;
  buffer_.resume(now);
  serve(std::move(lock));
}

void subscription_state::end(std::exception_ptr why, time_point now) {
  std::unique_lock lock(mutex_);
  owner_.reset();
  if (ended_) return;
  ended_ = std::move(why);
  buffer_.resume(now);
  serve(std::move(lock));
}

void subscription_state::discard() noexcept {
  std::optional<waiter> left;  // outlives the lock: its destruction runs code of a user
  const std::lock_guard lock(mutex_);
  owner_.reset();
  if (waiter_) left.emplace(take_waiter());
  buffer_.clear();
  if (ended_) return;
  try {
    ended_ = std::make_exception_ptr(cancelled(description_ + " ended with its executor"));
  } catch (...) {
    ended_ = std::current_exception();
  }
}

// What a `next` gets now, if anything.
std::optional<subscription_state::outcome> subscription_state::take() {
  if (auto item = buffer_.pop()) return outcome{nullptr, std::move(*item)};
  if (ended_) return outcome{ended_, {}};
  return std::nullopt;
}

subscription_state::waiter subscription_state::take_waiter() {
  waiter taken = std::move(*waiter_);
  waiter_.reset();
  return taken;
}

// Completes the waiting `next` if there is something for it.
void subscription_state::serve(std::unique_lock<std::mutex> lock) {
  if (!waiter_) return;
  std::optional<outcome> now = take();
  if (!now) return;
  waiter served = take_waiter();
  lock.unlock();
  post(std::move(served), std::move(*now));
}

void subscription_state::post(waiter&& to, outcome&& what) {
  const work executor = std::move(to.executor);
  asio::post(executor.get_executor(), bound_next{std::move(to.handler), std::move(what.failure), std::move(what.item)});
}

}  // namespace redstart::detail
