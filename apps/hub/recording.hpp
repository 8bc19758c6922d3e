// SPDX-License-Identifier: MIT
// Recordings of what cameras sent: one JSON object a line.
//
//   {"at": 0.25, "event": {"camera_id": 1, "timestamp": "2024-01-01T22:00:00Z", "objects": ["person"]}}
//   {"at": 0.5, "camera": "front_door", "status": {"online": true, "fps": 25}}
//
// `at` is in seconds since the recording began. A line that is an event itself, without `at`, is sent at once.
#pragma once

#include "scene.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace hub {

/// Throws `std::runtime_error` that names the line which is none.
[[nodiscard]] std::vector<shot> read_recording(std::istream& from);

[[nodiscard]] std::string to_line(const shot& recorded);

/// Gives an event the present for its time: `timestamp`, or `frame_time`, `start_time` and `end_time` of an envelope.
void set_time(json::object& event, moment now);

}  // namespace hub
