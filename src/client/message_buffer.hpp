// SPDX-License-Identifier: MIT
// What waits for one listener: messages in their order, and between them what is missing.
//
// Notices are not queued but noted at the place where messages are missing, which is before a message or at the end:
//
//   [gap 40 ms] m1  m2  [dropped 3] m3  |end: [dropped 1]
//
// So neighbouring notices merge, and there are never more of them than messages: the bounds hold through any number of
// outages that nobody reads of.
//
// An outage has no length before it is over. From `interrupt` to `resume` its notice and what comes behind it are held
// back; what stands before it can be read.
#pragma once

#include "redstart/subscription.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

namespace redstart::detail {

/// A message that still lies in the connection's buffer.
struct message_view {
  std::string_view channel;
  std::string_view pattern;
  std::string_view payload;
};

/// Bounded by `max_messages` and `max_bytes` (names and payloads), but a message always fits an empty buffer.
/// Not thread-safe and without a clock.
class message_buffer {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  message_buffer(std::size_t max_messages, std::size_t max_bytes, overflow_policy when_full) noexcept
      : max_messages_(max_messages), max_bytes_(max_bytes), when_full_(when_full) {}

  /// Adds a message by the rules of the policy. False: it does not fit and the policy is to close; nothing is changed.
  [[nodiscard]] bool push(const message_view& arrived);

  /// Takes what is next: a message or a notice. Empty when there is nothing, or nothing that may be read yet.
  [[nodiscard]] std::optional<message> pop();

  /// From now on messages are missing. A second interruption before `resume` belongs to the same outage, unless
  /// messages came in between: these are missing nowhere, so the first outage ends and another one begins behind them.
  void interrupt(time_point now);
  /// Nothing is missing any more. Does nothing when not interrupted.
  void resume(time_point now);

  void clear() noexcept;

  [[nodiscard]] std::size_t messages() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct missing {
    bool gap = false;
    std::chrono::nanoseconds outage{};
    std::uint64_t dropped = 0;
  };
  struct entry {
    missing before;
    message what;
  };

  [[nodiscard]] bool fits(std::size_t size) const noexcept;
  [[nodiscard]] missing& next_missing() noexcept { return entries_.empty() ? behind_ : entries_.front().before; }
  void drop_oldest();

  std::size_t max_messages_;
  std::size_t max_bytes_;
  overflow_policy when_full_;

  std::deque<entry> entries_;
  missing behind_;  // what is missing behind the last message
  std::size_t bytes_ = 0;

  std::optional<time_point> interrupted_;
  std::size_t held_ = 0;  // while interrupted: how many messages stand behind the outage
};

}  // namespace redstart::detail
