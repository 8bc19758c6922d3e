// SPDX-License-Identifier: MIT
#include "web/framing.hpp"

#include <gtest/gtest.h>

#include <string>

namespace redstart::web::detail {
namespace {

http::request_header<> head(std::initializer_list<std::pair<std::string, std::string>> fields, unsigned version = 11) {
  http::request_header<> made;
  made.version(version);
  for (const auto& [name, value] : fields) made.insert(name, value);
  return made;
}

TEST(framing, one_host_and_a_body_with_a_known_end_are_sound) {
  EXPECT_EQ(framing_fault(head({{"Host", "hub"}})), nullptr);
  EXPECT_EQ(framing_fault(head({{"Host", "hub"}, {"Content-Length", "3"}})), nullptr);
  EXPECT_EQ(framing_fault(head({{"Host", "hub"}, {"Transfer-Encoding", "Chunked"}})), nullptr);
  EXPECT_EQ(framing_fault(head({}, 10)), nullptr);
}

TEST(framing, a_coding_that_is_not_chunked_alone_has_no_known_end) {
  for (const char* coding :
       {"gzip", "xchunked", "chunked, identity", "gzip, chunked", "chunked;x=1", "", "\"chunked\""}) {
    EXPECT_NE(framing_fault(head({{"Host", "hub"}, {"Transfer-Encoding", coding}})), nullptr) << coding;
  }
  EXPECT_NE(framing_fault(head({{"Host", "hub"}, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "x"}})),
            nullptr);
  EXPECT_NE(framing_fault(head({{"Transfer-Encoding", "chunked"}}, 10)), nullptr);
}

TEST(framing, no_host_and_two_hosts_are_refused) {
  EXPECT_NE(framing_fault(head({})), nullptr);
  EXPECT_NE(framing_fault(head({{"Host", "a"}, {"Host", "b"}})), nullptr);
  EXPECT_NE(framing_fault(head({{"Host", "a"}, {"Host", "b"}}, 10)), nullptr);
}

TEST(framing, a_line_that_goes_on_in_the_next_one_is_found) {
  EXPECT_FALSE(has_folded_line("GET / HTTP/1.1\r\nHost: hub\r\nX: a b\r\n\r\n"));
  EXPECT_FALSE(has_folded_line(""));
  EXPECT_FALSE(has_folded_line("\n"));
  EXPECT_TRUE(has_folded_line("X: a\r\n b\r\n"));
  EXPECT_TRUE(has_folded_line(" Host: hub\r\n\r\n"));
  EXPECT_TRUE(has_folded_line("X: a\r\n\tb\r\n"));
  EXPECT_TRUE(has_folded_line("X: a\r\n\r\n Y: b\r\n"));
}

TEST(framing, plain_responses_can_be_sent) {
  EXPECT_EQ(response_fault(response::text("text")), nullptr);
  EXPECT_EQ(response_fault(response::empty().with("X-Text", "a b\tc; \"d\" \xc3\xa4").with("ETag", "")), nullptr);
}

TEST(framing, line_breaks_and_control_characters_are_no_part_of_a_header) {
  for (const std::string& bad : {std::string("a\r\nX-Evil: 1"), std::string("a\n"), std::string("\r"),
                                 std::string("\0", 1), std::string("\x7f"), std::string("\x1b[2J")}) {
    EXPECT_NE(response_fault(response::empty().with("X-Text", bad)), nullptr);
    EXPECT_NE(response_fault(response{.content_type = bad}), nullptr);
    EXPECT_NE(response_fault(response::empty().with("X" + bad, "a")), nullptr);
  }
}

TEST(framing, names_of_headers_are_tokens) {
  for (const char* bad : {"", "X Y", "X:", "X\xc3\xa4", "(x)"}) {
    EXPECT_NE(response_fault(response::empty().with(bad, "a")), nullptr) << bad;
  }
}

TEST(framing, a_header_beyond_any_client_s_bound_is_refused) {
  EXPECT_NE(response_fault(response::empty().with("X", std::string(100'000, 'a'))), nullptr);
  const std::string name(1000, 'a');
  EXPECT_NE(response_fault(response::empty().with(name, "a")), nullptr);
}

TEST(framing, a_status_that_is_none_of_a_final_response_is_refused) {
  for (const unsigned bad : {0u, 100u, 101u, 199u, 600u, 5000u}) {
    EXPECT_NE(response_fault(response::empty(static_cast<http::status>(bad))), nullptr) << bad;
  }
  EXPECT_EQ(response_fault(response::empty(static_cast<http::status>(299))), nullptr);
}

TEST(framing, only_204_and_304_have_no_body) {
  EXPECT_TRUE(is_bodiless(http::status::no_content));
  EXPECT_TRUE(is_bodiless(http::status::not_modified));
  EXPECT_FALSE(is_bodiless(http::status::ok));
  EXPECT_FALSE(is_bodiless(http::status::not_found));
}

}  // namespace
}  // namespace redstart::web::detail
