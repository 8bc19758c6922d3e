// SPDX-License-Identifier: MIT
#include "hub/json_text.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <vector>

namespace hub {
namespace {

namespace json = boost::json;

TEST(json_text, every_byte_that_json_knows_comes_back) {
  std::string text;
  for (int c = 0; c < 128; ++c) text += static_cast<char>(c);
  text += "é 😀";
  std::string quoted;
  append_quoted(quoted, text);
  EXPECT_EQ(json::parse(quoted).as_string(), json::string_view(text.data(), text.size()));
}

TEST(json_text, plain_text_is_only_quoted) {
  std::string out = "x";
  append_quoted(out, "");
  append_quoted(out, "a/b<c>");
  EXPECT_EQ(out, R"(x"""a/b<c>")");
}

TEST(json_text, a_beginning_ends_between_characters) {
  EXPECT_EQ(beginning("abc", 3), "abc");
  EXPECT_EQ(beginning("abc", 2), "ab");
  EXPECT_EQ(beginning("", 0), "");
  const std::string_view text = "é€😀";  // of two, three and four bytes
  for (std::size_t most = 0; most <= text.size(); ++most) {
    const std::string_view expected = most < 2 ? "" : most < 5 ? "é" : most < 9 ? "é€" : text;
    EXPECT_EQ(beginning(text, most), expected) << most;
  }
  EXPECT_EQ(beginning("\x80\x80\x80\x80\x80\x80", 5).size(), 2u) << "what is no UTF-8 is not looked through";
}

TEST(json_text, objects_have_commas_between_members) {
  std::string out;
  const std::vector<std::string_view> none;
  const std::vector<std::string> two{"[", "b,"};
  object_writer(out)
      .text("t", "a\"b")
      .number("n", -5)
      .raw("r", "null")
      .raw("o", "{}")
      .texts("none", none)
      .texts("two", two)
      .number("big", std::uint64_t(18446744073709551615u))
      .end();
  EXPECT_EQ(out, R"({"t":"a\"b","n":-5,"r":null,"o":{},"none":[],"two":["[","b,"],"big":18446744073709551615})");
  std::string empty;
  object_writer(empty).end();
  EXPECT_EQ(empty, "{}");
}

}  // namespace
}  // namespace hub
