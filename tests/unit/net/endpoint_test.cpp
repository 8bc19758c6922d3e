// SPDX-License-Identifier: MIT
#include "net/endpoint.hpp"

#include "redstart/error.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace redstart::net {
namespace {

using transport = endpoint::transport;

std::string error_of(std::string_view url) {
  try {
    parse_url(url);
  } catch (const config_error& failure) {
    return failure.what();
  }
  return {};
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(endpoint, host_alone_takes_the_default_port_and_database) {
  EXPECT_EQ(parse_url("redis://cache"), (endpoint{.kind = transport::tcp, .host = "cache", .port = 6379}));
  EXPECT_EQ(parse_url("redis://cache/"), parse_url("redis://cache"));
  EXPECT_EQ(parse_url("redis://cache:/"), parse_url("redis://cache"));
}

TEST(endpoint, every_part_of_a_network_url_is_read) {
  const endpoint expected{.kind = transport::tls,
                          .host = "cache.example",
                          .port = 7000,
                          .database = 12,
                          .username = "hub",
                          .password = "secret"};
  EXPECT_EQ(parse_url("rediss://hub:secret@cache.example:7000/12"), expected);
}

TEST(endpoint, scheme_is_case_insensitive) { EXPECT_EQ(parse_url("REDISS://cache").kind, transport::tls); }

TEST(endpoint, password_without_user_and_user_without_password) {
  EXPECT_EQ(parse_url("redis://:secret@cache").username, "");
  EXPECT_EQ(parse_url("redis://:secret@cache").password, "secret");
  EXPECT_EQ(parse_url("redis://hub@cache").username, "hub");
  EXPECT_EQ(parse_url("redis://hub@cache").password, "");
}

TEST(endpoint, user_and_password_are_percent_decoded) {
  const auto read = parse_url("redis://h%75b:p%40ss%2Fw%3Ar%25d%23@cache/1");
  EXPECT_EQ(read.username, "hub");
  EXPECT_EQ(read.password, "p@ss/w:r%d#");
  EXPECT_EQ(read.host, "cache");
}

TEST(endpoint, plus_in_a_password_stays_a_plus) { EXPECT_EQ(parse_url("redis://:a+b@cache").password, "a+b"); }

TEST(endpoint, ipv6_stands_in_brackets_which_are_not_part_of_the_host) {
  const auto read = parse_url("redis://[::1]:7000/2");
  EXPECT_EQ(read.host, "::1");
  EXPECT_EQ(read.port, 7000);
  EXPECT_EQ(read.display(), "redis://[::1]:7000/2");
}

TEST(endpoint, unix_socket_takes_path_database_and_user) {
  EXPECT_EQ(parse_url("unix:///run/redis.sock"),
            (endpoint{.kind = transport::unix_socket, .host = "", .path = "/run/redis.sock"}));
  const endpoint expected{.kind = transport::unix_socket,
                          .host = "",
                          .path = "/run/my redis.sock",
                          .database = 3,
                          .username = "hub",
                          .password = "secret"};
  EXPECT_EQ(parse_url("unix://hub:secret@/run/my%20redis.sock?db=3"), expected);
}

TEST(endpoint, unix_path_may_hold_an_at_sign) { EXPECT_EQ(parse_url("unix:///run/a@b.sock").path, "/run/a@b.sock"); }

TEST(endpoint, embedded_with_and_without_a_folder) {
  EXPECT_EQ(parse_url("embedded:").kind, transport::embedded);
  EXPECT_EQ(parse_url("embedded:").path, "");
  EXPECT_EQ(parse_url("embedded://").path, "");
  EXPECT_EQ(parse_url("embedded:///var/lib/hub").path, "/var/lib/hub");
  EXPECT_EQ(parse_url("embedded:/var/lib/hub").path, "/var/lib/hub");
  EXPECT_EQ(parse_url("embedded:?db=4").database, 4U);
}

struct refusal {
  std::string_view url;
  std::string_view says;  // what the message must name
};

void PrintTo(const refusal& value, std::ostream* out) { *out << value.url; }

class refused_url : public testing::TestWithParam<refusal> {};

TEST_P(refused_url, names_the_part_that_is_wrong) {
  const auto message = error_of(GetParam().url);
  EXPECT_TRUE(contains(message, GetParam().says)) << "message: '" << message << "'";
  EXPECT_TRUE(contains(message, "url (REDIS_URL)")) << message;
}

INSTANTIATE_TEST_SUITE_P(
    endpoint, refused_url,
    testing::Values(refusal{"", "not a URL"}, refusal{"cache", "not a URL"},
                    refusal{"localhost:6379", "scheme is unknown"}, refusal{"http://cache", "scheme is unknown"},
                    refusal{"http://cache", "accepted are redis://"},
                    refusal{"redis+sentinel://a,b/main", "redis+sentinel:// is not supported yet"},
                    refusal{"redis+cluster://a", "redis+cluster:// is not supported yet"},
                    refusal{"redis://", "host is missing"}, refusal{"redis:///1", "host is missing"},
                    refusal{"redis://:6379", "host is missing"}, refusal{"redis:cache", "// and a host"},
                    refusal{"redis://ca%0ache", "control character"},
                    refusal{"redis://ca%20che", "control character"}));

INSTANTIATE_TEST_SUITE_P(ports, refused_url,
                         testing::Values(refusal{"redis://cache:0", "port must be a number from 1 to 65535"},
                                         refusal{"redis://cache:65536", "port must be a number from 1 to 65535"},
                                         refusal{"redis://cache:99999999999999999999", "port must be a number"},
                                         refusal{"redis://cache:http", "port must be a number"},
                                         refusal{"redis://cache:1x/0", "port must be a number"}));

INSTANTIATE_TEST_SUITE_P(databases, refused_url,
                         testing::Values(refusal{"redis://cache/one", "database must be a number"},
                                         refusal{"redis://cache/-1", "database must be a number"},
                                         refusal{"redis://cache/1/2", "database must be a number"},
                                         refusal{"redis://cache/1/", "database must be a number"},
                                         refusal{"redis://cache/99999999999", "database must be a number"},
                                         refusal{"redis://cache/2147483648", "database must be a number"},
                                         refusal{"redis://cache?db=1", "written /db"},
                                         refusal{"unix:///run/s?db=", "database must be a number"},
                                         refusal{"unix:///run/s?db=x", "database must be a number"},
                                         refusal{"unix:///run/s?db=1&db=2", "once"},
                                         refusal{"unix:///run/s?timeout=1", "only query accepted is ?db=N"}));

INSTANTIATE_TEST_SUITE_P(
    paths, refused_url,
    testing::Values(refusal{"unix://run/redis.sock", "three slashes"}, refusal{"unix:redis.sock", "must be absolute"},
                    refusal{"unix://", "path of the socket is missing"},
                    refusal{"unix:///", "path of the socket is missing"},
                    refusal{"unix:///run/a%00b", "control character"}, refusal{"embedded:folder", "must be absolute"},
                    refusal{"embedded://folder/a", "three slashes"},
                    refusal{"embedded://:x@/a", "has no users and no password"}, refusal{"embedded:#x", "%23"}));

TEST(endpoint, longest_socket_path_is_what_the_system_accepts) {
  const std::string fits = "/" + std::string(106, 'a');
  EXPECT_EQ(parse_url("unix://" + fits).path, fits);
  EXPECT_TRUE(contains(error_of("unix://" + fits + "a"), "longer than 107 bytes"));
}

TEST(endpoint, no_message_shows_a_password) {
  // Each URL is refused, each in another way, and each holds "hush" where a password is or may have been meant.
  const std::vector<std::string> urls{
      "redis://user:hush@cache:99999",
      "redis://:hush@cache/db",
      "redis://:hush@",
      "redis://hush@cache:0",
      "redis://user:a/hush@cache",
      "redis://user:1/hush@cache",
      "redis://user:1?hush@cache",
      "redis://user:1?hush=1@cache",
      "redis://user:1#hush@cache",
      "redis://user:hush",
      "redis://:hush",
      "redis://:1/hush",
      "redis://user:ha ha@hush@cache",
      "redis://user:%zzhush@cache",
      "http://user:hush@cache",
      "redis+cluster://user:hush@cache",
      "user:hush@cache",
      "user:hush",
      "hush@cache",
      "us er://:hush@cache",
      "user:hush://x@cache",
      "unix://user:hush@host/path",
      "unix://user:hush@/run/s?db=x",
      "unix:///run/s?password=hush",
      "unix:///run/s?hush",
      "unix:///run/s?db=1&hush=1",
      "unix:///run/s?db=hush",
      "embedded://:hush@/folder",
      "embedded:?password=hush",
  };
  for (const auto& url : urls) {
    const auto message = error_of(url);
    EXPECT_FALSE(message.empty()) << url << " was accepted";
    EXPECT_FALSE(contains(message, "hush")) << message;
  }
}

TEST(endpoint, message_shows_what_cannot_be_a_password) {
  EXPECT_TRUE(contains(error_of("redis://user:hush@cache:99999/0"), "\"redis://***@cache:99999/0\""));
  EXPECT_TRUE(contains(error_of("redis://cache/one"), "\"redis://cache/one\""));
  EXPECT_TRUE(contains(error_of("redis://[::1]:0/1"), "\"redis://[::1]:0/1\""));
}

TEST(endpoint, message_stays_short_and_on_one_line) {
  EXPECT_LT(error_of("http://" + std::string(100'000, 'a')).size(), 1000U);
  EXPECT_FALSE(contains(error_of("redis://a\nb\x1b"), "\n"));
  EXPECT_FALSE(contains(error_of("redis://a\nb\x1b"), "\x1b"));
}

TEST(endpoint, display_is_a_url_without_the_password) {
  EXPECT_EQ(parse_url("redis://cache").display(), "redis://cache:6379/0");
  EXPECT_EQ(parse_url("rediss://hub:hush@cache:1/2").display(), "rediss://hub@cache:1/2");
  EXPECT_EQ(parse_url("redis://:hush@cache").display(), "redis://cache:6379/0");
  EXPECT_EQ(parse_url("unix:///run/s").display(), "unix:///run/s?db=0");
  EXPECT_EQ(parse_url("unix://hub:hush@/run/s?db=2").display(), "unix://hub@/run/s?db=2");
  EXPECT_EQ(parse_url("embedded:").display(), "embedded:");
  EXPECT_EQ(parse_url("embedded:///var/lib/hub").display(), "embedded:///var/lib/hub");
}

TEST(endpoint, display_hides_a_user_that_stands_alone) {
  EXPECT_EQ(parse_url("redis://perhaps-a-password@cache").display(), "redis://cache:6379/0");
}

TEST(endpoint, options_override_user_and_password_of_the_url) {
  config settings;
  settings.url = "redis://old:older@cache";
  EXPECT_EQ(make_endpoint(settings).username, "old");
  settings.username = "new";
  EXPECT_EQ(make_endpoint(settings).username, "new");
  EXPECT_EQ(make_endpoint(settings).password, "older");
  settings.password = "n@wer";
  EXPECT_EQ(make_endpoint(settings).password, "n@wer");
}

TEST(endpoint, embedded_server_refuses_a_password_without_showing_it) {
  config settings;
  settings.url = "embedded:";
  settings.password = "hush";
  try {
    make_endpoint(settings);
    FAIL() << "accepted";
  } catch (const config_error& failure) {
    EXPECT_TRUE(contains(failure.what(), "REDIS_PASSWORD"));
    EXPECT_FALSE(contains(failure.what(), "hush"));
  }
}

TEST(endpoint, embedded_database_is_part_of_display) {
  EXPECT_EQ(parse_url("embedded:?db=4").display(), "embedded:?db=4");
  EXPECT_EQ(parse_url("embedded:///a?db=4").display(), "embedded:///a?db=4");
}

}  // namespace
}  // namespace redstart::net
