// SPDX-License-Identifier: MIT
// Deadlines of millions of operations: insert and remove in constant time, without allocation and without a timer each.
//
// A hierarchical timing wheel of 1 ms ticks: 8 levels of 64 slots, each slot a list. A tick is read as a number in
// base 64; a hook is kept at the level of the highest digit in which its tick differs from `current_`, in the slot of
// that digit. Example: current 70 = (1, 6); tick 75 = (1, 11) waits at level 0 in slot 11; tick 200 = (3, 8) differs
// in the higher digit, so it waits at level 1 in slot 3, and moves down to level 0, slot 8, when tick 192 = (3, 0) is
// reached. 8 levels are 2^48 ms, more than a `time_point` can hold, so no deadline is too far.
//
// Invariants: `current_` is the last tick that was expired. A hook in a slot has a tick above it, and its slot a digit
// above that of `current_`, so nothing ever wraps around. A bit of `occupied_` is set exactly when its slot holds a
// hook.
#pragma once

#include <array>
#include <bit>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace redstart::core {

/// The links of a list of deadlines. Only the wheel touches them.
struct deadline_link {
  deadline_link* next = nullptr;
  deadline_link* prev = nullptr;
};

/// Derive from it, or hold it, to be put into a `deadline_wheel`. Must stay where it is and alive while it is linked.
struct deadline_hook : deadline_link {
  deadline_hook() = default;
  deadline_hook(const deadline_hook&) = delete;
  deadline_hook& operator=(const deadline_hook&) = delete;

  /// True while it waits in a wheel.
  [[nodiscard]] bool linked() const noexcept { return next != nullptr; }

  std::uint64_t tick = 0;  ///< when it expires, in milliseconds since the wheel's origin, rounded up
};

/// Finds the hooks whose deadline has passed. Never early, and late only by the rounding to a millisecond.
/// Not safe for use by several threads at once.
class deadline_wheel {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `origin` is the first moment of interest, usually now; not before the clock's epoch.
  explicit deadline_wheel(time_point origin) noexcept;
  deadline_wheel(const deadline_wheel&) = delete;
  deadline_wheel& operator=(const deadline_wheel&) = delete;

  /// Adds a hook that is not linked. A deadline that has passed already expires on the next call of `expire`.
  void insert(deadline_hook& hook, time_point deadline) noexcept;

  /// Takes the hook out; does nothing when it is not linked. A linked hook must be in this wheel.
  void remove(deadline_hook& hook) noexcept;

  /// Calls `f(deadline_hook&)` once for each hook whose deadline is at or before `now`, in the order of their ticks.
  ///
  /// The hook is out of the wheel when `f` sees it. `f` may destroy it, insert it again, and insert and remove others,
  /// also ones that are due in this same call; what it inserts waits for the next call, whatever its deadline.
  /// `f` must not call `expire`. When `f` throws, the hooks that remain are due on the next call.
  template <class F>
  void expire(time_point now, F&& f) {
    collect(now);
    while (deadline_hook* hook = pop_due()) f(*hook);
  }

  /// When `expire` must be called next; empty when nothing waits.
  ///
  /// Never later than a millisecond's rounding after the earliest deadline. It may be earlier: where hooks move down a
  /// level, at most once per hook and level.
  [[nodiscard]] std::optional<time_point> next() const noexcept;

  [[nodiscard]] bool empty() const noexcept;

 private:
  static constexpr unsigned digit_bits = 6;
  static constexpr std::size_t slots_per_level = std::size_t{1} << digit_bits;
  static constexpr std::size_t levels = 8;
  // Behind the levels stand two lists that are not for a later tick. They are numbered as slots so that `remove` needs
  // no case for them.
  static constexpr std::size_t due = levels * slots_per_level;  ///< being handed out by `expire`
  static constexpr std::size_t overdue = due + 1;               ///< had passed when inserted; for the next `expire`
  static constexpr std::size_t slot_count = overdue + 1;

  /// Where to go next: a slot that is not empty, and the tick at which it is opened.
  struct stop {
    std::size_t slot;
    std::uint64_t tick;
  };

  void place(deadline_hook& hook) noexcept;
  void append(std::size_t slot, deadline_link& link) noexcept;
  void collect(time_point now) noexcept;
  void open(stop at) noexcept;
  void splice_to_due(std::size_t slot) noexcept;
  deadline_hook* pop_due() noexcept;
  [[nodiscard]] std::optional<stop> next_stop() const noexcept;
  [[nodiscard]] time_point time_of(std::uint64_t tick) const noexcept;
  void mark(std::size_t slot) noexcept { occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64); }
  void unmark(std::size_t slot) noexcept { occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64)); }

  time_point origin_;
  std::uint64_t current_ = 0;
  std::array<std::uint64_t, levels + 1> occupied_{};
  std::array<deadline_link, slot_count> slots_;
};

inline void deadline_wheel::append(std::size_t slot, deadline_link& link) noexcept {
  deadline_link& head = slots_[slot];
  link.next = &head;
  link.prev = head.prev;
  head.prev->next = &link;
  head.prev = &link;
  mark(slot);
}

inline void deadline_wheel::place(deadline_hook& hook) noexcept {
  const auto highest_bit = static_cast<unsigned>(std::bit_width(hook.tick ^ current_)) - 1;
  const unsigned level = highest_bit / digit_bits;
  const std::size_t digit = (hook.tick >> (level * digit_bits)) % slots_per_level;
  append(level * slots_per_level + digit, hook);
}

inline void deadline_wheel::insert(deadline_hook& hook, time_point deadline) noexcept {
  assert(!hook.linked());
  hook.tick = 0;
  // Compared before it is subtracted: `time_point::min()` minus anything overflows.
  if (deadline > origin_) {
    hook.tick = static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(deadline - origin_).count());
  }
  if (hook.tick <= current_) {
    append(overdue, hook);
  } else {
    place(hook);
  }
}

inline void deadline_wheel::remove(deadline_hook& hook) noexcept {
  if (!hook.linked()) return;
  deadline_link* const next = hook.next;
  deadline_link* const prev = hook.prev;
  next->prev = prev;
  prev->next = next;
  hook.next = nullptr;
  hook.prev = nullptr;
  // Neighbours that are one and the same can only be the head of the list, and its place tells which bit to clear.
  if (next == prev) unmark(static_cast<std::size_t>(next - slots_.data()));
}

}  // namespace redstart::core
