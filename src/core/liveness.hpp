// SPDX-License-Identifier: MIT
// Tells a silent connection from a dead one. Any byte received is life.
//
//   idle, silent for `interval`                      -> ping, once
//   an answer due, silent for `timeout / 2`          -> ping, once
//   silent for `timeout` after a ping                -> dead
//   an answer due, silent for `timeout`              -> dead
//
// With an answer due, silence counts from the last byte or from when the first answer became due, whichever is later:
// what was idle before is no evidence. So a dead peer is found within `timeout` when somebody waits for it, and within
// `interval + timeout` when nobody does.
#pragma once

#include <chrono>
#include <optional>

namespace redstart::core {

enum class liveness_action {
  nothing,  ///< ask again at `next()`
  ping,     ///< send a PING now; the machine counts it as sent
  dead,     ///< close the connection
};

/// The silence of one connection. Read what the socket holds before calling `check`: bytes that were not read yet
/// look like silence.
class liveness {
 public:
  using duration = std::chrono::steady_clock::duration;
  using time_point = std::chrono::steady_clock::time_point;

  /// `now` is when the connection was made. An `interval` of zero never asks an idle connection. `timeout` is positive.
  liveness(duration interval, duration timeout, time_point now) noexcept;

  /// Bytes arrived, whatever they mean.
  void received(time_point now) noexcept;

  /// Whether the server owes an answer; cheap, for calling after every send and every reply. An answer that may
  /// rightly take long, as a blocking command's, is not due.
  void awaiting(bool answers_due, time_point now) noexcept;

  /// What to do now.
  liveness_action check(time_point now) noexcept;

  /// When to call `check` again, unless something else happens before; `time_point::max()` is never.
  [[nodiscard]] time_point next() const noexcept;

 private:
  [[nodiscard]] time_point silent_since() const noexcept;
  [[nodiscard]] time_point ping_at() const noexcept;
  [[nodiscard]] time_point dead_at() const noexcept;

  duration interval_;
  duration timeout_;
  time_point last_received_;
  std::optional<time_point> due_since_;
  std::optional<time_point> pinged_;  ///< since then nothing was received
};

}  // namespace redstart::core
