// SPDX-License-Identifier: MIT
#include "hub/document.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace hub {
namespace {

TEST(document, each_text_replaces_the_one_before) {
  document texts;
  for (int i = 0; i < 100; ++i) {
    const std::string text = R"({"number":)" + std::to_string(i) + R"(,"text":"longer than what fits in place"})";
    const json::value* parsed = texts.parse(text);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(json::serialize(*parsed), text);
  }
}

TEST(document, a_text_larger_than_the_memory_is_parsed_too) {
  document texts;
  const std::string large = '[' + std::string(100'000, ' ') + '"' + std::string(200'000, 'x') + "\"]";
  for (int i = 0; i < 3; ++i) {
    const json::value* parsed = texts.parse(large);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->at(0).as_string().size(), 200'000u);
    ASSERT_TRUE(texts.parse("[]"));
  }
}

TEST(document, what_is_wrong_is_said_with_its_place) {
  document texts;
  EXPECT_FALSE(texts.parse(R"({"a": x})"));
  EXPECT_EQ(texts.problem_at(), 6u);
  EXPECT_FALSE(texts.problem().empty());
}

TEST(document, only_one_whole_document_is_taken) {
  document texts;
  for (const std::string_view text : {"", " ", "{", "[1,", "{} {}", "1 2", "\"open", "nul", "{\"a\":1}x", "\xff",
                                      "\"\xff\"", "\"\xc3\"", "\"a\nb\""}) {
    EXPECT_FALSE(texts.parse(text)) << text;
  }
  EXPECT_FALSE(texts.parse(std::string_view("{}\0", 3)));
  EXPECT_TRUE(texts.parse(" {} \n"));
}

TEST(document, a_failure_leaves_nothing_behind) {
  document texts;
  ASSERT_FALSE(texts.parse(R"({"camera_id": "left over", "objects": ["person")"));
  const json::value* parsed = texts.parse("[1]");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(json::serialize(*parsed), "[1]");
}

TEST(document, large_texts_are_parsed_any_number_of_times) {
  document texts;
  std::string large = "[";
  for (int i = 0; i < 20'000; ++i) large += R"({"name":"value"},)";
  large += "1]";
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(texts.parse(large)) << i;
}

TEST(document, nesting_has_a_limit) {
  document texts;
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(texts.parse(nested(32)));
  EXPECT_FALSE(texts.parse(nested(33)));
  EXPECT_FALSE(texts.parse(nested(100'000)));
}

}  // namespace
}  // namespace hub
