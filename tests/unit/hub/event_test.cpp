// SPDX-License-Identifier: MIT
#include "hub/event.hpp"

#include <gtest/gtest.h>

namespace hub {
namespace {

using namespace std::chrono_literals;
using texts = std::vector<std::string_view>;

moment noon() { return std::chrono::sys_days(std::chrono::year(2024) / 1 / 1) + 12h; }

std::string problem_of(std::string_view text) {
  event_reader reader(0min);
  EXPECT_FALSE(reader.read(text)) << text;
  return to_string(reader.problem());
}

TEST(event, the_specifications_example_is_read) {
  event_reader reader(0min);
  const detection* seen =
      reader.read(R"({"camera_id": 1, "timestamp": "2024-01-01T12:00:00", "objects": ["person", "car"]})");
  ASSERT_TRUE(seen) << to_string(reader.problem());
  EXPECT_EQ(seen->camera, "1");
  EXPECT_TRUE(seen->camera_is_number);
  EXPECT_EQ(seen->time, noon());
  EXPECT_EQ(seen->clock, 12h);
  EXPECT_EQ(seen->timestamp, "2024-01-01T12:00:00");
  EXPECT_EQ(seen->objects, (texts{"person", "car"}));
  EXPECT_TRUE(seen->zones.empty());
  EXPECT_TRUE(seen->id.empty());
  EXPECT_FALSE(seen->tracked);
}

TEST(event, everything_optional_is_read_and_more_members_do_not_matter) {
  event_reader reader(0min);
  const detection* seen = reader.read(
      R"({"camera_id": "front-door.2", "timestamp": 1704110400, "objects": [], "zones": ["porch"], "id": "e1",
          "image_path": "/data/image.jpg", "type": "motion_detected", "nested": {"after": {}}})");
  ASSERT_TRUE(seen) << to_string(reader.problem());
  EXPECT_EQ(seen->camera, "front-door.2");
  EXPECT_FALSE(seen->camera_is_number);
  EXPECT_EQ(seen->zones, texts{"porch"});
  EXPECT_EQ(seen->id, "e1");
  EXPECT_FALSE(seen->tracked) << "the object is nobody's that will be seen again";
}

TEST(event, unix_seconds_become_iso_8601) {
  event_reader reader(0min);
  const detection* seen = reader.read(R"({"camera_id": 1, "timestamp": 1704110400.25})");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->time, noon() + 250ms);
  EXPECT_EQ(seen->timestamp, "2024-01-01T12:00:00.250Z");
}

TEST(event, a_time_without_a_zone_is_the_houses_and_others_are_converted) {
  event_reader reader(120min);
  const detection* seen = reader.read(R"({"camera_id": 1, "timestamp": "2024-01-01T23:30:00"})");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->clock, 23h + 30min);
  EXPECT_EQ(seen->time, noon() + 9h + 30min);
  seen = reader.read(R"({"camera_id": 1, "timestamp": "2024-01-01T23:30:00Z"})");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->clock, 1h + 30min);
  EXPECT_EQ(seen->time, noon() + 11h + 30min);
  seen = reader.read(R"({"camera_id": 1, "timestamp": "2024-01-01T07:00:00-05:00"})");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->clock, 14h);
  seen = reader.read(R"({"camera_id": 1, "timestamp": 1704110400})");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->clock, 14h);
}

TEST(event, an_offset_behind_utc_gives_a_clock_of_the_day_before) {
  event_reader reader(-300min);
  const detection* seen = reader.read(R"({"camera_id": 1, "timestamp": "2024-01-01T02:00:00Z"})");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->clock, 21h);
}

