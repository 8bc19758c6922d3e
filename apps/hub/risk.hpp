// SPDX-License-Identifier: MIT
// How alarming a detection is, from 0 to 100.
//
// Points are added, and cut off at 0 and 100:
//
//   the most alarming object    knife +70; person +40; car, truck, bus, motorcycle, bicycle, boat +20; package +10;
//                               dog, cat, bird and other animals +5; any other name +10; none named: motion +10
//   several people              +10
//   night                       +25  by the clock of the house, 22 to 6 o'clock
//   a watched zone              +20  one of settings::watched_zones
//   seen repeatedly             +15  that object's kind at that camera for the third time in ten minutes; what stays in
//                                    view, with events at most 30 s apart, is seen once
//   stationary                  -30  Frigate says that it does not move
//   false positive              the score is 0, whatever else holds; Frigate says so
//
// A score below 30 is low, below 60 medium, below 85 high, and critical from there.
//
// What was seen repeatedly is known to one process: hubs that share a queue share no memory.
#pragma once

#include "event.hpp"
#include "settings.hpp"
#include "sightings.hpp"

#include <boost/container/static_vector.hpp>

#include <chrono>
#include <string_view>
#include <vector>

namespace hub {

enum class severity { low, medium, high, critical };

inline constexpr severity every_severity[] = {severity::low, severity::medium, severity::high, severity::critical};

[[nodiscard]] std::string_view to_string(severity level);
[[nodiscard]] severity severity_of(int score);

/// One rule that held. `what` may be a text of the detection.
struct reason {
  std::string_view what;
  int points = 0;
  bool operator==(const reason&) const = default;
};

struct assessment {
  int score = 0;
  severity level = severity::low;
  /// In the order of the table above.
  boost::container::static_vector<reason, 8> reasons;
  bool at_night = false;
  bool repeated = false;
  /// The watched zone it is in; empty without one.
  std::string_view zone;
};

/// Keeps what it has to remember; one user at a time.
class risk_rules {
 public:
  explicit risk_rules(const settings& of);

  /// Applies the rules, and remembers that this was seen. The result is valid as long as the detection.
  assessment assess(const detection& seen);

 private:
  [[nodiscard]] bool is_night(std::chrono::minutes clock) const;
  [[nodiscard]] std::string_view watched_zone(const detection& seen) const;

  std::chrono::minutes night_from_;
  std::chrono::minutes night_until_;
  std::vector<std::string> watched_zones_;
  sightings sightings_;
};

}  // namespace hub
