// SPDX-License-Identifier: MIT
// Everything the hub can be told, with its default.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace hub {

/// A plain aggregate. Durations are positive.
struct settings {
  // --- Workers -------------------------------------------------------------------------------------------------------
  /// Batches that are worked on at the same time. Zero: this hub only takes events in.
  std::size_t workers = 4;
  /// Elements of the queue taken at once, at most.
  std::size_t batch_size = 100;
  /// How long a worker waits for an element before it asks again.
  std::chrono::milliseconds batch_wait{5000};
  /// Pauses between tries while Redis cannot be written to: the first, doubled up to the longest.
  std::chrono::milliseconds retry_first{50};
  std::chrono::milliseconds retry_longest{2000};
  /// The limit of one try to write what came of a batch.
  std::chrono::milliseconds write_timeout{2000};
  /// How often a worker tries to keep an element that is no event while Redis refuses it, before it goes on without.
  std::size_t unreadable_tries = 6;
  /// Elements that were no events, kept for people to look at; the newest.
  std::size_t recent_unreadable = 1000;

  // --- Cameras -------------------------------------------------------------------------------------------------------
  /// A camera that was silent for this long is offline.
  std::chrono::milliseconds camera_ttl = std::chrono::seconds(300);
  /// The latest detection of a camera is kept for this long.
  std::chrono::milliseconds latest_ttl = std::chrono::hours(24);
  /// A camera that was not seen for this long is forgotten. Never before it is offline.
  std::chrono::milliseconds forget_after = std::chrono::hours(24 * 30);
  /// Cameras that are listed. Each of them is looked at every second.
  std::size_t max_cameras = 1000;

  // --- Alerts --------------------------------------------------------------------------------------------------------
  /// Events with this score and above become alerts.
  int alert_threshold = 60;
  /// Alerts kept for clients that come later.
  std::size_t recent_alerts = 200;
  /// An object that was alerted is not alerted again for this long, unless it becomes more severe.
  std::chrono::milliseconds alert_marker_ttl = std::chrono::hours(1);

  // --- Rules ---------------------------------------------------------------------------------------------------------
  /// Night by the clock of the house, from the first hour until before the second. The same twice: never.
  int night_from = 22;
  int night_until = 6;
  /// The clock of the house, ahead of UTC. Empty: the time zone of this machine.
  std::optional<std::chrono::minutes> utc_offset{};
  /// Zones where somebody stands only who wants to come in, or should not be there.
  std::vector<std::string> watched_zones{"entrance", "door", "front_door", "back_door", "porch", "garage"};
};

}  // namespace hub