TEST(event, camera_ids_are_integers_or_short_plain_texts) {
  event_reader reader(0min);
  const auto camera = [&](const std::string& id) -> std::string {
    const detection* seen = reader.read(R"({"timestamp": "2024-01-01T12:00:00", "camera_id": )" + id + "}");
    return seen ? std::string(seen->camera) : "refused";
  };
  EXPECT_EQ(camera("0"), "0");
  EXPECT_EQ(camera("-7"), "-7");
  EXPECT_EQ(camera("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(camera(R"("A-z_0.9")"), "A-z_0.9");
  const auto name_of = [](std::size_t size) { return std::string(1, '"').append(size, 'x').append(1, '"'); };
  EXPECT_EQ(camera(name_of(64)), std::string(64, 'x'));
  for (const std::string bad : {"1.5", "1.0", "true", "null", "[1]", "{}", R"("")", R"("a b")", R"("a:b")", R"("a/b")",
                                R"("caf\u00e9")", R"("a\u0000")", R"("*")", "1e3"}) {
    EXPECT_EQ(camera(bad), "refused") << bad;
  }
  EXPECT_EQ(camera(name_of(65)), "refused");
}

TEST(event, problems_have_their_place) {
  EXPECT_EQ(problem_of(R"({"timestamp": "2024-01-01T12:00:00"})"), "camera_id: required");
  EXPECT_EQ(problem_of(R"({"camera_id": 1})"), "timestamp: required");
  EXPECT_EQ(problem_of(R"({"camera_id": 1, "timestamp": "soon"})"),
            "timestamp: expected ISO 8601, as 2024-01-01T12:00:00");
  EXPECT_EQ(problem_of(R"({"camera_id": 1, "timestamp": null})"), "timestamp: expected ISO 8601 or Unix seconds");
  EXPECT_EQ(problem_of(R"({"camera_id": 1, "timestamp": 1704110400000})"),
            "timestamp: expected Unix seconds, not milliseconds");
  EXPECT_EQ(problem_of(R"({"camera_id": 1, "timestamp": -1})"), "timestamp: expected Unix seconds, not milliseconds");
  EXPECT_EQ(problem_of(R"({"camera_id": 1, "timestamp": 1, "objects": "person"})"),
            "objects: expected a list of texts");
  EXPECT_EQ(problem_of(R"({"camera_id": 1, "timestamp": 1, "objects": null})"), "objects: expected a list of texts");
  EXPECT_EQ(problem_of(R"({"camera_id": 1, "timestamp": 1, "objects": ["a", 2]})"), "objects[1]: expected a text");
  EXPECT_EQ(problem_of(R"({"camera_id": 1, "timestamp": 1, "zones": [{}]})"), "zones[0]: expected a text");
  EXPECT_EQ(problem_of(R"({"camera_id": 1, "timestamp": 1, "id": 5})"), "id: expected a text");
  for (const char* text : {"[]", "1", "null", "\"person\""}) {
    EXPECT_EQ(problem_of(text), "an event is a JSON object");
  }
}

TEST(event, problems_have_a_word_for_programs) {
  event_reader reader(0min);
  const auto type_of = [&](std::string_view text) {
    reader.read(text);
    return reader.problem().type;
  };
  EXPECT_EQ(type_of("{"), "json_invalid");
  EXPECT_EQ(type_of("{}"), "missing");
  EXPECT_EQ(type_of(R"({"camera_id": []})"), "type_error");
  EXPECT_EQ(type_of(R"({"camera_id": ""})"), "value_error");
}

TEST(event, numbers_beyond_every_double_are_refused) {
  problem_of(R"({"camera_id": 1, "timestamp": 1e999})");
  problem_of(R"({"camera_id": 99999999999999999999, "timestamp": 1})");
}

TEST(event, nothing_of_one_event_shows_in_the_next) {
  event_reader reader(0min);
  ASSERT_TRUE(
      reader.read(R"({"type": "new", "after": {"id": "o1", "camera": "porch", "label": "person", "frame_time": 1,
      "current_zones": ["door"], "stationary": true, "false_positive": true}})"));
  const detection* seen = reader.read(R"({"camera_id": 2, "timestamp": 1})");
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->objects.empty());
  EXPECT_TRUE(seen->zones.empty());
  EXPECT_TRUE(seen->id.empty());
  EXPECT_FALSE(seen->tracked);
  EXPECT_FALSE(seen->stationary);
  EXPECT_FALSE(seen->false_positive);
  ASSERT_FALSE(reader.read(R"({"type": "new", "after": {}})"));
  ASSERT_FALSE(reader.read("{}"));
  EXPECT_EQ(to_string(reader.problem()), "camera_id: required");
}

// As Frigate publishes it, with members that nobody here looks at.
constexpr std::string_view envelope = R"({
  "type": "update",
  "before": {"id": "1607123955.475377-mxklsc", "camera": "front_door", "label": "person", "frame_time": 1607123961.8},
  "after": {"id": "1607123955.475377-mxklsc", "camera": "front_door", "frame_time": 1607123962.082975,
    "snapshot": {"frame_time": 1607123961.8, "box": [424, 500, 536, 712], "attributes": []},
    "label": "person", "sub_label": ["John Smith", 0.79], "top_score": 0.958984375, "false_positive": false,
    "start_time": 1607123955.475377, "end_time": null, "score": 0.87890625, "box": [424, 500, 536, 712],
    "area": 23744, "region": [264, 450, 667, 853], "stationary": false, "motionless_count": 0, "position_changes": 2,
    "current_zones": ["porch", "yard"], "entered_zones": ["yard", "porch"], "has_snapshot": true, "has_clip": false,
    "velocity_angle": null, "path_data": [[[0.5, 0.9], 1607123962.0]], "recognized_license_plate": null}})";

