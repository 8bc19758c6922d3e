// SPDX-License-Identifier: MIT
#include "core/liveness.hpp"

#include <algorithm>

namespace redstart::core {

liveness::liveness(duration interval, duration timeout, time_point now) noexcept
    : interval_(interval), timeout_(timeout), last_received_(now) {}

void liveness::received(time_point now) noexcept {
  last_received_ = now;
  pinged_.reset();
}

void liveness::awaiting(bool answers_due, time_point now) noexcept {
  if (answers_due == due_since_.has_value()) return;
  due_since_ = answers_due ? std::optional(now) : std::nullopt;
}

liveness_action liveness::check(time_point now) noexcept {
  if (now >= dead_at()) return liveness_action::dead;
  if (now < ping_at()) return liveness_action::nothing;
  pinged_ = now;
  return liveness_action::ping;
}

liveness::time_point liveness::next() const noexcept { return std::min(ping_at(), dead_at()); }

liveness::time_point liveness::silent_since() const noexcept {
  return due_since_ ? std::max(last_received_, *due_since_) : last_received_;
}

liveness::time_point liveness::ping_at() const noexcept {
  if (pinged_) return time_point::max();
  if (due_since_) return silent_since() + timeout_ / 2;
  return interval_ == duration::zero() ? time_point::max() : last_received_ + interval_;
}

// A ping without an echo and an answer that is due are two clocks: whichever runs out first decides.
liveness::time_point liveness::dead_at() const noexcept {
  time_point at = time_point::max();
  if (pinged_) at = *pinged_ + timeout_;
  if (due_since_) at = std::min(at, silent_since() + timeout_);
  return at;
}

}  // namespace redstart::core
