// SPDX-License-Identifier: MIT
// The time, as cheaply as the question allows.
#pragma once

#include <time.h>

#include <chrono>

namespace redstart::net {

/// When `timeout` has passed from now.
///
/// Long timeouts are counted from the kernel's coarse clock, which is a few milliseconds behind at most and costs a
/// fifth of the precise one: this is asked for every operation.
inline std::chrono::steady_clock::time_point deadline_after(std::chrono::nanoseconds timeout) noexcept {
  using clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds coarse_enough{1};
  constexpr std::chrono::hours for_ever{24 * 365 * 100};
  if (timeout >= for_ever) return clock::time_point::max();
  if (timeout < coarse_enough) return clock::now() + timeout;
  // libstdc++'s steady_clock is CLOCK_MONOTONIC, whose coarse sibling counts from the same origin.
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return clock::time_point(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec) + timeout);
}

}  // namespace redstart::net
