// SPDX-License-Identifier: MIT
#include "web/head_finder.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace redstart::web::detail {
namespace {

using result = head_finder::result;

constexpr std::size_t limit = 64;

// What comes of `bytes` that grow by `step` at a time, and the size of the head.
std::pair<result, std::size_t> look(std::string_view bytes, std::size_t step) {
  head_finder finder(limit);
  for (std::size_t end = std::min(step, bytes.size());; end = std::min(end + step, bytes.size())) {
    const result found = finder.look(bytes.substr(0, end));
    if (found != result::goes_on || end == bytes.size()) return {found, finder.size()};
  }
}

void expect(std::string_view bytes, result expected) {
  const auto whole = look(bytes, bytes.size() + 1);
  EXPECT_EQ(whole.first, expected) << bytes;
  for (std::size_t step = 1; step < bytes.size(); ++step) EXPECT_EQ(look(bytes, step), whole) << step << ": " << bytes;
}

TEST(head_finder, a_head_ends_behind_its_empty_line_wherever_it_is_cut) {
  for (const std::string head :
       {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.0\r\nHost: hub\r\n\r\n", "POST /a HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n"}) {
    expect(head, result::whole);
    expect(head + "a body\r\n\r\n", result::whole);
    EXPECT_EQ(look(head + "a body\n", 100).second, head.size());
    for (std::size_t size = 1; size < head.size(); ++size) expect(head.substr(0, size), result::goes_on);
  }
}

TEST(head_finder, a_head_as_long_as_the_limit_is_whole_and_one_byte_more_is_too_long) {
  const auto head = [](std::size_t size) {
    const std::string begin = "GET / HTTP/1.1\r\nX: ";
    return begin + std::string(size - begin.size() - 4, 'x') + "\r\n\r\n";
  };
  expect(head(limit), result::whole);
  expect(head(limit + 1), result::too_long);
  expect(head(limit + 1).substr(0, limit - 1), result::goes_on);
}

// Beast counts a header against its limit only as long as it has not read it: whoever sends one at a time sends them
// for ever.
TEST(head_finder, many_short_headers_are_too_long_together) {
  std::string head = "GET / HTTP/1.1\r\n";
  while (head.size() < 2 * limit) head += "X: y\r\n";
  expect(head, result::too_long);
}

TEST(head_finder, what_is_not_http_is_malformed_with_its_first_byte_or_line) {
  for (const char* bytes : {"\x16\x03\x01\x02", "\r\n", " GET / HTTP/1.1\r\n", "\x80", "hello\r\n", "GET /\r\n",
                            "GET / HTTP/2.0\r\n", "GET / HTTP/1.10\r\n", "GET / http/1.1\r\n", "GET /HTTP/1.1\r\n"}) {
    expect(bytes, result::malformed);
    expect(std::string(bytes) + "Host: hub\r\n\r\n", result::malformed);
  }
}

TEST(head_finder, lines_end_with_both_characters) {
  for (const char* bytes : {"GET / HTTP/1.1\n", "\n", "GET / HTTP/1.1\r\nA: b\n\r\n", "GET / HTTP/1.1\r\n\n"}) {
    expect(bytes, result::malformed);
  }
}

}  // namespace
}  // namespace redstart::web::detail
