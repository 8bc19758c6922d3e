// SPDX-License-Identifier: MIT
#include "core/backoff.hpp"

#include <algorithm>
#include <utility>

namespace redstart::core {

namespace {

// In [0, 1): the 53 high bits are what a double holds exactly, so that 1 itself cannot come out by rounding.
double unit_interval(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

backoff::duration full_jitter(backoff::duration bound, const random_source& random) {
  const double share = unit_interval(random());
  const backoff::duration wait(static_cast<backoff::duration::rep>(static_cast<double>(bound.count()) * share));
  return std::max(wait, backoff::shortest);
}

// Compared before it is doubled: the product could overflow.
backoff::duration doubled(backoff::duration bound, backoff::duration max) { return bound > max / 2 ? max : bound * 2; }

}  // namespace

backoff::backoff(duration initial, duration max, const random_source& random) noexcept
    : initial_(std::min(initial, max)), max_(max), bound_(initial_), random_(&random) {}

backoff::duration backoff::next() {
  ++attempts_;
  const duration bound = std::exchange(bound_, doubled(bound_, max_));
  return full_jitter(bound, *random_);
}

backoff::duration backoff::wait(duration initial, duration max, unsigned attempts, const random_source& random) {
  duration bound = std::min(initial, max);
  for (unsigned i = 0; i < attempts && bound < max; ++i) bound = doubled(bound, max);
  return full_jitter(bound, random);
}

void backoff::reset() noexcept {
  attempts_ = 0;
  bound_ = initial_;
}

}  // namespace redstart::core
