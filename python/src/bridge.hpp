// SPDX-License-Identifier: MIT
// From the engine's thread to one event loop: outcomes in a queue, and a file descriptor that the loop watches.
#pragma once

#include "fork.hpp"
#include "operation.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace redstart::python {

/// One per engine and event loop. The engine pushes; the loop is woken once for all that came out of one read of the
/// socket, and takes everything there is.
class bridge : public std::enable_shared_from_this<bridge> {
 public:
  /// Throws `std::system_error`.
  bridge(asio::io_context& engine, _object* loop);
  bridge(const bridge&) = delete;
  bridge& operator=(const bridge&) = delete;
  ~bridge();

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  void push(operation& op) noexcept;
  /// The oldest, linked by `next`; each comes with a reference that is the caller's now.
  [[nodiscard]] operation* take_all() noexcept;
  /// Puts a chain from `take_all` back where it was, and wakes the loop again.
  void put_back(operation* chain) noexcept;
  /// The loop is over: what comes from now on goes back where it came from.
  void retire() noexcept;
  /// Tells the engine that nobody waits for `op` any more. The engine must be alive, as it is while `op` is pending.
  void cancel(operation* op);
  void wake() const noexcept;
  /// No longer wakes: for the loop, before it takes all.
  void clear_wake() const noexcept;

  // For threads that hold the interpreter's lock.

  /// Whether what is called now waits for the end of the loop's turn, to cross with what else the turn calls. Between
  /// two calls an application may do much: the engine would wake, write and read for each of them alone. When nothing
  /// is on its way there is nothing to gain, and one task alone waits for no turn to end.
  [[nodiscard]] bool holds() const noexcept { return in_flight > 0 || !held_.empty(); }
  /// Keeps the order of calls. Many at once are not held longer, so that the engine works beside the loop.
  void hold(std::unique_ptr<held_operation> what);
  /// Begins all that is held.
  void begin_held() noexcept;
  /// They end without having begun, and say that the client has.
  void drop_held() noexcept;

  _object* end_of_turn = nullptr;  ///< owned: begins what is held, for the loop to call
  _object* loop;                   ///< owned; null once retired
  bool watched = false;            ///< the loop has our descriptor
  bool ending = false;             ///< the loop lets go of us after what is on its way
  birthplace born;                 ///< elsewhere, it is the parent's, with whatever is in it
  long in_flight = 0;              ///< operations that are not settled yet

 private:
  static constexpr std::size_t most_held = 16;

  asio::io_context& engine_;
  std::vector<std::unique_ptr<held_operation>> held_;
  bool turn_ends_ = false;  // the loop will call `end_of_turn`
  const int descriptor_;
  std::mutex mutex_;
  operation* first_ = nullptr;
  operation* last_ = nullptr;
  bool woken_ = false;
  bool retired_ = false;
};

}  // namespace redstart::python
