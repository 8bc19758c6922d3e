// SPDX-License-Identifier: MIT
// The names of everything the hub keeps in Redis.
#pragma once

#include <string>
#include <string_view>

namespace hub::keys {

inline constexpr std::string_view detections = "detections";             // list: events as they were posted
inline constexpr std::string_view unreadable = "detections:unreadable";  // list: elements that were no events
inline constexpr std::string_view cameras = "cameras";                   // hash: camera -> when it was last seen
inline constexpr std::string_view alerts = "alerts";                     // list: recent alerts, newest first

// Channels.
inline constexpr std::string_view events = "events";                // risk_alert messages
inline constexpr std::string_view camera_events = "camera_events";  // camera_status messages

inline std::string key(std::string_view before, std::string_view id, std::string_view after) {
  std::string name;
  name.reserve(before.size() + id.size() + after.size());
  return name.append(before).append(id).append(after);
}

// What a camera said of itself; it is online while this exists.
inline std::string camera_status(std::string_view id) { return key("camera:", id, ":status"); }
// The latest detection of a camera, scored.
inline std::string camera_latest(std::string_view id) { return key("camera:", id, ":latest"); }
// This object was alerted, at this severity or a higher one.
inline std::string alert_marker(std::string_view object, std::string_view severity) {
  std::string name = key("alert:", object, ":");
  return name.append(severity);
}

}  // namespace hub::keys
