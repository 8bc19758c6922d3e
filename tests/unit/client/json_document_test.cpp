// SPDX-License-Identifier: MIT
#include "redstart/detail/json_document.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

namespace {

using namespace std::string_literals;
namespace json = boost::json;
using redstart::detail::json_document;
using redstart::detail::parse_json;

json::value parsed(std::string_view text) {
  json::value value;
  std::string problem;
  EXPECT_TRUE(parse_json(text, value, &problem)) << text << ": " << problem;
  return value;
}

std::string problem_of(std::string_view text) {
  json::value value;
  std::string problem = "none";
  const bool good = parse_json(text, value, &problem);
  EXPECT_EQ(good, problem == "none");
  return problem;
}

TEST(json_document, every_kind) {
  EXPECT_TRUE(parsed("null").is_null());
  EXPECT_EQ(parsed(" true "), json::value(true));
  EXPECT_EQ(parsed("-7"), json::value(-7));
  EXPECT_EQ(parsed("18446744073709551615"), json::value(std::numeric_limits<std::uint64_t>::max()));
  EXPECT_EQ(parsed(R"("a\tb\ud83d\udc26")"), json::value("a\tb\xf0\x9f\x90\xa6"));
  EXPECT_EQ(parsed(R"({"a":[1,{"b":[]}],"":{}})"),
            (json::value{{"a", {1, {{"b", json::array()}}}}, {"", json::object()}}));
  const std::string key(5000, 'k');
  EXPECT_EQ(parsed("{\"" + key + "\\n\":\"" + key + "\\n\"}").at(key + "\n").as_string(), key + "\n");
}

TEST(json_document, what_is_not_one_json_document_is_refused) {
  for (const auto& text : {""s,
                           " "s,
                           "{"s,
                           "[1,2"s,
                           "[1,]"s,
                           "{\"a\"}"s,
                           "{\"a\":1,}"s,
                           "{a:1}"s,
                           "tru"s,
                           "nul"s,
                           "NaN"s,
                           "Infinity"s,
                           "-"s,
                           "+1"s,
                           "01"s,
                           "1."s,
                           ".5"s,
                           "1e"s,
                           "0x10"s,
                           "'a'"s,
                           "\"open"s,
                           "\"\n\""s,
                           "\"\\x\""s,
                           "\"\\ud800\""s,
                           "\"\xff\""s,
                           "\"\xc0\x80\""s,
                           "\"\xed\xa0\x80\""s,
                           "1 2"s,
                           "{}{}"s,
                           "null\0"s,
                           "\0"s,
                           "/**/1"s,
                           "]"s,
                           "\xef\xbb\xbf{}"s}) {
    EXPECT_TRUE(problem_of(text).starts_with("not JSON: ")) << text;
  }
  EXPECT_TRUE(problem_of(std::string_view()).starts_with("not JSON: "));
}

TEST(json_document, every_truncation_is_refused) {
  const std::string text = R"({"a":[1.5e3,"xü\u00fc",{"b":null}],"c":-12})";
  for (std::size_t size = 0; size < text.size(); ++size) EXPECT_NE(problem_of(text.substr(0, size)), "none") << size;
  EXPECT_EQ(problem_of(text), "none");
}

TEST(json_document, the_problem_says_at_which_byte) {
  EXPECT_TRUE(problem_of("[1,x]").ends_with(" at byte 3 of 5")) << problem_of("[1,x]");
  EXPECT_TRUE(problem_of("{} {}").ends_with(" at byte 3 of 5")) << problem_of("{} {}");
  EXPECT_TRUE(problem_of("[1,2").ends_with(" at byte 4 of 4")) << problem_of("[1,2");
  EXPECT_TRUE(problem_of("[1e999]").starts_with("not JSON: a number beyond the range of double"));
}

TEST(json_document, nesting_is_bounded) {
  EXPECT_EQ(problem_of(std::string(32, '[') + std::string(32, ']')), "none");
  EXPECT_NE(problem_of(std::string(33, '[') + std::string(33, ']')), "none");
  EXPECT_NE(problem_of(std::string(1'000'000, '[')), "none");
  std::string objects;
  for (int level = 0; level < 100'000; ++level) objects += "{\"a\":";
  EXPECT_NE(problem_of(objects), "none");
}

TEST(json_document, doubles_are_the_nearest_ones) {
  // Boost 1.81 alone reads the smallest normal numbers and about a third of random doubles one off.
  for (const std::string text :
       {"0.10000000000000002", "7.2057594037927933e16", "1e23", "8.41e21", "9007199254740993.0",
        "2.2250738585072011e-308", "5e-324", "1.7976931348623157e308", "-0.1", "1E5", "1e-5",
        "123456789012345678901234567890", "0.000000000000000000000000000001"}) {
    EXPECT_EQ(parsed(text), json::value(std::strtod(text.c_str(), nullptr))) << text;
  }
  EXPECT_TRUE(std::signbit(parsed("-0.0").as_double()));
}

TEST(json_document, random_doubles_come_back_exactly) {
  std::mt19937_64 random(20240101);
  for (int round = 0; round < 20'000; ++round) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    char text[40];
    std::snprintf(text, sizeof text, "[%.17g]", value);
    const json::value document = parsed(text);
    if (document.at(0).is_double()) {
      ASSERT_EQ(document.at(0).as_double(), value) << text;
    } else {
      ASSERT_EQ(static_cast<double>(document.at(0).as_int64()), value) << text;
    }
  }
}

TEST(json_document, numbers_beyond_double_are_refused_and_tiny_ones_are_zero) {
  for (const auto* text : {"1e309", "-1e309", "1.8e308", "1e99999", "1e99999999999999999999", "[1e400]"}) {
    EXPECT_NE(problem_of(text), "none") << text;
  }
  EXPECT_NE(problem_of("1" + std::string(400, '0')), "none");
  EXPECT_EQ(parsed("1e-400"), json::value(0.0));
  EXPECT_TRUE(std::signbit(parsed("-1e-400").as_double()));
  EXPECT_EQ(parsed("0." + std::string(100'000, '3')), json::value(1.0 / 3.0));
}

TEST(json_document, a_document_larger_than_its_buffer_is_read) {
  json_document document;
  std::string problem;
  std::string text = "[";
  for (int index = 0; index < 10'000; ++index) text += "{\"k\":\"" + std::string(20, 'x') + "\"},";
  text += "0]";
  ASSERT_TRUE(document.parse(text, problem)) << problem;
  EXPECT_EQ(document.root().as_array().size(), 10'001U);
}

TEST(json_document, random_bytes_never_do_harm) {
  const std::string alphabet = "{}[]\",:0123456789.eE+-\\utrfalsn \xff\xc3\xbc"s + '\0';
  std::mt19937 random(7);
  int accepted = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string text(random() % 24, ' ');
    for (char& byte : text) byte = alphabet[random() % alphabet.size()];
    accepted += problem_of(text) == "none" ? 1 : 0;
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
