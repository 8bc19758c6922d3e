// SPDX-License-Identifier: MIT
#include "hub/alert_text.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace hub {
namespace {

using namespace std::chrono_literals;

class alert_texts : public ::testing::Test {
 protected:
  const detection& read(std::string_view event) {
    const detection* seen = reader.read(event);
    EXPECT_TRUE(seen) << to_string(reader.problem());
    risk = rules.assess(*seen);
    return *seen;
  }

  event_reader reader{0min};
  settings options;
  risk_rules rules{options};
  assessment risk;
};

TEST_F(alert_texts, an_alert_has_the_specifications_members_and_ours) {
  const detection& seen =
      read(R"({"camera_id":1,"timestamp":"2024-01-01T23:00:00","objects":["person"],"zones":["porch"],"id":"e7"})");
  EXPECT_EQ(
      alert_text(seen, risk, "a-1"),
      R"({"type":"risk_alert","id":"a-1","risk_score":85,"severity":"critical","camera_id":1,)"
      R"("message":"person at camera 1 in porch at night","timestamp":"2024-01-01T23:00:00","objects":["person"],)"
      R"("reasons":["person +40","night +25","watched zone +20"],"event_id":"e7"})");
}

TEST_F(alert_texts, a_camera_that_was_posted_as_text_stays_text) {
  const detection& seen = read(R"({"camera_id":"7","timestamp":"2024-01-01T12:00:00"})");
  const json::value alert = json::parse(alert_text(seen, risk, "a"));
  EXPECT_EQ(alert.at("camera_id"), json::value("7"));
  EXPECT_EQ(alert.at("event_id"), json::value(nullptr));
  EXPECT_EQ(alert.at("message"), json::value("motion at 7"));
  EXPECT_EQ(alert.at("objects"), json::array());
}

TEST_F(alert_texts, points_taken_away_have_their_sign) {
  const detection& seen = read(R"({"type":"update","after":{"id":"o","camera":"c","label":"person","frame_time":43200,
      "stationary":true}})");
  const json::value alert = json::parse(alert_text(seen, risk, "a"));
  EXPECT_EQ(alert.at("reasons"), (json::array{"person +40", "stationary -30"}));
  EXPECT_EQ(alert.at("event_id"), json::value("o"));
}

TEST_F(alert_texts, messages_name_each_kind_once_and_count_what_is_too_much) {
  const auto message = [&](const std::string& objects) {
    const detection& seen =
        read(R"({"camera_id":"porch","timestamp":"2024-01-01T12:00:00","objects":)" + objects + '}');
    return describe(seen, risk);
  };
  EXPECT_EQ(message(R"(["person","person"])"), "person at porch");
  EXPECT_EQ(message(R"(["person","car"])"), "person and car at porch");
  EXPECT_EQ(message(R"(["a","b","c"])"), "a, b and c at porch");
  EXPECT_EQ(message(R"(["a","b","c","d","e","f"])"), "a, b, c, d and 2 more at porch");
}

TEST_F(alert_texts, whatever_was_posted_the_alert_is_json) {
  const detection& seen = read(
      R"({"camera_id":"c","timestamp":1,"objects":["<img onerror=\"x\">\n\u0000\\"],"zones":["\ud83d\ude00"],"id":"\""})");
  const json::value alert = json::parse(alert_text(seen, risk, "a"));
  EXPECT_EQ(alert.at("objects").at(0).as_string(), json::string_view("<img onerror=\"x\">\n\0\\", 20));
  EXPECT_EQ(alert.at("event_id").as_string(), "\"");
  std::string latest = "what stood there before";
  latest_text(latest, seen, risk);
  EXPECT_EQ(json::parse(latest).at("camera_id").as_string(), "c");
}

TEST_F(alert_texts, the_latest_detection_has_its_score) {
  const detection& seen = read(R"({"camera_id":1,"timestamp":"2024-01-01T12:00:00","objects":["person","car"]})");
  std::string latest;
  latest_text(latest, seen, risk);
  EXPECT_EQ(latest, R"({"camera_id":1,"timestamp":"2024-01-01T12:00:00","objects":["person","car"],)"
                    R"("risk_score":40,"severity":"medium"})");
}

TEST(unreadable_text, keeps_every_byte) {
  EXPECT_EQ(unreadable_text("System \"started\"", "why"), R"({"payload":"System \"started\"","problem":"why"})");
  EXPECT_EQ(unreadable_text("", "why"), R"({"payload":"","problem":"why"})");
  EXPECT_EQ(unreadable_text(std::string_view("\xff\x00z", 3), "why"), R"({"payload_hex":"ff007a","problem":"why"})");
  EXPECT_EQ(unreadable_text("cut \xc3", "why"), R"({"payload_hex":"63757420c3","problem":"why"})");
}

TEST(unreadable_text, keeps_the_beginning_of_what_is_huge) {
  constexpr std::size_t most = 64 * 1024;
  const std::string whole(most, 'x');
  EXPECT_EQ(json::parse(unreadable_text(whole, "why")), (json::object{{"payload", whole}, {"problem", "why"}}));
  const std::string huge = whole.substr(1) + "é" + whole;
  EXPECT_EQ(json::parse(unreadable_text(huge, "why")),
            (json::object{{"payload", whole.substr(1)}, {"payload_bytes", 2 * most + 1}, {"problem", "why"}}))
      << "and no half of a character";
  const std::string text = unreadable_text(std::string(1'000'000, '\xff'), "why");
  EXPECT_LT(text.size(), 2 * most + 100);
}

}  // namespace
}  // namespace hub
