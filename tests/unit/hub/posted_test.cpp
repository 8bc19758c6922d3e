// SPDX-License-Identifier: MIT
#include "hub/posted.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace hub {
namespace {

using texts = std::vector<std::string_view>;

std::string problem_of(std::string_view body) {
  posted_events posted(std::chrono::minutes(0));
  EXPECT_FALSE(posted.read(body)) << body;
  return json::serialize(posted.problem().place) + ' ' + posted.problem().message;
}

TEST(posted, one_event_is_one_element_as_it_was_posted) {
  posted_events posted(std::chrono::minutes(0));
  const std::string_view event = R"({"timestamp":1704110400.10,"camera_id":1,"extra":{"b":1.50,"a":[null,1e2]}})";
  ASSERT_TRUE(posted.read(event));
  EXPECT_EQ(posted.events(), texts{event}) << "order and spelling of numbers stay";
}

TEST(posted, white_space_between_parts_goes_and_within_texts_stays) {
  posted_events posted(std::chrono::minutes(0));
  ASSERT_TRUE(posted.read(
      "\r\n { \"camera_id\" :\t1 , \"timestamp\" : 1 , \"note\" : \"a \\\" b \\\\\" , \"x y\" : [ 1 , 2 ] } \n"));
  EXPECT_EQ(posted.events(), texts{R"({"camera_id":1,"timestamp":1,"note":"a \" b \\","x y":[1,2]})"});
}

TEST(posted, an_array_is_an_element_each_in_order) {
  posted_events posted(std::chrono::minutes(0));
  ASSERT_TRUE(posted.read(R"([ {"camera_id": 1, "timestamp": 1, "objects": ["a,b", "]["]},
                              {"camera_id": 2, "timestamp": 2, "n": [[1], {"k": "},{"}]} ,{"camera_id":3,"timestamp":3}])"));
  EXPECT_EQ(posted.events(),
            (texts{R"({"camera_id":1,"timestamp":1,"objects":["a,b","]["]})",
                   R"({"camera_id":2,"timestamp":2,"n":[[1],{"k":"},{"}]})", R"({"camera_id":3,"timestamp":3})"}));
}

TEST(posted, an_empty_array_has_no_events) {
  posted_events posted(std::chrono::minutes(0));
  ASSERT_TRUE(posted.read(" [ ] "));
  EXPECT_TRUE(posted.events().empty());
}

TEST(posted, nothing_of_one_body_shows_in_the_next) {
  posted_events posted(std::chrono::minutes(0));
  ASSERT_TRUE(posted.read(R"([{"camera_id":1,"timestamp":1},{"camera_id":2,"timestamp":1}])"));
  ASSERT_FALSE(posted.read("{}"));
  EXPECT_TRUE(posted.events().empty());
  ASSERT_TRUE(posted.read(R"({"camera_id":3,"timestamp":1})"));
  EXPECT_EQ(posted.events(), texts{R"({"camera_id":3,"timestamp":1})"});
}

TEST(posted, problems_lead_into_the_body) {
  EXPECT_EQ(problem_of(R"({"camera_id": 1, "timestamp": 1, "objects": [1]})"),
            R"(["body","objects",0] expected a text)");
  EXPECT_EQ(problem_of(R"([{"camera_id": 1, "timestamp": 1}, {"camera_id": 1}])"),
            R"(["body",1,"timestamp"] required)");
  EXPECT_EQ(problem_of("[1]"), R"(["body",0] an event is a JSON object)");
  EXPECT_EQ(problem_of("5"), R"(["body"] an event is a JSON object)");
  EXPECT_EQ(problem_of("[[]]"), R"(["body",0] an event is a JSON object)");
  EXPECT_TRUE(problem_of(R"({"camera_id")").starts_with(R"(["body",12] this is not JSON: )"));
}

TEST(posted, one_bad_event_refuses_all) {
  posted_events posted(std::chrono::minutes(0));
  EXPECT_FALSE(posted.read(R"([{"camera_id":1,"timestamp":1},{}])"));
  EXPECT_TRUE(posted.events().empty());
}

TEST(posted, a_thousand_events_are_taken_and_not_one_more) {
  posted_events posted(std::chrono::minutes(0));
  const auto array_of = [](std::size_t count) {
    std::string body = "[";
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) body += ',';
      body += R"({"camera_id":)" + std::to_string(i) + R"(,"timestamp":1})";
    }
    return body + ']';
  };
  ASSERT_TRUE(posted.read(array_of(1000)));
  ASSERT_EQ(posted.events().size(), 1000u);
  EXPECT_EQ(posted.events().back(), R"({"camera_id":999,"timestamp":1})");
  EXPECT_FALSE(posted.read(array_of(1001)));
}

TEST(posted, every_element_is_an_event_again) {
  posted_events posted(std::chrono::minutes(0));
  event_reader reader(std::chrono::minutes(0));
  ASSERT_TRUE(posted.read(R"([{"camera_id":"a","timestamp":"2024-01-01T12:00:00Z","note":"\u00e9 \ud83d\ude00 é"},
                              {"type":"new","after":{"id":"o","camera":"c","label":"cat","frame_time":1.5}}])"));
  for (const std::string_view event : posted.events()) EXPECT_TRUE(reader.read(event)) << event;
}

}  // namespace
}  // namespace hub
