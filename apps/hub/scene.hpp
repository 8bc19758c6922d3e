// SPDX-License-Identifier: MIT
// A house with cameras that nobody has installed: what they would send, for demonstrations and recordings.
#pragma once

#include "timestamp.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <queue>
#include <random>
#include <string>
#include <vector>

namespace hub {

namespace json = boost::json;

/// One request of a camera.
struct shot {
  std::chrono::milliseconds at{};  ///< since the scene began
  std::string camera;              ///< not empty: this camera's status, rather than an event
  json::object body;
};

/// An endless evening, the same for the same seed: people come and go, a car, a cat; some cameras speak the
/// specification's form and some Frigate's; each says every few seconds how it is, and one falls silent now and then.
class scene {
 public:
  /// `cameras` at most 1000.
  scene(std::uint64_t seed, moment begin, std::size_t cameras);

  /// The next request, in order of time.
  shot next();

 private:
  using random = std::mt19937_64;
  enum class kind { status, visit, sighting };
  struct planned {
    std::chrono::milliseconds at;
    std::uint64_t order;  // of those at the same time
    kind what;
    std::size_t camera;
    bool operator>(const planned& other) const { return at != other.at ? at > other.at : order > other.order; }
  };
  // Somebody, or something, that a camera sees for a while.
  struct visit {
    std::string object;
    std::string zone;
    std::string id;
    std::chrono::milliseconds since{};
    int left = 0;
    bool begun = false;
  };

  void plan(std::chrono::milliseconds at, kind what, std::size_t camera);
  shot status_of(const planned& now);
  void begin_visit(const planned& now);
  shot sighting(const planned& now);
  json::object plain_event(const planned& now, const visit& seen) const;
  json::object tracked_event(const planned& now, const visit& seen, const char* type) const;
  std::int64_t between(std::int64_t least, std::int64_t most);

  random random_;
  moment begin_;
  std::uint64_t order_ = 0;
  std::priority_queue<planned, std::vector<planned>, std::greater<>> planned_;
  std::vector<visit> visits_;
};

}  // namespace hub
