// SPDX-License-Identifier: MIT
#include "redstart/web/detail/router.hpp"

#include "redstart/error.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace redstart::web::detail {
namespace {

using strings = std::vector<std::string>;
using parameters = std::vector<std::pair<std::string_view, std::string>>;

std::string refusal(router& routes, std::string_view pattern) {
  try {
    (void)routes.add(pattern);
  } catch (const config_error& e) {
    return e.what();
  }
  ADD_FAILURE() << pattern << " was taken";
  return {};
}

TEST(router, a_pattern_of_text_matches_that_path_only) {
  router routes;
  const auto place = routes.add("/queues/detections");
  EXPECT_EQ(routes.find({"queues", "detections"}).place, place);
  EXPECT_EQ(routes.find({"queues"}).place, router::match::none);
  EXPECT_EQ(routes.find({"queues", "detections", "x"}).place, router::match::none);
  EXPECT_EQ(routes.find({"queues", "Detections"}).place, router::match::none);
  EXPECT_EQ(routes.find({}).place, router::match::none);
}

TEST(router, the_root_has_no_segments) {
  router routes;
  const auto place = routes.add("/");
  EXPECT_EQ(routes.find({}).place, place);
  EXPECT_EQ(routes.find({""}).place, router::match::none);
}

TEST(router, the_same_pattern_is_the_same_place) {
  router routes;
  const auto place = routes.add("/cameras/{id}");
  EXPECT_EQ(routes.add("/cameras/{id}"), place);
  EXPECT_NE(routes.add("/cameras"), place);
}

TEST(router, a_slash_at_the_end_makes_another_path) {
  router routes;
  const auto without = routes.add("/cameras");
  const auto with = routes.add("/cameras/");
  EXPECT_NE(with, without);
  EXPECT_EQ(routes.find({"cameras"}).place, without);
  EXPECT_EQ(routes.find({"cameras", ""}).place, with);
}

TEST(router, a_parameter_takes_one_segment_that_is_not_empty) {
  router routes;
  const auto place = routes.add("/cameras/{id}/status");
  const auto found = routes.find({"cameras", "a/b", "status"});
  EXPECT_EQ(found.place, place);
  EXPECT_EQ(found.parameters, (parameters{{"id", "a/b"}}));
  EXPECT_EQ(routes.find({"cameras", "", "status"}).place, router::match::none);
  EXPECT_EQ(routes.find({"cameras", "1", "2", "status"}).place, router::match::none);
}

TEST(router, several_parameters_keep_their_order_and_names) {
  router routes;
  (void)routes.add("/a/{x}/b/{y}");
  EXPECT_EQ(routes.find({"a", "1", "b", "2"}).parameters, (parameters{{"x", "1"}, {"y", "2"}}));
}

TEST(router, the_rest_takes_all_that_follows_none_included) {
  router routes;
  const auto place = routes.add("/static/{file...}");
  EXPECT_EQ(routes.find({"static"}).parameters, (parameters{{"file", ""}}));
  EXPECT_EQ(routes.find({"static", "css", "main.css"}).parameters, (parameters{{"file", "css/main.css"}}));
  EXPECT_EQ(routes.find({"static", ""}).place, place);
  EXPECT_EQ(routes.find({"other"}).place, router::match::none);
}

TEST(router, written_out_text_wins_over_a_parameter_and_a_parameter_over_the_rest) {
  router routes;
  const auto rest = routes.add("/{path...}");
  const auto parameter = routes.add("/cameras/{id}");
  const auto text = routes.add("/cameras/all");
  EXPECT_EQ(routes.find({"cameras", "all"}).place, text);
  EXPECT_EQ(routes.find({"cameras", "1"}).place, parameter);
  EXPECT_EQ(routes.find({"cameras", "1", "x"}).place, rest);
  EXPECT_EQ(routes.find({}).place, rest);
}

TEST(router, a_way_that_ends_nowhere_is_taken_back_with_its_parameters) {
  router routes;
  (void)routes.add("/a/b/c");
  const auto other = routes.add("/a/{x}/d");
  const auto rest = routes.add("/{y}/{z...}");
  auto found = routes.find({"a", "b", "d"});
  EXPECT_EQ(found.place, other);
  EXPECT_EQ(found.parameters, (parameters{{"x", "b"}}));
  found = routes.find({"a", "b", "e"});
  EXPECT_EQ(found.place, rest);
  EXPECT_EQ(found.parameters, (parameters{{"y", "a"}, {"z", "b/e"}}));
}

TEST(router, what_matches_nothing_leaves_no_parameters) {
  router routes;
  (void)routes.add("/a/{x}/d");
  const auto found = routes.find({"a", "b", "e"});
  EXPECT_EQ(found.place, router::match::none);
  EXPECT_TRUE(found.parameters.empty());
}

TEST(router, patterns_that_are_none_are_refused_with_the_reason) {
  router routes;
  EXPECT_NE(refusal(routes, "cameras").find("slash"), std::string::npos);
  EXPECT_NE(refusal(routes, "").find("slash"), std::string::npos);
  EXPECT_NE(refusal(routes, "/a{b}").find("brace"), std::string::npos);
  EXPECT_NE(refusal(routes, "/a}").find("brace"), std::string::npos);
  EXPECT_NE(refusal(routes, "/{}").find("{name}"), std::string::npos);
  EXPECT_NE(refusal(routes, "/{a").find("{name}"), std::string::npos);
  EXPECT_NE(refusal(routes, "/{...}").find("{name...}"), std::string::npos);
  EXPECT_NE(refusal(routes, "/{a...}/b").find("goes on"), std::string::npos);
}

TEST(router, one_place_cannot_have_two_names_for_a_parameter) {
  router routes;
  (void)routes.add("/cameras/{id}");
  const std::string why = refusal(routes, "/cameras/{camera}/status");
  EXPECT_NE(why.find("{camera}"), std::string::npos) << why;
  EXPECT_NE(why.find("{id}"), std::string::npos) << why;
  (void)routes.add("/other/{camera}");
}

TEST(router, a_long_path_of_many_ways_is_decided_soon) {
  router routes;
  std::string pattern;
  for (int i = 0; i < 12; ++i) pattern += "/{p" + std::to_string(i) + '}';
  (void)routes.add(pattern + "/end");
  const strings segments(5000, "a");
  EXPECT_EQ(routes.find(segments).place, router::match::none);
}

}  // namespace
}  // namespace redstart::web::detail
