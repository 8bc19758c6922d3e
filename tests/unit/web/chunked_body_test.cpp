// SPDX-License-Identifier: MIT
#include "web/chunked_body.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace redstart::web::detail {
namespace {

using result = chunked_body::result;

constexpr std::size_t longest = 32;
constexpr std::size_t longest_around = 24;

struct outcome {
  result found = result::goes_on;
  std::size_t taken = 0;
  std::string text;

  bool operator==(const outcome&) const = default;
};

outcome take(std::string_view bytes, std::size_t step) {
  chunked_body body(longest, longest_around);
  outcome made;
  while (made.found == result::goes_on && made.taken != bytes.size()) {
    std::string_view piece = bytes.substr(made.taken, step);
    const std::size_t size = piece.size();
    made.found = body.take(piece);
    made.taken += size - piece.size();
  }
  made.text = body.text();
  return made;
}

outcome expect(std::string_view bytes, result expected) {
  outcome whole = take(bytes, bytes.size());
  EXPECT_EQ(whole.found, expected) << bytes;
  for (std::size_t step = 1; step < bytes.size(); ++step) EXPECT_EQ(take(bytes, step), whole) << step << ": " << bytes;
  return whole;
}

TEST(chunked_body, chunks_are_put_together_wherever_they_are_cut) {
  EXPECT_EQ(expect("5\r\nhello\r\n0\r\n\r\n", result::whole).text, "hello");
  EXPECT_EQ(expect("5\r\nhello\r\n3\r\n me\r\n0\r\n\r\n", result::whole).text, "hello me");
  EXPECT_EQ(expect("1f\r\n" + std::string(31, 'x') + "\r\n0\r\n\r\n", result::whole).text, std::string(31, 'x'));
  EXPECT_EQ(expect("A\r\n0\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", result::whole).text, "0\r\n\r\n0\r\n\r\n");
  EXPECT_EQ(expect("0005\r\nhello\r\n000\r\n\r\n", result::whole).text, "hello");
}

// Beast 1.81 asserts that at least two bytes have followed the last size when it is asked again.
TEST(chunked_body, an_empty_body_may_be_cut_within_its_end) { EXPECT_EQ(expect("0\r\n\r\n", result::whole).text, ""); }

TEST(chunked_body, what_follows_is_left_for_the_next_request) {
  const std::string body = "1\r\nx\r\n0\r\n\r\n";
  EXPECT_EQ(expect(body + "GET / HTTP/1.1\r\n", result::whole).taken, body.size());
  EXPECT_EQ(expect(body + "0\r\n\r\n", result::whole).taken, body.size());
}

TEST(chunked_body, one_that_was_not_sent_whole_goes_on) {
  const std::string body = "2;a=b\r\nxy\r\n0 ;c\r\nA: b\r\n\r\n";
  for (std::size_t size = 1; size < body.size(); ++size) expect(body.substr(0, size), result::goes_on);
  expect(body, result::whole);
}

TEST(chunked_body, extensions_and_trailers_are_read_over) {
  EXPECT_EQ(expect("2;a=b;c=\"d ; e\"\r\nhi\r\n0\r\n\r\n", result::whole).text, "hi");
  EXPECT_EQ(expect("2 \t;a\r\nhi\r\n0;b\r\n\r\n", result::whole).text, "hi");
  EXPECT_EQ(expect("2\r\nhi\r\n0\r\nA: b\r\nX-Y:\r\n\r\n", result::whole).text, "hi");
}

TEST(chunked_body, a_body_as_long_as_the_limit_is_taken_and_one_byte_more_is_too_large) {
  EXPECT_EQ(expect("20\r\n" + std::string(32, 'x') + "\r\n0\r\n\r\n", result::whole).text.size(), longest);
  expect("21\r\n", result::too_large);
  expect("1F\r\n" + std::string(31, 'x') + "\r\n2\r\n", result::too_large);
  expect("ffffffffffffffff\r\n", result::too_large);
  expect("1\r\nx\r\nffffffffffffffff\r\n", result::too_large);
}

TEST(chunked_body, a_size_has_sixteen_digits_at_most) {
  expect("00000000000000000", result::malformed);
  expect("10000000000000001\r\n", result::malformed);
}

TEST(chunked_body, what_stands_around_chunks_is_bounded_in_all) {
  const std::string most(longest_around, 'x');
  expect("1;" + most.substr(1) + "\r\nx\r\n0\r\n\r\n", result::whole);
  expect("1;" + most, result::malformed);
  expect("1;" + most.substr(1) + "\r\nx\r\n1;", result::malformed);
  expect("1;" + most.substr(1) + "\r\nx\r\n0\r\nA", result::malformed);
  expect("0\r\n" + most + ":\r\n\r\n", result::whole);
  expect("0\r\n" + most + "x", result::malformed);
  expect("0\r\nA:" + most, result::malformed);
  expect("1" + std::string(longest_around + 1, ' '), result::malformed);
}

TEST(chunked_body, what_two_readers_could_understand_differently_is_malformed_with_its_first_wrong_byte) {
  for (const std::string_view bytes : {"x",
                                       "-",
                                       "+",
                                       "0x",
                                       "\r",
                                       "\n",
                                       ";",
                                       " ",
                                       "5\n",
                                       "5\rh",
                                       "5 5",
                                       "5 \r",
                                       "5\t\r",
                                       "5\v",
                                       "5;a\n",
                                       "5;\x01",
                                       "5;a\x7f",
                                       "5\r\nhelloX",
                                       "5\r\nhello0",
                                       "5\r\nhello\n",
                                       "5\r\nhello\rX",
                                       "0\r\n\n",
                                       "0\r\n\rX",
                                       "0\r\n ",
                                       "0\r\n:",
                                       "0\r\nA ",
                                       "0\r\nA\r",
                                       "0\r\nA: b\n",
                                       "0\r\nA: b\r\n\t",
                                       "0\r\nA: \x01",
                                       "0\r\nA: b\rC"}) {
    expect(bytes.substr(0, bytes.size() - 1), result::goes_on);
    EXPECT_EQ(expect(bytes, result::malformed).taken, bytes.size());
    expect(std::string(bytes) + "\r\n0\r\n\r\n", result::malformed);
  }
}

}  // namespace
}  // namespace redstart::web::detail
