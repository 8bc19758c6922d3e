// SPDX-License-Identifier: MIT
#include "redstart/web/request.hpp"

#include "redstart/web/http_error.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace redstart::web {
namespace {

using strings = std::vector<std::string>;

strings segments(std::string_view target) { return request(http::verb::get, target).segments(); }

std::optional<http::status> refused(std::string_view target) {
  try {
    const request asked(http::verb::get, target);
  } catch (const http_error& e) {
    return e.status();
  }
  return std::nullopt;
}

TEST(request, the_path_is_split_at_its_slashes) {
  EXPECT_EQ(segments("/"), strings{});
  EXPECT_EQ(segments("/a"), strings{"a"});
  EXPECT_EQ(segments("/a/b/"), (strings{"a", "b", ""}));
  EXPECT_EQ(segments("/a//b"), (strings{"a", "", "b"}));
  EXPECT_EQ(segments("/a?b/c"), strings{"a"});
}

TEST(request, escapes_are_resolved_after_splitting) {
  EXPECT_EQ(segments("/a%2Fb/c%20d"), (strings{"a/b", "c d"}));
  EXPECT_EQ(segments("/%C3%A4+%2525"), strings{"\xc3\xa4+%25"});
}

TEST(request, the_target_and_path_are_as_they_were_sent) {
  const request asked(http::verb::get, "/a%20b?x=1&y=%202");
  EXPECT_EQ(asked.target(), "/a%20b?x=1&y=%202");
  EXPECT_EQ(asked.path(), "/a%20b");
}

TEST(request, query_parameters_are_found_by_name) {
  const request asked(http::verb::get, "/a?start=0&empty=&flag&name=J%C3%B6rg+M%2BS&start=9");
  EXPECT_EQ(asked.query("start"), "0");
  EXPECT_EQ(asked.query("empty"), "");
  EXPECT_EQ(asked.query("flag"), "");
  EXPECT_EQ(asked.query("name"), "J\xc3\xb6rg M+S");
  EXPECT_EQ(asked.query("missing"), std::nullopt);
  EXPECT_EQ(asked.query("star"), std::nullopt);
  EXPECT_EQ(request(http::verb::get, "/a").query("start"), std::nullopt);
  EXPECT_EQ(request(http::verb::get, "/a?").query(""), "");
}

TEST(request, names_of_query_parameters_are_unescaped_too) {
  EXPECT_EQ(request(http::verb::get, "/a?a%5Bb%5D=1").query("a[b]"), "1");
}

TEST(request, a_zero_byte_in_the_path_is_refused) {
  EXPECT_EQ(refused("/a%00b"), http::status::bad_request);
  EXPECT_EQ(refused("/%00"), http::status::bad_request);
  EXPECT_EQ(refused(std::string_view("/a\0b", 4)), http::status::bad_request);
}

TEST(request, bad_escapes_are_refused) {
  for (const char* bad : {"/%", "/%1", "/%zz", "/a?b=%", "/a?%g1"}) {
    EXPECT_EQ(refused(bad), http::status::bad_request) << bad;
  }
}

TEST(request, a_path_that_is_not_utf8_is_refused) {
  EXPECT_EQ(refused("/%FF"), http::status::bad_request);
  EXPECT_EQ(refused("/%C3"), http::status::bad_request);
  EXPECT_EQ(refused("/%C0%AF"), http::status::bad_request) << "an overlong slash";
  EXPECT_EQ(refused("/%ED%A0%80"), http::status::bad_request) << "half of a surrogate pair";
}

TEST(request, targets_that_are_no_path_are_refused) {
  for (const char* bad : {"", "*", "a/b", "hub.example:443", "ftp://hub/a", "/a b", "/a\tb", "/a#b", "/\xc3\xa4",
                          "http:a", "javascript:alert(1)"}) {
    EXPECT_EQ(refused(bad), http::status::bad_request) << bad;
  }
}

TEST(request, of_an_absolute_uri_the_path_counts_and_its_host_is_the_host) {
  request::message_type message(http::verb::get, "HTTP://hub.example:8080/a/b?c=1", 11);
  message.set(http::field::host, "liar.example");
  const request asked(std::move(message), "127.0.0.1");
  EXPECT_EQ(asked.target(), "/a/b?c=1");
  EXPECT_EQ(asked.path(), "/a/b");
  EXPECT_EQ(asked.query("c"), "1");
  EXPECT_EQ(asked.header("host"), "hub.example:8080");
  EXPECT_EQ(segments("http://hub.example"), strings{});
  EXPECT_EQ(request(http::verb::get, "http://hub.example?x=2").query("x"), "2");
}

TEST(request, dots_are_left_to_handlers_as_they_are) {
  EXPECT_EQ(segments("/a/../b"), (strings{"a", "..", "b"}));
  EXPECT_EQ(segments("/a/%2e%2e/b"), (strings{"a", "..", "b"}));
}

TEST(request, two_slashes_at_the_start_name_no_host) {
  const request asked(http::verb::get, "//evil.example/a");
  EXPECT_EQ(asked.path(), "//evil.example/a");
  EXPECT_EQ(asked.segments(), (strings{"", "evil.example", "a"}));
  EXPECT_EQ(asked.query("x"), std::nullopt);
}

TEST(request, headers_are_found_in_any_case) {
  request asked(http::verb::get, "/");
  asked.set_header("X-Camera", "7");
  EXPECT_EQ(asked.header("x-camera"), "7");
  EXPECT_EQ(asked.header("X-CAMERA"), "7");
  EXPECT_EQ(asked.header("X-Cam"), std::nullopt);
  asked.set_header("x-camera", "8");
  EXPECT_EQ(asked.header("X-Camera"), "8");
}

TEST(request, method_body_and_peer_are_there) {
  const request asked(http::verb::post, "/events", "{}");
  EXPECT_EQ(asked.method(), http::verb::post);
  EXPECT_EQ(asked.body(), "{}");
  EXPECT_EQ(asked.peer(), "");
  const request from(request::message_type(http::verb::get, "/", 11), "::1");
  EXPECT_EQ(from.peer(), "::1");
}

}  // namespace
}  // namespace redstart::web
