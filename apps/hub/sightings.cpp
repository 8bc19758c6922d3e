// SPDX-License-Identifier: MIT
#include "sightings.hpp"

#include <algorithm>
#include <span>

namespace hub {

std::size_t sightings::note(std::string_view camera, std::string_view kind, moment time) {
  key_.assign(camera).append(1, '\0').append(kind);
  track& seen = tracks_[key_];
  // A little back is an event that was overtaken; far back the camera's clock was set, and starts anew.
  if (seen.known > 0 && time < seen.last - window) seen = {};
  if (seen.known == 0 || time > seen.last + same) {
    std::ranges::rotate(seen.begins, seen.begins.end() - 1);
    seen.begins.front() = time;
    seen.known = std::min(seen.known + 1, most);
  }
  seen.last = std::max(seen.last, time);
  const auto begins = std::span(seen.begins).first(seen.known);
  const auto recent = std::ranges::count_if(begins, [&](moment begin) { return begin > seen.last - window; });
  return std::max<std::size_t>(1, static_cast<std::size_t>(recent));
}

}  // namespace hub
