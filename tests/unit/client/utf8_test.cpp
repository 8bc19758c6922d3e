// SPDX-License-Identifier: MIT
#include "client/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace std::string_literals;
using redstart::detail::is_utf8;

// Any number up to 0x1FFFFF in the shape of UTF-8, valid or not.
std::string shaped(std::uint32_t code, std::size_t size) {
  if (size == 1) return {static_cast<char>(code)};
  static constexpr unsigned marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
  std::string text(size, '\0');
  for (std::size_t index = size; index-- > 1; code >>= 6U) text[index] = static_cast<char>(0x80U | (code & 0x3FU));
  text[0] = static_cast<char>(marks[size] | code);
  return text;
}

TEST(utf8, exactly_the_shortest_form_of_each_scalar_value_is_valid) {
  for (std::uint32_t code = 0; code < 0x1FFFFF; code += code < 0x11000 ? 1 : 61) {
    const std::size_t shortest = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    const bool scalar = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    for (std::size_t size = shortest; size <= 4; ++size) {
      ASSERT_EQ(is_utf8(shaped(code, size)), scalar && size == shortest) << code << " in " << size << " bytes";
    }
  }
}

TEST(utf8, the_last_scalar_value_is_valid_and_the_next_is_not) {
  EXPECT_TRUE(is_utf8("\xf4\x8f\xbf\xbf"));
  EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));
}

TEST(utf8, pieces_and_stray_bytes_are_invalid) {
  for (const auto& text : {"\x80"s, "\xc3"s, "\xe2\x82"s, "\xf0\x9f\x90"s, "\xc3("s, "\xe2(\xa1"s, "\xff"s, "\xfe"s,
                           "\xf8\x88\x80\x80\x80"s, "ok\xc3"s, "\xc3\xbc\xbc"s}) {
    EXPECT_FALSE(is_utf8(text));
  }
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\0b"s));
  EXPECT_TRUE(is_utf8("Grüße, 日本, \xf0\x9f\x90\xa6"));
}

}  // namespace
