// SPDX-License-Identifier: MIT
// Times as cameras write them, and as we do.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace hub {

/// A point in time, UTC.
using moment = std::chrono::sys_time<std::chrono::milliseconds>;

/// Now, by the clock of this machine.
[[nodiscard]] inline moment present() { return std::chrono::floor<moment::duration>(std::chrono::system_clock::now()); }

/// What a text says: a clock's reading, and how far that clock is ahead of UTC when the text says it.
struct clock_reading {
  std::chrono::local_time<std::chrono::milliseconds> wall{};
  std::optional<std::chrono::minutes> utc_offset{};
  bool operator==(const clock_reading&) const = default;
};

/// Reads ISO 8601: `2024-01-01T12:00:00`, with a fraction and with `Z` or `+01:00` if wanted; a space may stand for the
/// `T`, and seconds may be missing. Empty for anything else, also for a 30th of February.
[[nodiscard]] std::optional<clock_reading> parse_timestamp(std::string_view text);

/// `2024-01-01T12:00:00.250Z`.
[[nodiscard]] std::string to_iso(moment time);

/// How far this machine's time zone is ahead of UTC at that time.
[[nodiscard]] std::chrono::minutes system_utc_offset(moment time);

}  // namespace hub
