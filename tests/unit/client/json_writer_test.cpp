// SPDX-License-Identifier: MIT
#include "redstart/detail/json_writer.hpp"

#include "unit/client/codec_types.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <ranges>
#include <set>
#include <unordered_map>

namespace {

using namespace codec_types;  // NOLINT(google-build-using-namespace): a test's own types
using namespace std::string_literals;
namespace json = boost::json;

template <class T>
std::string written(const T& value) {
  std::string out;
  redstart::detail::json_writer(out).write(value);
  return out;
}

template <class T>
std::string problem_of(const T& value) {
  try {
    written(value);
  } catch (const redstart::encode_error& problem) {
    EXPECT_FALSE(problem.maybe_applied());
    return problem.what();
  }
  return "none";
}

json::value nested(int levels) {
  json::value value = 0;
  for (int level = 0; level < levels; ++level) value = json::array{value};
  return value;
}

TEST(json_writer, scalars) {
  EXPECT_EQ(written(nullptr), "null");
  EXPECT_EQ(written(std::monostate()), "null");
  EXPECT_EQ(written(true), "true");
  EXPECT_EQ(written(false), "false");
  EXPECT_EQ(written(std::int8_t{-128}), "-128");
  EXPECT_EQ(written(std::uint8_t{255}), "255");
  EXPECT_EQ(written(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(written(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
}

TEST(json_writer, reals_are_as_short_as_they_can_be_and_stay_reals) {
  EXPECT_EQ(written(0.1), "0.1");
  EXPECT_EQ(written(0.1F), "0.1");
  EXPECT_EQ(written(1.0), "1.0");
  EXPECT_EQ(written(-0.0), "-0.0");
  EXPECT_EQ(written(1234567.0), "1234567.0");
  EXPECT_EQ(written(100000.0), "1e+05");
  EXPECT_EQ(written(1e22), "1e+22");
  EXPECT_EQ(written(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
  EXPECT_EQ(written(std::numeric_limits<double>::denorm_min()), "5e-324");
}

TEST(json_writer, what_json_has_no_number_for_is_refused_with_its_place) {
  const double nan = std::nan("");
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(problem_of(nan), "JSON has no NaN and no infinity");
  EXPECT_EQ(problem_of(-infinity), "JSON has no NaN and no infinity");
  EXPECT_EQ(problem_of(std::numeric_limits<float>::infinity()), "JSON has no NaN and no infinity");
  EXPECT_EQ(problem_of(std::vector{1.0, nan}), "[1]: JSON has no NaN and no infinity");
  EXPECT_EQ(problem_of(json::value{{"a", {1, infinity}}}), "a[1]: JSON has no NaN and no infinity");
  camera_event event;
  event.score = nan;
  EXPECT_EQ(problem_of(event), "score: JSON has no NaN and no infinity");
}

TEST(json_writer, strings_are_escaped) {
  EXPECT_EQ(written("plain"s), "\"plain\"");
  EXPECT_EQ(written(""s), "\"\"");
  EXPECT_EQ(written("a\"b\\c\n\x01\x7f/"s), "\"a\\\"b\\\\c\\n\\u0001\x7f/\"");
  EXPECT_EQ(written("a\0b"s), "\"a\\u0000b\"");
  EXPECT_EQ(written("Grüße \xf0\x9f\x90\xa6"s), "\"Grüße \xf0\x9f\x90\xa6\"");
}

TEST(json_writer, every_sort_of_text_is_a_json_string) {
  const char* pointer = "pointer";
  EXPECT_EQ(written(pointer), "\"pointer\"");
  EXPECT_EQ(written("literal"), "\"literal\"");
  EXPECT_EQ(written(json::string("json")), "\"json\"");
  EXPECT_EQ(written(convertible{"converts"}), "\"converts\"");
  EXPECT_EQ(written(std::vector<const char*>{"a", "b"}), R"(["a","b"])");
}

TEST(json_writer, text_that_is_not_utf8_is_refused_with_its_place) {
  EXPECT_EQ(problem_of(detection{1, "\xff", {}}),
            "timestamp: the text is not UTF-8, which JSON needs; send bytes as a std::string of their own");
  EXPECT_TRUE(problem_of(detection{1, "", {"a", "\xc3"}}).starts_with("objects[1]: the text is not UTF-8"));
  EXPECT_TRUE(problem_of(std::map<std::string, int>{{"\xff", 1}}).starts_with("the text is not UTF-8"));
  EXPECT_TRUE(problem_of(json::value{{"k", "\xff"}}).starts_with("k: the text is not UTF-8"));
}

TEST(json_writer, enums_are_their_names) {
  EXPECT_EQ(written(level::armed), "\"armed\"");
  EXPECT_EQ(problem_of(std::vector{level::idle, static_cast<level>(9)}),
            "[1]: the value is none of the enumerators that are described");
}

TEST(json_writer, described_classes_are_objects) {
  EXPECT_EQ(written(detection{1, "12:00", {"person", "car"}}),
            R"({"camera_id":1,"timestamp":"12:00","objects":["person","car"]})");
  EXPECT_EQ(written(nothing()), "{}");
  EXPECT_EQ(written(std::vector<nothing>(2)), "[{},{}]");
}

TEST(json_writer, members_of_bases_come_first_and_empty_optionals_are_null) {
  camera_event value;
  value.id = "e1";
  value.state = level::alarm;
  EXPECT_EQ(written(value), R"({"id":"e1","state":"alarm","score":null,"detections":{}})");
}

TEST(json_writer, described_private_members_are_written) { EXPECT_EQ(written(sealed(5)), R"({"secret_":5})"); }

TEST(json_writer, lists) {
  EXPECT_EQ(written(std::vector<int>()), "[]");
  EXPECT_EQ(written(std::vector<bool>{true, false}), "[true,false]");
  EXPECT_EQ(written(std::list<int>{1, 2}), "[1,2]");
  EXPECT_EQ(written(std::set<int>{3, 1, 2}), "[1,2,3]");
  EXPECT_EQ(written(std::array<int, 2>{1, 2}), "[1,2]");
  const int array[] = {1, 2};
  EXPECT_EQ(written(array), "[1,2]");
  EXPECT_EQ(written(std::views::iota(0, 3)), "[0,1,2]");
  EXPECT_EQ(written(std::vector<std::string>{"[", "{", ""}), R"(["[","{",""])");
  EXPECT_EQ(written(std::vector<std::vector<int>>{{}, {1}, {}}), "[[],[1],[]]");
}

TEST(json_writer, tuples_variants_and_optionals) {
  EXPECT_EQ(written(std::tuple(1, "two"s, 3.5)), R"([1,"two",3.5])");
  EXPECT_EQ(written(std::tuple()), "[]");
  EXPECT_EQ(written(std::pair(level::idle, false)), R"(["idle",false])");
  EXPECT_EQ(written(std::variant<int, std::string>("x")), "\"x\"");
  EXPECT_EQ(written(std::optional<int>()), "null");
  EXPECT_EQ(written(std::optional<std::string>("x")), "\"x\"");
}

TEST(json_writer, a_variant_without_a_value_is_refused) {
  struct thrower {
    std::string not_trivial;
    thrower() = default;
    explicit thrower(int) { throw std::runtime_error("no"); }
    operator std::string_view() const { return ""; }  // NOLINT(google-explicit-constructor)
  };
  std::variant<int, thrower> value;
  EXPECT_THROW(value.emplace<1>(1), std::runtime_error);
  EXPECT_EQ(problem_of(value), "the variant holds no value");
}

TEST(json_writer, maps_are_objects) {
  EXPECT_EQ(written(std::map<std::string, int>{{"a", 1}, {"b\"", 2}}), R"({"a":1,"b\"":2})");
  EXPECT_EQ(written(std::map<int, bool>{{-1, true}, {2, false}}), R"({"-1":true,"2":false})");
  EXPECT_EQ(written(std::unordered_map<std::string, int>()), "{}");
  EXPECT_EQ(problem_of(std::map<int, double>{{7, std::nan("")}}), "7: JSON has no NaN and no infinity");
}

TEST(json_writer, a_users_conversion_goes_before_a_description) {
  EXPECT_EQ(written(std::vector{opaque{1}, opaque{"x"}}), R"([{"opaque":1},{"opaque":"x"}])");
}

TEST(json_writer, json_values_are_written_whole) {
  const json::value value = {{"null", nullptr},
                             {"big", std::numeric_limits<std::uint64_t>::max()},
                             {"list", {1, 2.5, "x", {{"k", json::array()}}}}};
  EXPECT_EQ(written(value), R"({"null":null,"big":18446744073709551615,"list":[1,2.5,"x",{"k":[]}]})");
}

TEST(json_writer, nothing_is_nested_deeper_than_can_be_read_back) {
  EXPECT_EQ(written(nested(32)), std::string(32, '[') + "0" + std::string(32, ']'));
  EXPECT_NE(problem_of(nested(33)).find("nested deeper than 32 levels"), std::string::npos);
  EXPECT_NE(problem_of(nested(500)).find("nested deeper"), std::string::npos);
  tree root;
  for (int level = 0; level < 16; ++level) root = tree{"n", {root}};
  EXPECT_NE(problem_of(root).find("nested deeper"), std::string::npos);
  EXPECT_EQ(problem_of(root.children.front()), "none");
}

TEST(json_writer, appends_to_what_is_there) {
  std::string out = "before ";
  redstart::detail::json_writer(out).write(std::vector{1});
  EXPECT_EQ(out, "before [1]");
}

}  // namespace
