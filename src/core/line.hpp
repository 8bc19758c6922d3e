// SPDX-License-Identifier: MIT
// The order of things on one connection: what waits, what was sent, whose reply comes next, and until when each may
// wait.
//
// An operation moves through lists; the stream of output bytes is numbered from the connection's first byte:
//
//   push ──> waiting ──stage──> in line: [ sent, answer due | partly sent | unsent ] ──reply──> out
//               ^                                                    |
//               └────────── requeued when the connection is lost ────┘      refused: delayed ──> waiting
//
// Invariants
//  * An operation is in line exactly when its whole bytes are in the output: both or neither.
//  * Replies belong to the head of the line. A waiter that left (cancelled, timed out) leaves its slot behind when a
//    byte of it was sent, and takes it along when none was.
//  * After its deadline, rounded up to a millisecond, no first byte of an operation is sent, and its waiter is gone
//    after `expire`.
//  * Bytes that are being written count as sent until the socket has said how many it took: a waiter that leaves
//    meanwhile is told that the operation may be executed, and it will be, even when the socket took nothing.
#pragma once

#include "core/backoff.hpp"
#include "core/deadline_wheel.hpp"
#include "core/operation.hpp"
#include "core/operation_list.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace redstart::core {

struct line_config {
  std::size_t max_operations = 100'000;
  std::size_t max_output_bytes = 256 * 1024 * 1024;
  /// How many unsent bytes are staged ahead of the socket; what is staged is copied, what waits is not.
  std::size_t high_water = 1024 * 1024;
  std::chrono::milliseconds backoff_initial{50};
  std::chrono::milliseconds backoff_max{2000};
};

/// Not thread-safe and without a clock: its owner holds a lock and says what time it is.
class line {
 public:
  line(const line_config& config, const random_source& random, time_point origin)
      : config_(config), random_(random), wheel_(origin) {}
  line(const line&) = delete;
  line& operator=(const line&) = delete;

  // --- From callers --------------------------------------------------------------------------------------------------
  enum class admission {
    accepted,
    full,  ///< a bound is reached; the operation is untouched
  };
  /// Takes an operation whose request, waiter and deadline are set. On `bad_alloc` the operation is untouched.
  admission push(operation& op);

  /// The caller of `op` no longer wants it. Returns the waiter that must now be told, null when there is none (any
  /// more, or yet: a completion that is collecting is told by `collected`). `op.state` is idle afterwards when the
  /// operation left the line and must go back to the pool.
  detail::completion* detach(operation& op, operation_end why);
  /// `detach` would return the waiter now.
  [[nodiscard]] bool is_detachable(const operation& op) const noexcept {
    return op.state != operation_state::idle && op.end == operation_end::none && op.waiter && !op.collecting;
  }
  /// What `detach` would leave in `op.was_sent`.
  [[nodiscard]] bool has_begun(const operation& op) const noexcept {
    return op.was_sent || (op.state == operation_state::staged && op.begin < begun());
  }

  // --- From the driver -----------------------------------------------------------------------------------------------
  /// The connection can be written to.
  void opened() noexcept;
  /// The connection is gone. Unsent operations wait for the next one, in their order, and so do sent ones that may be
  /// repeated; others are ended. With `for_good` all are ended. Not while a completion is collecting.
  void lost(bool for_good, operation_end why, ended_list& ended);

  /// Ends the operations of callers, as `detach` would; those of the library itself stay.
  void turn_away(operation_end why, ended_list& ended);

  /// Stages what waits. Bytes to write now; empty when there is nothing, or the connection is not open. On `bad_alloc`
  /// everything is as before, or a part of what waited is staged.
  std::string_view output();
  /// `output`, to be written without the owner's lock: until `wrote` the bytes stay as they are, whatever is pushed or
  /// detached meanwhile, and all of them count as sent. Call only what callers call, and then `wrote`.
  std::string_view begin_write();
  /// The first `count` bytes of `output()` were handed to the socket.
  void wrote(std::size_t count) noexcept;

  enum class reply_action {
    unexpected,  ///< nobody asked: the connection must die
    collect,     ///< one of several replies; call `collected` after the waiter took it
    answer,      ///< the last one: the operation left the line and is idle
    retry,       ///< refused before execution: the operation will be sent again, the reply is dropped
  };
  struct reply_target {
    reply_action action;
    operation* op;
  };
  /// Whose reply this is. `op->waiter` is null when its waiter left: the reply is dropped.
  reply_target take_reply(reply_view reply, time_point now);
  /// The waiter of `op` has taken a reply, one call for each `collect`. Returns the waiter when it was the last one
  /// that was claimed and the waiter must be told now that it was cancelled meanwhile, or that its time is up.
  detail::completion* collected(operation& op);

  /// Ends what is due, and lets refused operations try again.
  void expire(time_point now, ended_list& ended);
  /// When `expire` must be called next.
  [[nodiscard]] std::optional<time_point> next_due() const { return wheel_.next(); }

  /// Answers with elements of queues are due, whether or not anybody still waits for them.
  [[nodiscard]] bool expects_elements() const noexcept;

  [[nodiscard]] bool is_open() const noexcept { return open_; }
  /// Nothing waits and no reply is due.
  [[nodiscard]] bool empty() const noexcept { return operations_ == 0; }
  /// Accepted and neither answered nor ended; abandoned ones count until their reply came.
  [[nodiscard]] std::size_t operations() const noexcept { return operations_; }
  [[nodiscard]] bool has_output() const noexcept { return open_ && (unsent_bytes() != 0 || !waiting_.empty()); }
  /// The server was told to wait before it answers, and reads nothing else meanwhile.
  [[nodiscard]] bool is_blocked() const noexcept;
  /// Something was sent whose answer should come without waiting for anybody.
  [[nodiscard]] bool answer_due() const noexcept;

 private:
  [[nodiscard]] std::size_t unsent_bytes() const noexcept {
    return output_.size() - output_head_ + late_output_.size();
  }
  /// Stream offset of what certainly is still here.
  [[nodiscard]] std::uint64_t begun() const noexcept { return writing_ ? end_of_output() : sent_; }
  [[nodiscard]] std::uint64_t end_of_output() const noexcept { return sent_ + output_.size() - output_head_; }
  [[nodiscard]] bool has_room(const operation& op) const noexcept;
  [[nodiscard]] bool may_have_run(const operation& op) const noexcept;
  bool try_delay(operation& op, reply_view reply, time_point now);
  void stage(operation& op);
  void stage_waiting();
  void restage();
  void leave(operation& op) noexcept;
  void end(operation& op, operation_end why, ended_list& ended);
  void turn_away(operation_list& from, operation_end why, ended_list& ended);
  void requeue(operation& op, operation_list& again) noexcept;

  line_config config_;
  const random_source& random_;
  deadline_wheel wheel_;
  operation_list waiting_;
  operation_list in_line_;
  operation_list delayed_;
  std::size_t operations_ = 0;
  std::size_t waiting_bytes_ = 0;  // of waiting_ and delayed_
  bool open_ = false;

  std::string output_;  // staged bytes; those before output_head_ are with the socket
  std::size_t output_head_ = 0;
  std::string late_output_;           // follows output_: staged while that was being written, and not yet joined to it
  bool writing_ = false;              // from begin_write to wrote
  std::uint64_t sent_ = 0;            // stream offset of output_[output_head_]
  std::uint64_t staged_ = 0;          // stream offset of the end of everything staged
  std::optional<std::uint64_t> cut_;  // stream offset from which the output must be staged anew
};

}  // namespace redstart::core
