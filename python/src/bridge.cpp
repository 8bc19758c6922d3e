// SPDX-License-Identifier: MIT
#include "bridge.hpp"

#include <boost/asio/post.hpp>
#include <pybind11/pybind11.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <system_error>

namespace redstart::python {

void operation::deliver(std::exception_ptr error, answer&& what) noexcept {
  failure = std::move(error);
  value = std::move(what);
  auto expected = state::pending;
  if (state_.compare_exchange_strong(expected, state::delivered, std::memory_order_acq_rel)) {
    home_->push(*this);
  } else {
    take_back();
  }
}

answer deliver::answer_of(std::optional<std::chrono::milliseconds>&& value) {
  if (!value) return {};
  if (*value == std::chrono::milliseconds::max()) return std::numeric_limits<double>::infinity();
  return static_cast<double>(value->count()) / 1000;
}

bridge::bridge(asio::io_context& engine, _object* for_loop)
    : loop(for_loop), engine_(engine), descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
}

bridge::~bridge() { ::close(descriptor_); }

void bridge::push(operation& op) noexcept {
  intrusive_ptr_add_ref(&op);
  op.next = nullptr;
  bool sleeping = false;
  {
    std::unique_lock lock(mutex_);
    if (retired_) {
      lock.unlock();
      op.take_back();
      lock.lock();
    }
    (last_ ? last_->next : first_) = &op;
    last_ = &op;
    sleeping = !std::exchange(woken_, true) && !retired_;
  }
  if (!sleeping) return;
  // After the handlers that are due now: what one read of the socket brought is one waking.
  try {
    if (engine_.get_executor().running_in_this_thread()) {
      return asio::post(engine_, [self = shared_from_this()] { self->wake(); });
    }
  } catch (const std::bad_alloc&) {
  }
  wake();
}

void bridge::retire() noexcept {
  const std::lock_guard lock(mutex_);
  retired_ = true;
}

void bridge::hold(std::unique_ptr<held_operation> what) {
  held_.push_back(std::move(what));
  if (held_.size() >= most_held) return begin_held();
  if (turn_ends_) return;
  PyObject* const handle = PyObject_CallMethod(loop, "call_soon", "O", end_of_turn);
  if (handle) {
    Py_DECREF(handle);
    turn_ends_ = true;
  } else {
    PyErr_Clear();  // a loop that takes no calls has no turns
    begin_held();
  }
}

void bridge::begin_held() noexcept {
  turn_ends_ = false;
  for (const auto& each : held_) each->begin();
  held_.clear();
}

void bridge::drop_held() noexcept { held_.clear(); }

operation* bridge::take_all() noexcept {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  last_ = nullptr;
  return std::exchange(first_, nullptr);
}

void bridge::put_back(operation* chain) noexcept {
  if (!chain) return;
  operation* end = chain;
  while (end->next) end = end->next;
  {
    const std::lock_guard lock(mutex_);
    end->next = first_;
    first_ = chain;
    if (!last_) last_ = end;
    woken_ = true;
  }
  wake();
}

void bridge::cancel(operation* op) {
  if (!born.is_here()) return;
  asio::post(engine_, [op = operation_ptr(op)] { op->signal.emit(asio::cancellation_type::terminal); });
}

void bridge::wake() const noexcept {
  const std::uint64_t one = 1;
  // Full is impossible, and any other failure means that nobody can be woken.
  [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
}

void bridge::clear_wake() const noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(descriptor_, &count, sizeof count);
}

}  // namespace redstart::python
