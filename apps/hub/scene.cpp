// SPDX-License-Identifier: MIT
#include "scene.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

namespace hub {

namespace {

using std::chrono::milliseconds;

struct scenery {
  std::string_view camera;
  bool is_number;  // its id, in the specification's form
  bool is_frigate;
  int fps;
  std::array<std::string_view, 2> zones;
};
constexpr std::array<scenery, 6> house = {{
    {"1", true, false, 25, {"driveway", "garage"}},
    {"2", true, false, 15, {"garden", "back_door"}},
    {"3", true, false, 30, {"street", "street"}},
    {"front_door", false, true, 10, {"porch", "entrance"}},
    {"backyard", false, true, 5, {"lawn", "back_door"}},
    {"hallway", false, false, 20, {"hall", "stairs"}},
}};

// Of more cameras than the house has, the others are the same again, as in the houses next to it.
const scenery& scenery_of(std::size_t camera) { return house[camera % house.size()]; }

std::string name_of(std::size_t camera) {
  std::string name(scenery_of(camera).camera);
  if (camera < house.size()) return name;
  // A number stays one.
  const std::string street = std::to_string(camera / house.size());
  return scenery_of(camera).is_number ? name.append(street) : name.append(1, '-').append(street);
}

// Twice what is seen often.
constexpr std::array<std::string_view, 9> visitors = {"person", "person",  "car",    "person", "cat",
                                                      "dog",    "bicycle", "person", "package"};

}  // namespace

scene::scene(std::uint64_t seed, moment begin, std::size_t cameras)
    : random_(seed), begin_(begin), visits_(std::min<std::size_t>(cameras, 1000)) {
  for (std::size_t camera = 0; camera < visits_.size(); ++camera) {
    plan(milliseconds(between(0, 400)), kind::status, camera);
    plan(milliseconds(between(200, 4000)), kind::visit, camera);
  }
}

std::int64_t scene::between(std::int64_t least, std::int64_t most) {
  // Not std::uniform_int_distribution: it differs from library to library, and recordings should not.
  return least + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most - least + 1));
}

void scene::plan(milliseconds at, kind what, std::size_t camera) { planned_.push({at, order_++, what, camera}); }

shot scene::next() {
  for (;;) {
    const planned now = planned_.top();
    planned_.pop();
    switch (now.what) {
      case kind::status:
        return status_of(now);
      case kind::visit:
        begin_visit(now);
        break;
      case kind::sighting:
        return sighting(now);
    }
  }
}

shot scene::status_of(const planned& now) {
  const scenery& camera = scenery_of(now.camera);
  // Long enough to be missed: see --camera-ttl of the demonstration.
  const bool falls_silent = now.camera % 4 == 3 && between(0, 5) == 0;
  plan(now.at + milliseconds(falls_silent ? between(20'000, 30'000) : between(2500, 3500)), kind::status, now.camera);
  shot made{now.at, name_of(now.camera), {}};
  made.body["online"] = true;
  made.body["fps"] = camera.fps - between(0, 2);
  made.body["temperature_c"] = 30 + between(0, 12);
  return made;
}

void scene::begin_visit(const planned& now) {
  const scenery& camera = scenery_of(now.camera);
  visit& seen = visits_[now.camera];
  seen.object = visitors[static_cast<std::size_t>(between(0, visitors.size() - 1))];
  seen.zone = camera.zones[static_cast<std::size_t>(between(0, 1))];
  seen.since = now.at;
  seen.left = static_cast<int>(between(2, 6));
  seen.begun = false;
  std::array<char, 48> id;
  const auto seconds = std::chrono::duration<double>((begin_ + now.at).time_since_epoch()).count();
  const auto suffix = static_cast<unsigned>(between(0, 0xffffff));
  const int size = std::snprintf(id.data(), id.size(), "%.6f-%06x", seconds, suffix);
  seen.id.assign(id.data(), static_cast<std::size_t>(size));
  plan(now.at, kind::sighting, now.camera);
}

shot scene::sighting(const planned& now) {
  const scenery& camera = scenery_of(now.camera);
  visit& seen = visits_[now.camera];
  --seen.left;
  const char* type = !std::exchange(seen.begun, true) ? "new" : seen.left > 0 ? "update" : "end";
  shot made{now.at, {}, camera.is_frigate ? tracked_event(now, seen, type) : plain_event(now, seen)};
  if (seen.left > 0) {
    plan(now.at + milliseconds(between(300, 1500)), kind::sighting, now.camera);
  } else {
    plan(now.at + milliseconds(between(1500, 9000)), kind::visit, now.camera);
  }
  return made;
}

json::object scene::plain_event(const planned& now, const visit& seen) const {
  const scenery& camera = scenery_of(now.camera);
  json::object event;
  if (camera.is_number) {
    event["camera_id"] = std::stoi(name_of(now.camera));
  } else {
    event["camera_id"] = name_of(now.camera);
  }
  event["timestamp"] = to_iso(begin_ + now.at);
  event["objects"] = json::array{json::value(seen.object)};
  event["zones"] = json::array{json::value(seen.zone)};
  return event;
}

json::object scene::tracked_event(const planned& now, const visit& seen, const char* type) const {
  const auto seconds = [&](milliseconds at) {
    return std::chrono::duration<double>((begin_ + at).time_since_epoch()).count();
  };
  json::object after;
  after["id"] = seen.id;
  after["camera"] = name_of(now.camera);
  after["label"] = seen.object;
  after["sub_label"] = nullptr;
  after["frame_time"] = seconds(now.at);
  after["start_time"] = seconds(seen.since);
  after["end_time"] = seen.left > 0 ? json::value() : json::value(seconds(now.at));
  after["score"] = 0.84;
  after["top_score"] = 0.91;
  after["false_positive"] = false;
  after["stationary"] = false;
  after["box"] = json::array{412, 300, 540, 620};
  after["current_zones"] = json::array{json::value(seen.zone)};
  after["entered_zones"] = json::array{json::value(seen.zone)};
  after["has_clip"] = true;
  after["has_snapshot"] = true;
  json::object event;
  event["type"] = type;
  event["before"] = after;
  event["after"] = std::move(after);
  return event;
}

}  // namespace hub
