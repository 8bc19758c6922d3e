// SPDX-License-Identifier: MIT
#include "web/response_head.hpp"

#include "web/http_date.hpp"

#include <gtest/gtest.h>

#include <string>

namespace redstart::web::detail {
namespace {

std::string head(const response& made, const reply_to& to = {.keep = true}) {
  std::string out;
  append_head(out, made, to);
  // The one part that changes by itself.
  const std::string date = "Date: " + std::string(http_date()) + "\r\n";
  const auto at = out.find(date);
  EXPECT_NE(at, std::string::npos) << out;
  if (at != std::string::npos) out.erase(at, date.size());
  return out;
}

TEST(response_head, says_status_type_and_length) {
  EXPECT_EQ(head(response::text("four")),
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Content-Length: 4\r\n"
            "\r\n");
}

TEST(response_head, is_appended) {
  std::string out = "before ";
  append_head(out, response::empty(), {.keep = true});
  EXPECT_TRUE(out.starts_with("before HTTP/1.1 204 No Content\r\n")) << out;
}

TEST(response_head, an_empty_body_has_a_length_unless_the_status_says_it_all) {
  EXPECT_NE(head(response::empty(http::status::ok)).find("Content-Length: 0\r\n"), std::string::npos);
  EXPECT_NE(head(response::empty(http::status::not_found)).find("Content-Length: 0\r\n"), std::string::npos);
  EXPECT_EQ(head(response::empty()).find("Content-Length"), std::string::npos);
  EXPECT_EQ(head({.status = http::status::not_modified, .body = "x"}).find("Content-Length"), std::string::npos);
}

TEST(response_head, a_head_request_learns_the_length_of_what_it_does_not_get) {
  EXPECT_NE(head(response::text("four"), {.keep = true, .head = true}).find("Content-Length: 4\r\n"),
            std::string::npos);
}

TEST(response_head, says_whether_the_connection_stays) {
  EXPECT_EQ(head(response::text("")).find("Connection"), std::string::npos);
  EXPECT_NE(head(response::text(""), {}).find("Connection: close\r\n"), std::string::npos);
  EXPECT_NE(head(response::text(""), {.keep = true, .version = 10}).find("Connection: keep-alive\r\n"),
            std::string::npos);
  EXPECT_NE(head(response::text(""), {.version = 10}).find("Connection: close\r\n"), std::string::npos);
}

TEST(response_head, headers_of_a_handler_come_in_order_and_as_often_as_given) {
  const std::string made = head(response::empty().with("Set-Cookie", "a=1").with("X-B", "").with("Set-Cookie", "b=2"));
  EXPECT_NE(made.find("Set-Cookie: a=1\r\nX-B: \r\nSet-Cookie: b=2\r\n"), std::string::npos) << made;
}

TEST(response_head, what_is_ours_to_say_is_not_said_by_handlers) {
  const std::string made = head(response::text("four")
                                    .with("content-length", "400")
                                    .with("TRANSFER-ENCODING", "chunked")
                                    .with("Connection", "upgrade")
                                    .with("date", "yesterday")
                                    .with("Content-type", "text/html")
                                    .with("X-Content-Type-Options", "none"));
  EXPECT_EQ(made, head(response::text("four")));
}

TEST(response_head, an_upgrade_is_named_as_one_for_this_connection_only) {
  const response refused = response::text("").with("upgrade", "websocket");
  EXPECT_NE(head(refused).find("Connection: upgrade\r\n"), std::string::npos) << head(refused);
  const auto options = [&](const reply_to& to) {
    const std::string made = head(refused, to);
    const auto begin = made.find("Connection: ");
    return made.substr(begin, made.find("\r\n", begin) - begin);
  };
  EXPECT_EQ(options({.keep = false}), "Connection: close, upgrade");
  EXPECT_EQ(options({.keep = true, .version = 10}), "Connection: keep-alive, upgrade");
}

TEST(response_head, a_content_type_may_come_as_a_header) {
  const std::string made = head(response{.content_type = "", .body = "x"}.with("Content-Type", "image/svg+xml"));
  EXPECT_NE(made.find("Content-Type: image/svg+xml\r\n"), std::string::npos) << made;
}

TEST(response_head, a_status_without_a_name_is_sent_by_its_number) {
  EXPECT_TRUE(head(response::empty(static_cast<http::status>(299))).starts_with("HTTP/1.1 299 "));
}

}  // namespace
}  // namespace redstart::web::detail
