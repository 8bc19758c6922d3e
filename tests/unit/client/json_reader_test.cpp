// SPDX-License-Identifier: MIT
#include "redstart/detail/json_reader.hpp"

#include "redstart/detail/json_document.hpp"
#include "unit/client/codec_types.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <set>
#include <unordered_map>

namespace {

using namespace codec_types;  // NOLINT(google-build-using-namespace): a test's own types
using namespace std::string_literals;
using redstart::detail::decode_value;
namespace json = boost::json;

// Read as JSON also where a whole Redis string would be taken as it is.
template <class T>
struct outcome {
  T value{};
  std::string problem = "none";
};

template <class T>
outcome<T> read(std::string_view text) {
  redstart::detail::json_document document;
  outcome<T> result;
  if (!document.parse(text, result.problem)) return result;
  redstart::detail::json_reader reader(64 * text.size() + 64);
  if (!reader.read(document.root(), result.value)) result.problem = reader.problem();
  return result;
}

template <class T>
T value_of(std::string_view text) {
  auto result = read<T>(text);
  EXPECT_EQ(result.problem, "none") << text;
  return std::move(result.value);
}

template <class T>
std::string problem_of(std::string_view text) {
  return read<T>(text).problem;
}

TEST(json_reader, scalars) {
  EXPECT_TRUE(value_of<bool>("true"));
  EXPECT_FALSE(value_of<bool>("false"));
  EXPECT_EQ(value_of<int>("-5"), -5);
  EXPECT_EQ(value_of<double>("2.5"), 2.5);
  EXPECT_EQ(value_of<double>("3"), 3.0);
  EXPECT_EQ(value_of<std::string>("\"a\\u0000\\n\\u00fc\""), "a\0\nü"s);
  EXPECT_EQ(problem_of<std::nullptr_t>("null"), "none");
}

TEST(json_reader, kinds_are_not_converted_into_each_other) {
  EXPECT_EQ(problem_of<int>("\"5\""), "expected a number, got a string");
  EXPECT_EQ(problem_of<int>("true"), "expected a number, got true");
  EXPECT_EQ(problem_of<double>("null"), "expected a number, got null");
  EXPECT_EQ(problem_of<bool>("1"), "expected true or false, got a number");
  EXPECT_EQ(problem_of<std::string>("5"), "expected a string, got a number");
  EXPECT_EQ(problem_of<std::vector<int>>("{}"), "expected an array, got an object");
  EXPECT_EQ(problem_of<detection>("[]"), "expected an object, got an array");
  EXPECT_EQ(problem_of<std::nullptr_t>("false"), "expected null, got false");
}

TEST(json_reader, integers_at_the_edge_of_their_type) {
  EXPECT_EQ(value_of<std::int8_t>("-128"), -128);
  EXPECT_EQ(value_of<std::int8_t>("127"), 127);
  EXPECT_EQ(problem_of<std::int8_t>("128"), "expected an integer from -128 to 127, got another number");
  EXPECT_EQ(problem_of<std::int8_t>("-129"), "expected an integer from -128 to 127, got another number");
  EXPECT_EQ(problem_of<std::uint8_t>("-1"), "expected an integer from 0 to 255, got another number");
  EXPECT_EQ(value_of<std::int64_t>("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(value_of<std::int64_t>("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_NE(problem_of<std::int64_t>("9223372036854775808"), "none");
  EXPECT_NE(problem_of<std::int64_t>("-9223372036854775809"), "none");
  EXPECT_EQ(value_of<std::uint64_t>("9223372036854775808"), 9223372036854775808U);
  EXPECT_EQ(value_of<std::uint64_t>("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_NE(problem_of<std::uint64_t>("18446744073709551616"), "none");
  EXPECT_NE(problem_of<std::uint64_t>("123456789012345678901234567890"), "none");
}

TEST(json_reader, whole_reals_are_integers_and_others_are_not) {
  EXPECT_EQ(value_of<int>("5.0"), 5);
  EXPECT_EQ(value_of<int>("1e3"), 1000);
  EXPECT_EQ(value_of<int>("-0.0"), 0);
  EXPECT_EQ(value_of<unsigned>("-0.0"), 0U);
  EXPECT_EQ(value_of<std::int64_t>("-9007199254740992.0"), -9007199254740992);
  EXPECT_NE(problem_of<std::int64_t>("9007199254740994.0"), "none");
  EXPECT_NE(problem_of<std::int64_t>("1e18"), "none");
  EXPECT_NE(problem_of<std::uint64_t>("1.8446744073709551616e19"), "none");
  EXPECT_NE(problem_of<int>("5.5"), "none");
  EXPECT_NE(problem_of<int>("1e300"), "none");
  EXPECT_NE(problem_of<unsigned>("-1.0"), "none");
}

TEST(json_reader, integers_beyond_64_bits_are_reals) {
  EXPECT_EQ(value_of<double>("18446744073709551616"), 18446744073709551616.0);
  EXPECT_EQ(value_of<double>("18446744073709551615"), 18446744073709551615.0);
}

TEST(json_reader, a_float_must_be_within_its_range) {
  EXPECT_EQ(value_of<float>("3.4028235e38"), std::numeric_limits<float>::max());
  EXPECT_EQ(problem_of<float>("1e39"), "the number is beyond the range of float");
}

TEST(json_reader, enums_by_name) {
  EXPECT_EQ(value_of<level>("\"alarm\""), level::alarm);
  EXPECT_EQ(problem_of<level>("\"ALARM\""), R"(expected one of "idle", "armed", "alarm")");
  EXPECT_EQ(problem_of<level>("\"alarm\\u0000x\""), R"(expected one of "idle", "armed", "alarm")");
  EXPECT_EQ(problem_of<level>("2"), "expected a string, got a number");
}

TEST(json_reader, described_classes_with_their_bases) {
  const auto value = value_of<camera_event>(
      R"({"score":0.5,"id":"e","detections":{"d":{"camera_id":1,"timestamp":"t","objects":["x"]}},"state":"armed"})");
  EXPECT_EQ(value.id, "e");
  EXPECT_EQ(value.state, level::armed);
  EXPECT_EQ(value.score, 0.5);
  EXPECT_EQ(value.detections.at("d"), (detection{1, "t", {"x"}}));
  EXPECT_EQ(value_of<sealed>(R"({"secret_":5})").secret(), 5);
}

TEST(json_reader, a_missing_optional_is_empty_and_so_is_null) {
  EXPECT_EQ(value_of<camera_event>(R"({"id":"","state":"idle","detections":{}})").score, std::nullopt);
  EXPECT_EQ(value_of<camera_event>(R"({"id":"","state":"idle","detections":{},"score":null})").score, std::nullopt);
  EXPECT_EQ(value_of<std::optional<int>>("null"), std::nullopt);
  EXPECT_EQ(value_of<std::optional<int>>("5"), 5);
}

struct preset {
  std::optional<int> limit = 3;
  std::vector<int> list = {1, 2};
  std::map<std::string, int> map = {{"preset", 1}};
};
BOOST_DESCRIBE_STRUCT(preset, (), (limit, list, map))

TEST(json_reader, what_is_read_replaces_the_defaults_of_members) {
  const auto value = value_of<preset>(R"({"list":[7],"map":{"k":2}})");
  EXPECT_EQ(value.limit, std::nullopt);
  EXPECT_EQ(value.list, std::vector<int>{7});
  EXPECT_EQ(value.map, (std::map<std::string, int>{{"k", 2}}));
}

TEST(json_reader, any_other_missing_member_is_named) {
  EXPECT_EQ(problem_of<detection>(R"({"camera_id":1,"objects":[]})"), "timestamp: the member is missing");
  EXPECT_EQ(problem_of<std::vector<detection>>(R"([{"timestamp":"","objects":[]}])"),
            "[0].camera_id: the member is missing");
}

TEST(json_reader, unknown_members_are_ignored_and_the_last_of_equal_ones_counts) {
  EXPECT_EQ(value_of<event>(R"({"id":"a","extra":{"deep":[1]},"state":"idle","id":"b"})").id, "b");
}

TEST(json_reader, errors_say_where) {
  using detections = std::map<std::string, std::vector<detection>>;
  EXPECT_EQ(problem_of<detections>(R"({"detections":[{"camera_id":"x","timestamp":"","objects":[]}]})"),
            "detections[0].camera_id: expected a number, got a string");
  EXPECT_EQ(problem_of<detections>(R"({"a b":[{"camera_id":1,"timestamp":"","objects":["x",null]}]})"),
            R"(["a b"][0].objects[1]: expected a string, got null)");
}

TEST(json_reader, lists) {
  EXPECT_EQ(value_of<std::vector<int>>("[]"), std::vector<int>());
  EXPECT_EQ(value_of<std::vector<bool>>("[true,false]"), (std::vector<bool>{true, false}));
  EXPECT_EQ(value_of<std::deque<int>>("[1,2]"), (std::deque<int>{1, 2}));
  EXPECT_EQ(value_of<std::list<std::string>>(R"(["a"])"), std::list<std::string>{"a"});
  EXPECT_EQ(value_of<std::set<int>>("[2,1,2]"), (std::set<int>{1, 2}));
  EXPECT_EQ(value_of<std::vector<unsigned char>>("[0,255]"), (std::vector<unsigned char>{0, 255}));
  EXPECT_EQ(problem_of<std::vector<int>>("[1,null]"), "[1]: expected a number, got null");
}

struct with_array {
  int numbers[2] = {0, 0};
};
BOOST_DESCRIBE_STRUCT(with_array, (), (numbers))

TEST(json_reader, lists_of_fixed_size_and_tuples_take_exactly_their_size) {
  EXPECT_EQ((value_of<std::array<int, 2>>("[1,2]")), (std::array<int, 2>{1, 2}));
  EXPECT_EQ(value_of<with_array>(R"({"numbers":[1,2]})").numbers[1], 2);
  EXPECT_EQ((value_of<std::tuple<int, std::string>>(R"([1,"x"])")), std::tuple(1, "x"s));
  EXPECT_EQ((value_of<std::pair<int, bool>>("[1,true]")), std::pair(1, true));
  EXPECT_EQ((problem_of<std::array<int, 2>>("[1]")), "expected 2 elements, got 1");
  EXPECT_EQ(problem_of<with_array>(R"({"numbers":[1,2,3]})"), "numbers: expected 2 elements, got 3");
  EXPECT_EQ((problem_of<std::tuple<int, bool>>("[1,true,2]")), "expected 2 elements, got 3");
  EXPECT_EQ((problem_of<std::tuple<int, bool>>("[1,2]")), "[1]: expected true or false, got a number");
  EXPECT_EQ(problem_of<std::tuple<>>("[]"), "none");
}

TEST(json_reader, maps) {
  EXPECT_EQ((value_of<std::map<std::string, int>>(R"({"a":1,"":2})")), (std::map<std::string, int>{{"a", 1}, {"", 2}}));
  EXPECT_EQ((value_of<std::unordered_map<int, bool>>(R"({"-1":true})")), (std::unordered_map<int, bool>{{-1, true}}));
  EXPECT_EQ((problem_of<std::map<int, int>>(R"({"1x":1})")), "1x: expected an integer as the member's name");
  EXPECT_EQ((problem_of<std::map<std::uint8_t, int>>(R"({"256":1})")), "256: expected an integer as the member's name");
  EXPECT_EQ((problem_of<std::map<int, int>>(R"({"":1})")), R"([""]: expected an integer as the member's name)");
  EXPECT_EQ((problem_of<std::map<std::string, int>>("[]")), "expected an object, got an array");
}

TEST(json_reader, the_first_alternative_that_fits_is_taken) {
  using scalar = std::variant<std::monostate, bool, int, double, std::string>;
  EXPECT_EQ(value_of<scalar>("null").index(), 0U);
  EXPECT_EQ(value_of<scalar>("true").index(), 1U);
  EXPECT_EQ(value_of<scalar>("5").index(), 2U);
  EXPECT_EQ(value_of<scalar>("5000000000").index(), 3U);
  EXPECT_EQ(value_of<scalar>("\"x\"").index(), 4U);
  EXPECT_EQ(problem_of<scalar>("[]"), "expected a value that fits one of the variant's alternatives, got an array");
  EXPECT_EQ((value_of<std::variant<event, detection>>(R"({"camera_id":1,"timestamp":"","objects":[]})").index()), 1U);
}

TEST(json_reader, a_variant_prefers_the_number_that_was_written) {
  EXPECT_EQ((value_of<std::variant<int, double>>("5.0").index()), 1U);
  EXPECT_EQ((value_of<std::variant<double, int>>("5").index()), 1U);
  EXPECT_EQ((std::get<0>(value_of<std::variant<int, std::string>>("5.0"))), 5);
  EXPECT_EQ((std::get<0>(value_of<std::variant<double, std::string>>("5"))), 5.0);
  EXPECT_EQ((std::get<0>(value_of<std::variant<std::vector<int>, bool>>("[5.0]"))), std::vector<int>{5});
}

TEST(json_reader, an_error_after_a_variant_is_reported_and_not_hushed) {
  using pair = std::pair<std::variant<int, std::string>, int>;
  EXPECT_EQ(problem_of<pair>(R"(["x","y"])"), "[1]: expected a number, got a string");
  using outer = std::vector<std::variant<int, std::pair<std::variant<bool, int>, int>>>;
  EXPECT_EQ(problem_of<outer>(R"([1,[true,2],[true,"x"]])"),
            "[2]: expected a value that fits one of the variant's alternatives, got an array");
}

TEST(json_reader, alternatives_of_nested_variants_cannot_multiply_the_work) {
  // 4 alternatives at each of 15 levels, wrong at the bottom: a thousand million tries without a bound.
  std::string text = "[1]";
  for (int level = 0; level < 15; ++level) text = R"([{"next":)" + text + "}]";
  EXPECT_EQ(problem_of<branches>(text), "[0]: gave up: too many combinations of variants to try");
  text.replace(text.find("[1]"), 3, "[]");
  EXPECT_EQ(problem_of<branches>(text), "none");
}

TEST(json_reader, many_variants_side_by_side_stay_within_the_bound) {
  std::string text = "[";
  for (int index = 0; index < 20'000; ++index) text += R"("a string",{"id":"","state":"idle"},)";
  text += "1]";
  using part = std::variant<bool, int, std::vector<int>, detection, camera_event, event, std::string>;
  EXPECT_EQ(value_of<std::vector<part>>(text).size(), 40'001U);
}

TEST(json_reader, what_is_read_does_not_refer_to_the_documents_memory) {
  const std::string text = R"({"k":["a string too long to stand in the value itself",{"n":[1,2,3]}]})";
  const auto as_map = decode_value<std::map<std::string, json::value>>(text);
  const auto as_object = decode_value<json::object>(text);
  const auto as_arrays = decode_value<std::map<std::string, json::array>>(text);
  const auto as_string = value_of<std::vector<json::string>>(R"(["a string too long to stand in the value itself"])");
  const json::value expected = {"a string too long to stand in the value itself", {{"n", {1, 2, 3}}}};
  EXPECT_EQ(as_map.at("k"), expected);
  EXPECT_EQ(as_object.at("k"), expected);
  EXPECT_EQ(as_arrays.at("k"), expected.as_array());
  EXPECT_EQ(as_string.at(0), expected.as_array()[0].as_string());
  for (const auto& storage :
       {as_map.at("k").storage(), as_object.storage(), as_arrays.at("k").storage(), as_string.at(0).storage()}) {
    EXPECT_EQ(storage.get(), json::storage_ptr().get());
  }
}

TEST(json_reader, a_class_may_contain_itself) {
  const auto value = value_of<tree>(R"({"name":"a","children":[{"name":"b","children":[]}]})");
  EXPECT_EQ(value.children.at(0).name, "b");
  EXPECT_EQ(problem_of<tree>(R"({"name":"a","children":[{"name":"b"}]})"),
            "children[0].children: the member is missing");
}

}  // namespace
