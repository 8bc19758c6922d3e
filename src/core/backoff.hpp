// SPDX-License-Identifier: MIT
// How long to wait before trying again: exponential, capped, with full jitter, so that clients that lost the same
// server at the same moment do not come back at the same moment.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace redstart::core {

/// Gives 64 random bits. Passed in wherever chance is needed, so that tests decide what it says.
using random_source = std::function<std::uint64_t()>;

/// The waits of one series of attempts. Copies count on their own but share the random source.
class backoff {
 public:
  using duration = std::chrono::steady_clock::duration;

  /// Nobody waits for less: a random number close to zero must not turn a series of attempts into a busy loop.
  static constexpr duration shortest = std::chrono::milliseconds(1);

  /// The bound of the first wait is `initial`; it doubles with each further one, up to `max`. A `max` below `initial`
  /// bounds the first wait too. `random` must outlive this object.
  backoff(duration initial, duration max, const random_source& random) noexcept;

  /// Counts one more failed attempt and returns how long to wait: uniform below the bound, `shortest` at least.
  duration next();

  /// What `next` would return after `attempts` failed attempts, for whoever counts them elsewhere.
  static duration wait(duration initial, duration max, unsigned attempts, const random_source& random);

  /// The attempt succeeded: the next series starts at `initial` again.
  void reset() noexcept;

  /// Failed attempts since the start or the last `reset`.
  [[nodiscard]] unsigned attempts() const noexcept { return attempts_; }

 private:
  duration initial_;
  duration max_;
  duration bound_;
  unsigned attempts_ = 0;
  const random_source* random_;
};

}  // namespace redstart::core