TEST(event, frigates_envelope_is_read) {
  event_reader reader(0min);
  const detection* seen = reader.read(envelope);
  ASSERT_TRUE(seen) << to_string(reader.problem());
  EXPECT_EQ(seen->camera, "front_door");
  EXPECT_FALSE(seen->camera_is_number);
  EXPECT_EQ(seen->id, "1607123955.475377-mxklsc");
  EXPECT_TRUE(seen->tracked);
  EXPECT_EQ(seen->objects, texts{"person"});
  EXPECT_EQ(seen->zones, (texts{"porch", "yard"}));
  EXPECT_EQ(seen->timestamp, "2020-12-04T23:19:22.083Z");
  EXPECT_FALSE(seen->false_positive);
  EXPECT_FALSE(seen->stationary);
}

TEST(event, an_envelope_is_read_tolerantly) {
  event_reader reader(0min);
  // The time of the frame is missing or null; flags and zones are of other types or not there.
  const detection* seen = reader.read(R"({"type": "end", "before": null, "after": {"id": "o", "camera": "c",
      "label": "dog", "frame_time": null, "start_time": 5, "false_positive": "no", "stationary": 1,
      "current_zones": ["a", 1, null, "b"]}})");
  ASSERT_TRUE(seen) << to_string(reader.problem());
  EXPECT_EQ(seen->time, moment(5s));
  EXPECT_FALSE(seen->false_positive);
  EXPECT_FALSE(seen->stationary);
  EXPECT_EQ(seen->zones, (texts{"a", "b"}));
  seen = reader.read(R"({"type": "new", "after": {"id": "o", "camera": "c", "label": "dog", "frame_time": 5,
      "current_zones": "porch", "false_positive": true, "stationary": true}})");
  ASSERT_TRUE(seen) << to_string(reader.problem());
  EXPECT_TRUE(seen->zones.empty());
  EXPECT_TRUE(seen->false_positive);
  EXPECT_TRUE(seen->stationary);
}

TEST(event, problems_of_an_envelope_have_their_place) {
  EXPECT_EQ(problem_of(R"({"after": {}})"), "type: required");
  EXPECT_EQ(problem_of(R"({"type": "gone", "after": {}})"), "type: expected new, update or end");
  EXPECT_EQ(problem_of(R"({"type": 1, "after": {}})"), "type: expected new, update or end");
  EXPECT_EQ(problem_of(R"({"type": "new", "before": {}})"), "after: required");
  EXPECT_EQ(problem_of(R"({"type": "end", "after": null})"), "after: expected an object");
  EXPECT_EQ(problem_of(R"({"type": "new", "after": {}})"), "after.id: required");
  EXPECT_EQ(problem_of(R"({"type": "new", "after": {"id": ""}})"), "after.id: expected a text");
  EXPECT_EQ(problem_of(R"({"type": "new", "after": {"id": "o"}})"), "after.camera: required");
  EXPECT_EQ(problem_of(R"({"type": "new", "after": {"id": "o", "camera": "c"}})"), "after.label: required");
  EXPECT_EQ(problem_of(R"({"type": "new", "after": {"id": "o", "camera": "a b", "label": "dog"}})"),
            "after.camera: expected 1 to 64 of A-Z a-z 0-9 _ . -");
  EXPECT_EQ(problem_of(R"({"type": "new", "after": {"id": "o", "camera": "c", "label": "dog"}})"),
            "after.start_time: required");
  EXPECT_EQ(problem_of(R"({"type": "new", "after": {"id": ")" + std::string(129, 'o') +
                       R"(", "camera": "c", "label": "dog"}})"),
            "after.id: expected at most 128 bytes");
}

// What is kept of an event, and shown on every screen, is no longer than that.
TEST(event, texts_are_bounded) {
  const std::string most(128, 'o');
  EXPECT_EQ(problem_of(R"({"type": "new", "after": {"id": "o", "camera": "c", "label": ")" + most + R"(o"}})"),
            "after.label: expected at most 128 bytes");
  EXPECT_EQ(problem_of(R"({"type": "new", "after": {"id": "o", "camera": "c", "label": ")" + most + R"("}})"),
            "after.start_time: required");
  EXPECT_EQ(problem_of(R"({"id": ")" + most + R"(o", "camera_id": 1, "timestamp": "2024-01-01T12:00:00"})"),
            "id: expected at most 128 bytes");
  EXPECT_EQ(problem_of(R"({"camera_id": 1, "timestamp": "2024-01-01T12:00:00.)" + std::string(64, '0') + R"("})"),
            "timestamp: expected ISO 8601, as 2024-01-01T12:00:00");
}

// Whatever the bytes, they are refused or read: a sanitizer would see anything else.
TEST(event, any_cut_and_any_changed_byte_is_survived) {
  event_reader reader(0min);
  const std::string whole(envelope);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(reader.read(std::string(whole, 0, size))) << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char c : {'\0', '"', '{', ']', '\xff', '9'}) {
      std::string changed = whole;
      changed[at] = c;
      if (const detection* seen = reader.read(changed)) {
        EXPECT_TRUE(is_camera_id(seen->camera));
        EXPECT_FALSE(seen->timestamp.empty());
      }
    }
  }
}

}  // namespace
}  // namespace hub
