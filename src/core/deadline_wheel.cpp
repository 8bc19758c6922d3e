// SPDX-License-Identifier: MIT
#include "core/deadline_wheel.hpp"

#include <algorithm>

namespace redstart::core {

deadline_wheel::deadline_wheel(time_point origin) noexcept : origin_(origin) {
  assert(origin >= time_point{});
  for (deadline_link& head : slots_) head.next = head.prev = &head;
}

void deadline_wheel::collect(time_point now) noexcept {
  splice_to_due(overdue);
  if (now < origin_) return;
  const auto last = static_cast<std::uint64_t>(std::chrono::floor<std::chrono::milliseconds>(now - origin_).count());
  for (std::optional<stop> at = next_stop(); at && at->tick <= last; at = next_stop()) open(*at);
  current_ = std::max(current_, last);
}

void deadline_wheel::open(stop at) noexcept {
  current_ = at.tick;
  if (at.slot < slots_per_level) return splice_to_due(at.slot);
  deadline_link& head = slots_[at.slot];
  deadline_link* link = head.next;
  head.next = head.prev = &head;
  unmark(at.slot);
  while (link != &head) {
    auto& hook = static_cast<deadline_hook&>(*link);
    link = link->next;
    if (hook.tick == current_) {
      append(due, hook);
    } else {
      place(hook);
    }
  }
}

void deadline_wheel::splice_to_due(std::size_t slot) noexcept {
  deadline_link& from = slots_[slot];
  if (from.next == &from) return;
  deadline_link& to = slots_[due];
  from.next->prev = to.prev;
  to.prev->next = from.next;
  from.prev->next = &to;
  to.prev = from.prev;
  from.next = from.prev = &from;
  unmark(slot);
  mark(due);
}

deadline_hook* deadline_wheel::pop_due() noexcept {
  deadline_link& head = slots_[due];
  if (head.next == &head) return nullptr;
  auto* hook = static_cast<deadline_hook*>(head.next);
  remove(*hook);
  return hook;
}

// Everything at a level comes before everything at the levels above it, so the first occupied slot is the earliest.
std::optional<deadline_wheel::stop> deadline_wheel::next_stop() const noexcept {
  for (unsigned level = 0; level < levels; ++level) {
    if (occupied_[level] == 0) continue;
    const auto digit = static_cast<std::uint64_t>(std::countr_zero(occupied_[level]));
    const unsigned shift = level * digit_bits;
    const std::uint64_t higher_digits = current_ >> (shift + digit_bits) << (shift + digit_bits);
    return stop{level * slots_per_level + digit, higher_digits | (digit << shift)};
  }
  return std::nullopt;
}

std::optional<deadline_wheel::time_point> deadline_wheel::next() const noexcept {
  if (occupied_[levels] != 0) return time_of(current_);
  const std::optional<stop> at = next_stop();
  return at ? std::optional(time_of(at->tick)) : std::nullopt;
}

bool deadline_wheel::empty() const noexcept {
  return std::all_of(occupied_.begin(), occupied_.end(), [](std::uint64_t bits) { return bits == 0; });
}

// The last tick may lie past the end of the clock, because ticks are rounded up.
deadline_wheel::time_point deadline_wheel::time_of(std::uint64_t tick) const noexcept {
  const auto end = std::chrono::floor<std::chrono::milliseconds>(time_point::max() - origin_).count();
  if (tick > static_cast<std::uint64_t>(end)) return time_point::max();
  return origin_ + std::chrono::milliseconds(tick);
}

}  // namespace redstart::core
