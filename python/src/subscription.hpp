// SPDX-License-Identifier: MIT
// Messages on their way to Python: read ahead, so that a burst crosses between the threads once.
#pragma once

#include "awaitable.hpp"
#include "operation.hpp"

#include <deque>
#include <memory>
#include <mutex>

namespace redstart::python {

/// Reads a subscription ahead by a bounded number of messages. What it does not read stays in the subscription's own
/// buffer, under that one's bounds and policy.
class message_pump : public std::enable_shared_from_this<message_pump> {
 public:
  message_pump(std::shared_ptr<runtime> engine, subscription&& from)
      : engine_(std::move(engine)), from_(std::move(from)) {}

  /// Reads until it is full, on the engine's thread.
  void start();
  /// Any thread: the next message if it is here; null otherwise.
  [[nodiscard]] std::unique_ptr<message> try_take();
  /// Any thread: completes `op` with the next message; one at a time waits, another fails.
  void wait(operation_ptr op) noexcept;
  /// Any thread: a message that was handed out for nobody becomes the next one again.
  void put_back(std::unique_ptr<message> what) noexcept;
  /// Any thread. What was read ahead is dropped, a wait fails.
  void close() noexcept;
  [[nodiscard]] bool is_open();
  [[nodiscard]] bool is_here() const noexcept { return engine_->born.is_here(); }

 private:
  static constexpr std::size_t ahead = 256;
  static constexpr std::size_t ahead_bytes = 1024 * 1024;

  void pull() noexcept;
  void arrived(std::exception_ptr failure, message&& what) noexcept;
  [[nodiscard]] bool is_full() const noexcept { return ready_.size() >= ahead || ready_bytes_ >= ahead_bytes; }
  void push(std::unique_ptr<message> what, bool at_front);
  [[nodiscard]] std::unique_ptr<message> pop();
  /// Under the lock: whether the engine has to be told to go on.
  [[nodiscard]] bool should_resume() noexcept;

  // What a subscription posts to must live as long as it does.
  const std::shared_ptr<runtime> engine_;
  subscription from_;  ///< the engine's thread reads it

  std::mutex mutex_;
  bool pulling_ = false;  ///< a `next` is under way, or about to be
  std::deque<std::unique_ptr<message>> ready_;
  std::size_t ready_bytes_ = 0;
  operation_ptr waiting_;
  std::exception_ptr end_;  ///< why there will be no more
};

extern const verb subscribe_verb;
extern const verb unsubscribe_verb;

/// The Python object of a subscription. Null with the interpreter's error set.
[[nodiscard]] PyObject* make_subscription(std::shared_ptr<message_pump> pump) noexcept;
[[nodiscard]] py::object message_object(const message& what, bool as_text);
void add_subscription_type(py::module_& to);

}  // namespace redstart::python
