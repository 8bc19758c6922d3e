// SPDX-License-Identifier: MIT
// What the hub tells of a detection: the messages of its channel, and the latest of a camera.
#pragma once

#include "event.hpp"
#include "risk.hpp"

#include <string>
#include <string_view>

namespace hub {

/// What happened, for people: `person and car at camera 1 in driveway at night, seen repeatedly`.
[[nodiscard]] std::string describe(const detection& seen, const assessment& risk);

/// A `risk_alert` message as JSON. `id` is the alert's own, unlike any other's.
[[nodiscard]] std::string alert_text(const detection& seen, const assessment& risk, std::string_view id);

/// Writes what is kept as the latest detection of a camera over `into`.
void latest_text(std::string& into, const detection& seen, const assessment& risk);

/// What is kept of an element that is no event: `{"payload":"...","problem":"..."}`, or, for bytes that are not UTF-8,
/// `payload_hex` with two digits a byte. Of more than 64 KiB the beginning, and `payload_bytes` says how many there
/// were.
[[nodiscard]] std::string unreadable_text(std::string_view payload, std::string_view problem);

}  // namespace hub
