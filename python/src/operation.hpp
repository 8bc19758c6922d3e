// SPDX-License-Identifier: MIT
// One operation that Python waits for, as both threads see it. Nothing here needs the interpreter.
#pragma once

#include "redstart/client.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

struct _object;  // PyObject

namespace redstart::python {

namespace asio = boost::asio;

class bridge;
class message_pump;
class leased;

/// What Redis answered, not yet a Python object.
using answer = std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::string>, reply,
                            std::vector<reply>, std::unique_ptr<health>, std::unique_ptr<message>,
                            std::shared_ptr<message_pump>, std::shared_ptr<leased>>;

/// Takes back an answer that nobody was there to take.
struct lost_and_found {
  virtual ~lost_and_found() = default;
  virtual void take_back(answer&& what) noexcept = 0;
};

/// Shared by the Python object that is awaited and the handler in the engine. Python decides whether it is still
/// wanted, the engine whether it has come; whoever is second sees to what is left over.
class operation : public boost::intrusive_ref_counter<operation> {
 public:
  operation(_object* awaited, std::shared_ptr<bridge> home) noexcept : owner(awaited), home_(std::move(home)) {}

  /// The engine has an outcome. Hands it to the loop that waits, or takes it back when it was cancelled meanwhile.
  void deliver(std::exception_ptr failure, answer&& value) noexcept;
  /// Nobody waits any more. True when nothing has been delivered, and nothing will be.
  [[nodiscard]] bool abandon() noexcept {
    auto expected = state::pending;
    return state_.compare_exchange_strong(expected, state::abandoned, std::memory_order_acq_rel);
  }
  [[nodiscard]] bool is_abandoned() const noexcept {
    return state_.load(std::memory_order_acquire) == state::abandoned;
  }
  void take_back() noexcept {
    if (keeper && value.index() != 0) keeper->take_back(std::exchange(value, {}));
  }
  [[nodiscard]] bridge& home() const noexcept { return *home_; }

  _object* owner;  ///< for the thread of the loop only; it owns a reference until the operation has left the bridge
  answer value;
  std::exception_ptr failure;
  std::unique_ptr<lost_and_found> keeper;
  asio::cancellation_signal signal;
  bool as_text = false;       ///< nothing in the answer is taken for JSON
  operation* next = nullptr;  ///< in the bridge's queue

 private:
  enum class state : std::uint8_t { pending, abandoned, delivered };
  std::shared_ptr<bridge> home_;
  std::atomic<state> state_{state::pending};
};

using operation_ptr = boost::intrusive_ptr<operation>;

/// The completion handler of every verb. Not called at all, it delivers that the client has ended.
class deliver {
 public:
  using cancellation_slot_type = asio::cancellation_slot;

  explicit deliver(operation_ptr op) noexcept : op_(std::move(op)) {}
  deliver(deliver&& other) noexcept : op_(std::move(other.op_)) {}
  deliver& operator=(deliver&&) = delete;
  ~deliver() {
    if (op_) give(std::make_exception_ptr(cancelled("the client ended before the operation did", true)), {});
  }
  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return op_->signal.slot(); }

  void operator()(std::exception_ptr failure) { give(std::move(failure), {}); }
  template <class T>
  void operator()(std::exception_ptr failure, T&& value) {
    if (failure) return give(std::move(failure), {});
    give(nullptr, answer_of(std::forward<T>(value)));
  }

 private:
  static answer answer_of(bool value) { return value; }
  static answer answer_of(std::size_t value) { return static_cast<std::int64_t>(value); }
  static answer answer_of(std::optional<std::string>&& value) { return value ? answer(std::move(*value)) : answer(); }
  static answer answer_of(std::vector<std::string>&& value) { return std::move(value); }
  static answer answer_of(reply&& value) { return std::move(value); }
  static answer answer_of(std::vector<reply>&& value) { return std::move(value); }
  static answer answer_of(health&& value) { return std::make_unique<health>(std::move(value)); }
  static answer answer_of(std::shared_ptr<message_pump>&& value) { return std::move(value); }
  static answer answer_of(std::shared_ptr<leased>&& value) { return std::move(value); }
  static answer answer_of(std::optional<std::vector<reply>>&& value) {
    return value ? answer(std::move(*value)) : answer();
  }
  /// Seconds; infinity for a key that does not expire.
  static answer answer_of(std::optional<std::chrono::milliseconds>&& value);

  void give(std::exception_ptr failure, answer&& value) noexcept {
    const operation_ptr op = std::move(op_);
    op->deliver(std::move(failure), std::move(value));
  }

  operation_ptr op_;
};

/// An operation whose command is written already, and which has not begun.
struct held_operation {
  virtual ~held_operation() = default;
  virtual void begin() noexcept = 0;
};

template <class Deferred>
class held final : public held_operation {
 public:
  held(Deferred&& what, operation_ptr op) : what_(std::move(what)), op_(std::move(op)), handler_(op_) {}
  void begin() noexcept override {
    if (op_->is_abandoned()) return;
    try {
      std::move(what_)(std::move(handler_));
    } catch (...) {
      // The handler was dropped with it, and has told.
    }
  }

 private:
  Deferred what_;
  operation_ptr op_;
  deliver handler_;
};

}  // namespace redstart::python
