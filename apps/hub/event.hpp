// SPDX-License-Identifier: MIT
// One event as a camera posts it, and the detection it reports.
//
// Two forms are taken. The specification's:
//
//   {"camera_id": 1, "timestamp": "2024-01-01T12:00:00", "objects": ["person", "car"]}
//
// `camera_id` is an integer or a text of 1 to 64 of A-Z a-z 0-9 _ . - and `timestamp` is ISO 8601 or Unix seconds; a
// time without a zone is the house's. May be missing: `objects` and `zones` (lists of texts), `id` (a text). More
// members are kept and not looked at.
//
// And the envelope that Frigate publishes, `{"type": "new", "before": {...}, "after": {...}}`; of `after` we need
// `id`, `camera`, `label` and `frame_time` (or `start_time`), and look at `current_zones`, `false_positive` and
// `stationary`. An object with `before` or `after` and without `camera_id` is an envelope.
#pragma once

#include "document.hpp"
#include "timestamp.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hub {

/// True for what may name a camera: 1 to 64 of A-Z a-z 0-9 _ . -
[[nodiscard]] bool is_camera_id(std::string_view id);

/// Why something is no event. `place` leads there: `["objects", 0]`; `type` is a word for programs: `missing`,
/// `type_error`, `json_invalid`, `value_error`.
struct event_problem {
  json::array place;
  std::string message;
  std::string type;
};

/// `objects[0]: expected a text`.
[[nodiscard]] std::string to_string(const event_problem& problem);

/// What an event says. Its texts lie in the reader and are valid until it reads again.
struct detection {
  std::string_view camera;        ///< as text: `1`, `porch`
  bool camera_is_number = false;  ///< it was posted as a number
  moment time{};                  ///< when it was seen
  std::chrono::minutes clock{};   ///< the same by the clock of the house, since midnight
  std::string_view timestamp;     ///< as it was posted; a number has become ISO 8601
  std::vector<std::string_view> objects;
  std::vector<std::string_view> zones;
  std::string_view id;   ///< the event's, or the tracked object's; empty without one
  bool tracked = false;  ///< `id` is an object that Frigate follows: more events of it will come
  bool false_positive = false;
  bool stationary = false;
};

/// Reads one event after the other into the same memory. One user at a time.
class event_reader {
 public:
  /// `utc_offset` is the clock of the house; empty: the time zone of this machine.
  explicit event_reader(std::optional<std::chrono::minutes> utc_offset = {}) : utc_offset_(utc_offset) {}

  /// The detection in an event, valid until the next call; null when it is none, then `problem` says why.
  const detection* read(std::string_view text);
  const detection* read_parsed(const json::value& event);

  [[nodiscard]] const event_problem& problem() const noexcept { return problem_; }

 private:
  bool read_plain(const json::object& event);
  bool read_envelope(const json::object& event);
  bool read_tracked(const json::object& object);
  bool read_camera_id(const json::value* id);
  bool read_timestamp(const json::value* timestamp, std::string_view name);
  bool read_texts(const json::value* list, std::string_view name, std::vector<std::string_view>& into);
  void set_time(moment utc);
  [[nodiscard]] std::chrono::minutes offset_at(moment time) const;

  // Notes what is wrong at a member of what is being read, or of a member's element.
  bool refuse(std::string_view member, std::string_view message, std::string_view type);
  bool refuse_element(std::string_view member, std::size_t index, std::string_view message);
  json::array place_of(std::string_view member) const;

  std::optional<std::chrono::minutes> utc_offset_;
  document document_;
  detection found_;
  std::string camera_text_;
  std::string timestamp_text_;
  bool in_after_ = false;
  event_problem problem_;
};

}  // namespace hub
