// SPDX-License-Identifier: MIT
#include "risk.hpp"

#include <algorithm>

namespace hub {

namespace {

constexpr int several_people_points = 10;
constexpr int night_points = 25;
constexpr int zone_points = 20;
constexpr int repeated_points = 15;
constexpr int stationary_points = -30;

constexpr reason motion{"motion", 10};
constexpr int other_points = 10;

// The names that detectors trained on COCO give, and Frigate's own `package`. The most frequent first.
constexpr reason kinds[] = {
    {"person", 40}, {"car", 20}, {"dog", 5},  {"cat", 5},   {"package", 10}, {"bicycle", 20}, {"motorcycle", 20},
    {"truck", 20},  {"bus", 20}, {"bird", 5}, {"boat", 20}, {"knife", 70},   {"horse", 5},    {"sheep", 5},
    {"cow", 5},     {"bear", 5}, {"deer", 5}, {"fox", 5},   {"raccoon", 5},  {"squirrel", 5}, {"rabbit", 5},
};

reason kind_of(std::string_view object) {
  const auto found = std::ranges::find(kinds, object, &reason::what);
  return found != std::end(kinds) ? *found : reason{object, other_points};
}

reason most_alarming(const std::vector<std::string_view>& objects) {
  if (objects.empty()) return motion;
  reason worst = kind_of(objects.front());
  for (const std::string_view object : objects) {
    const reason one = kind_of(object);
    if (one.points > worst.points) worst = one;
  }
  return worst;
}

}  // namespace

std::string_view to_string(severity level) {
  switch (level) {
    case severity::low:
      return "low";
    case severity::medium:
      return "medium";
    case severity::high:
      return "high";
    case severity::critical:
      break;
  }
  return "critical";
}

severity severity_of(int score) {
  if (score < 30) return severity::low;
  if (score < 60) return severity::medium;
  if (score < 85) return severity::high;
  return severity::critical;
}

risk_rules::risk_rules(const settings& of)
    : night_from_(std::chrono::hours(of.night_from)),
      night_until_(std::chrono::hours(of.night_until)),
      watched_zones_(of.watched_zones) {}

assessment risk_rules::assess(const detection& seen) {
  assessment result;
  const auto add = [&result](reason held) {
    result.reasons.push_back(held);
    result.score += held.points;
  };
  // It is not there, so that it was not seen either.
  if (seen.false_positive) {
    result.reasons.push_back({"false positive", 0});
    return result;
  }
  const reason object = most_alarming(seen.objects);
  result.zone = watched_zone(seen);
  result.at_night = is_night(seen.clock);
  result.repeated = sightings_.note(seen.camera, object.what, seen.time) >= sightings::most;

  add(object);
  if (std::ranges::count(seen.objects, "person") > 1) add({"several people", several_people_points});
  if (result.at_night) add({"night", night_points});
  if (!result.zone.empty()) add({"watched zone", zone_points});
  if (result.repeated) add({"seen repeatedly", repeated_points});
  if (seen.stationary) add({"stationary", stationary_points});

  result.score = std::clamp(result.score, 0, 100);
  result.level = severity_of(result.score);
  return result;
}

bool risk_rules::is_night(std::chrono::minutes clock) const {
  if (night_from_ <= night_until_) return clock >= night_from_ && clock < night_until_;
  return clock >= night_from_ || clock < night_until_;
}

std::string_view risk_rules::watched_zone(const detection& seen) const {
  for (const std::string_view zone : seen.zones) {
    if (std::ranges::find(watched_zones_, zone) != watched_zones_.end()) return zone;
  }
  return {};
}

}  // namespace hub
