// SPDX-License-Identifier: MIT
// Who keeps coming back: how often one kind of object was seen at one camera of late.
#pragma once

#include "lru_map.hpp"
#include "timestamp.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace hub {

/// Events that follow each other within `same` are one sighting, whatever their number. Bounded: of more pairs of
/// camera and kind than `capacity`, those that were seen longest ago are forgotten.
class sightings {
 public:
  static constexpr std::chrono::seconds same{30};
  static constexpr std::chrono::minutes window{10};
  /// `note` counts no further.
  static constexpr std::size_t most = 3;

  explicit sightings(std::size_t capacity = 4096) : tracks_(capacity) {}

  /// Notes an event of `time`; returns how many sightings there were in the `window` until then, this one included.
  std::size_t note(std::string_view camera, std::string_view kind, moment time);

  [[nodiscard]] std::size_t size() const noexcept { return tracks_.size(); }

 private:
  struct track {
    moment last = moment::min();        // the newest event
    std::array<moment, most> begins{};  // of sightings, the newest first
    std::size_t known = 0;              // how many of them
  };

  lru_map<track> tracks_;
  std::string key_;
};

}  // namespace hub
