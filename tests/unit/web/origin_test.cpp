// SPDX-License-Identifier: MIT
#include "web/origin.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace redstart::web {
namespace {

struct asked_with {
  std::string_view origin;
  std::string_view host = "hub.example";
  bool secure = false;
  std::vector<std::string> allowed{};
  bool loopback_only = false;
};

bool allowed(const asked_with& how) {
  request asked(http::verb::post, "/events");
  if (!how.origin.empty()) asked.set_header("Origin", how.origin);
  if (!how.host.empty()) asked.set_header("Host", how.host);
  return is_origin_allowed(asked, {how.secure, how.loopback_only}, how.allowed);
}

TEST(origin, clients_that_are_no_browsers_are_let_through) { EXPECT_TRUE(allowed({.origin = ""})); }

TEST(origin, the_page_that_the_server_served_is_let_through) {
  EXPECT_TRUE(allowed({.origin = "http://hub.example"}));
  EXPECT_TRUE(allowed({.origin = "http://hub.example:8080", .host = "hub.example:8080"}));
  EXPECT_TRUE(allowed({.origin = "https://hub.example", .secure = true}));
  EXPECT_TRUE(allowed({.origin = "http://[::1]:8080", .host = "[::1]:8080"}));
}

TEST(origin, a_name_that_was_made_to_point_here_is_no_page_of_ours) {
  for (const char* own : {"localhost:8080", "LOCALHOST", "127.0.0.1:8080", "[::1]:8080", "[::1]", "127.0.0.1"}) {
    const std::string origin = "http://" + std::string(own);
    EXPECT_TRUE(allowed({.origin = origin, .host = own, .loopback_only = true})) << own;
  }
  for (const char* foreign :
       {"evil.example:8080", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example"}) {
    const std::string origin = "http://" + std::string(foreign);
    EXPECT_FALSE(allowed({.origin = origin, .host = foreign, .loopback_only = true})) << foreign;
    EXPECT_TRUE(allowed({.origin = origin, .host = foreign, .allowed = {origin}, .loopback_only = true})) << foreign;
  }
}

TEST(origin, case_does_not_matter) { EXPECT_TRUE(allowed({.origin = "HTTP://Hub.Example"})); }

TEST(origin, another_host_port_or_scheme_is_another_origin) {
  EXPECT_FALSE(allowed({.origin = "http://evil.example"}));
  EXPECT_FALSE(allowed({.origin = "http://hub.example:81"}));
  EXPECT_FALSE(allowed({.origin = "https://hub.example"}));
  EXPECT_FALSE(allowed({.origin = "http://hub.example", .secure = true}));
}

TEST(origin, a_name_that_only_looks_alike_is_refused) {
  EXPECT_FALSE(allowed({.origin = "http://hub.example.evil.example"}));
  EXPECT_FALSE(allowed({.origin = "http://evilhub.example"}));
  EXPECT_FALSE(allowed({.origin = "http://hub.example/"}));
  EXPECT_FALSE(allowed({.origin = "http://hub.example", .host = "hub.example.evil"}));
}

TEST(origin, a_sandboxed_page_has_no_origin_of_its_own) {
  EXPECT_FALSE(allowed({.origin = "null"}));
  EXPECT_FALSE(allowed({.origin = "null", .allowed = {"https://hub.example"}}));
}

TEST(origin, a_request_without_host_matches_no_page) {
  EXPECT_FALSE(allowed({.origin = "http://hub.example", .host = ""}));
  EXPECT_FALSE(allowed({.origin = "http://", .host = ""}));
}

TEST(origin, configured_origins_are_let_through) {
  EXPECT_TRUE(allowed({.origin = "https://panel.example", .allowed = {"https://other", "https://Panel.example"}}));
  EXPECT_FALSE(allowed({.origin = "https://panel.example:444", .allowed = {"https://panel.example"}}));
  EXPECT_TRUE(allowed({.origin = "null", .allowed = {"*"}}));
}

}  // namespace
}  // namespace redstart::web
