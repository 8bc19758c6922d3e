// SPDX-License-Identifier: MIT
#include "hub/batch.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <set>

namespace hub {
namespace {

using namespace std::chrono_literals;

settings utc() {
  settings options;
  options.utc_offset = 0min;
  return options;
}

// By night in a watched zone, or by day.
std::string event(const std::string& camera, bool alarming) {
  return R"({"camera_id":)" + camera + R"(,"timestamp":"2024-01-01T)" + (alarming ? "02" : "12") +
         R"(:00:00Z","objects":["person"],"zones":["porch"],"n":1})";
}
std::string quiet(const std::string& camera, const std::string& object = "cat") {
  return R"({"camera_id":)" + camera + R"(,"timestamp":"2024-01-01T12:00:00Z","objects":[")" + object + R"("]})";
}
// A tracked person at night: high, and critical when it is in the zone.
std::string tracked(const std::string& id, bool in_zone = false, bool false_positive = false) {
  return R"({"type":"update","before":{},"after":{"id":")" + id +
         R"(","camera":"porch","label":"person","frame_time":7200,"current_zones":)" +
         (in_zone ? R"(["porch"])" : "[]") + R"(,"false_positive":)" + (false_positive ? "true" : "false") + "}}";
}

class batch : public ::testing::Test {
 protected:
  scored_batch score(const std::vector<std::string>& elements, moment now = moment(1000h)) {
    return scorer.score(elements, now);
  }
  settings options = utc();
  batch_scorer scorer{options, "p"};
};

TEST_F(batch, only_what_reaches_the_threshold_is_an_alert) {
  const scored_batch result = score({quiet("1"), event("2", true), quiet("3"), event("4", true)});
  ASSERT_EQ(result.alerts.size(), 2u);
  EXPECT_EQ(result.alerts[0].element, 1u);
  EXPECT_EQ(result.alerts[1].element, 3u);
  EXPECT_TRUE(result.alerts[0].object.empty());
  EXPECT_EQ(json::parse(result.alerts[1].text).at("camera_id"), json::value(4));
  EXPECT_TRUE(result.unreadable.empty());
}

TEST_F(batch, the_threshold_itself_is_an_alert) {
  EXPECT_EQ(score({event("1", false)}).alerts.size(), 1u) << "person and zone are 60";
  options.alert_threshold = 61;
  batch_scorer stricter(options, "p");
  const std::vector<std::string> elements{event("1", false)};
  EXPECT_TRUE(stricter.score(elements, moment()).alerts.empty());
}

TEST_F(batch, ids_of_alerts_are_never_the_same) {
  std::set<std::string> ids;
  for (int i = 0; i < 10; ++i) {
    for (const alert& raised : score({event("1", true), event("1", true)}).alerts) {
      const json::value text = json::parse(raised.text);
      EXPECT_TRUE(text.at("id").as_string().starts_with("p-"));
      ids.emplace(text.at("id").as_string());
    }
  }
  EXPECT_EQ(ids.size(), 20u);
}

TEST_F(batch, each_camera_is_kept_once_with_what_came_last) {
  const scored_batch result =
      score({quiet("1", "cat"), quiet("2", "dog"), quiet("1", "car"), quiet(R"("1")", "bird"), quiet("2", "cow")});
  ASSERT_EQ(result.cameras.size(), 2u);
  EXPECT_EQ(result.cameras[0].id, "1");
  EXPECT_EQ(json::parse(result.cameras[0].latest).at("objects"), json::array{"bird"});
  EXPECT_EQ(result.cameras[1].id, "2");
  EXPECT_EQ(json::parse(result.cameras[1].latest).at("objects"), json::array{"cow"});
  EXPECT_EQ(score({quiet("3")}).cameras.size(), 1u) << "nothing is left of the batch before";
}

TEST_F(batch, what_is_no_event_is_kept_with_the_reason) {
  const scored_batch result = score({"System started", quiet("1"), "{\"camera_id\":1}", std::string("\xff", 1), ""});
  ASSERT_EQ(result.unreadable.size(), 4u);
  EXPECT_EQ(result.unreadable[0].element, 0u);
  EXPECT_EQ(result.unreadable[1].element, 2u);
  EXPECT_EQ(result.unreadable[1].text, R"({"payload":"{\"camera_id\":1}","problem":"timestamp: required"})");
  EXPECT_EQ(json::parse(result.unreadable[0].text).at("payload").as_string(), "System started");
  EXPECT_EQ(json::parse(result.unreadable[2].text).at("payload_hex").as_string(), "ff");
  EXPECT_EQ(result.cameras.size(), 1u);
}

TEST_F(batch, an_object_is_alerted_once_at_a_severity) {
  const scored_batch first = score({tracked("o1"), tracked("o1"), tracked("o2")});
  ASSERT_EQ(first.alerts.size(), 2u);
  EXPECT_EQ(first.alerts[0].object, "o1");
  EXPECT_EQ(first.alerts[0].level, severity::high);
  EXPECT_EQ(first.alerts[1].object, "o2");
  EXPECT_EQ(first.repeated, 1u);
  const scored_batch second = score({tracked("o1"), tracked("o2")});
  EXPECT_TRUE(second.alerts.empty());
  EXPECT_EQ(second.repeated, 2u);
}

TEST_F(batch, an_object_that_becomes_more_severe_is_alerted_again_but_not_when_it_becomes_less) {
  EXPECT_EQ(score({tracked("o1")}).alerts.size(), 1u);
  const scored_batch worse = score({tracked("o1", true)});
  ASSERT_EQ(worse.alerts.size(), 1u);
  EXPECT_EQ(worse.alerts[0].level, severity::critical);
  EXPECT_TRUE(score({tracked("o1"), tracked("o1", true)}).alerts.empty());
}

TEST_F(batch, after_the_markers_time_an_object_is_alerted_again) {
  EXPECT_EQ(score({tracked("o1")}, moment(10h)).alerts.size(), 1u);
  EXPECT_EQ(score({tracked("o1")}, moment(11h - 1ms)).alerts.size(), 0u);
  EXPECT_EQ(score({tracked("o1")}, moment(11h)).alerts.size(), 1u);
}

TEST_F(batch, objects_that_are_forgotten_are_alerted_again) {
  EXPECT_EQ(score({tracked("o1")}).alerts.size(), 1u);
  scorer.forget_alerted();
  EXPECT_EQ(score({tracked("o1")}).alerts.size(), 1u);
}

TEST_F(batch, false_positives_raise_no_alert_whatever_the_threshold) {
  options.alert_threshold = 0;
  batch_scorer any(options, "p");
  const std::vector<std::string> elements{tracked("o1", true, true), quiet("1")};
  const scored_batch result = any.score(elements, moment());
  ASSERT_EQ(result.alerts.size(), 1u);
  EXPECT_EQ(result.alerts[0].element, 1u);
}

TEST_F(batch, an_empty_batch_is_nothing) {
  const scored_batch result = score({});
  EXPECT_TRUE(result.alerts.empty() && result.cameras.empty() && result.unreadable.empty());
}

}  // namespace
}  // namespace hub
