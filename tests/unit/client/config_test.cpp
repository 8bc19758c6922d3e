// SPDX-License-Identifier: MIT
#include "redstart/config.hpp"

#include "client/config_env.hpp"
#include "redstart/error.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <sstream>

namespace redstart {
namespace {

using namespace std::chrono_literals;
using variables = std::map<std::string, std::string>;

config from(const variables& set) {
  return config_from([&](const char* name) -> const char* {
    const auto found = set.find(name);
    return found == set.end() ? nullptr : found->second.c_str();
  });
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const config_error& failure) {
    return failure.what();
  }
  return {};
}

std::string environment_error(const std::string& variable, const std::string& value) {
  return error_of([&] { from({{variable, value}}); });
}

std::string error_of(const config& settings) {
  return error_of([&] { settings.validate(); });
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const option& find(const std::string& variable) {
  for (const auto& each : all_options()) {
    if (each.variable == variable) {
      return each;
    }
  }
  throw std::logic_error("no such variable: " + variable);
}

std::string text_of(const option& which, config settings) {
  if (which.kind == option_kind::text) {
    return *std::get<std::string*>(which.target(settings));
  }
  return to_text(which.kind, number_of(which, settings).value());
}

// --- Text ------------------------------------------------------------------------------------------------------------

TEST(config_text, durations_take_units_and_fractions) {
  const auto parse = [](std::string_view text) { return parse_number(option_kind::duration, text); };
  EXPECT_EQ(parse("250ms"), 250);
  EXPECT_EQ(parse("5s"), 5000);
  EXPECT_EQ(parse("2m"), 120'000);
  EXPECT_EQ(parse("1h"), 3'600'000);
  EXPECT_EQ(parse("3"), 3000) << "a bare number counts seconds";
  EXPECT_EQ(parse("0"), 0);
  EXPECT_EQ(parse("1.5"), 1500);
  EXPECT_EQ(parse("0.25s"), 250);
  EXPECT_EQ(parse("0.001m"), 60);
  EXPECT_EQ(parse("1.0ms"), 1);
}

TEST(config_text, what_is_no_duration_is_refused) {
  for (const char* text : {"",
                           "s",
                           "ms",
                           "-1",
                           "-1s",
                           "+1",
                           "1 s",
                           " 1s",
                           "1s ",
                           "1S",
                           "1d",
                           "1e3",
                           "0x10",
                           ".5",
                           "1.",
                           "1..5",
                           "1.2.3",
                           "inf",
                           "nan",
                           "1s2",
                           "99999999999999999999",
                           "9999999999999999h"}) {
    EXPECT_EQ(parse_number(option_kind::duration, text), std::nullopt) << text;
  }
}

TEST(config_text, duration_below_a_millisecond_is_refused_not_rounded_to_zero) {
  EXPECT_EQ(parse_number(option_kind::duration, "0.5ms"), std::nullopt);
  EXPECT_EQ(parse_number(option_kind::duration, "0.0001"), std::nullopt);
}

TEST(config_text, sizes_count_in_powers_of_1024) {
  const auto parse = [](std::string_view text) { return parse_number(option_kind::bytes, text); };
  EXPECT_EQ(parse("0"), 0);
  EXPECT_EQ(parse("65536"), 65536);
  EXPECT_EQ(parse("64k"), 65536);
  EXPECT_EQ(parse("256M"), 256LL << 20);
  EXPECT_EQ(parse("3g"), 3LL << 30);
  for (const char* text : {"", "k", "-1", "1.5k", "1kb", "1t", "1 k", "99999999999999999999", "9999999999999g"}) {
    EXPECT_EQ(parse(text), std::nullopt) << text;
  }
}

TEST(config_text, flags_and_counts) {
  for (const char* text : {"true", "yes", "on", "1"}) {
    EXPECT_EQ(parse_number(option_kind::flag, text), 1) << text;
  }
  for (const char* text : {"false", "no", "off", "0"}) {
    EXPECT_EQ(parse_number(option_kind::flag, text), 0) << text;
  }
  EXPECT_EQ(parse_number(option_kind::flag, "maybe"), std::nullopt);
  EXPECT_EQ(parse_number(option_kind::flag, ""), std::nullopt);
  EXPECT_EQ(parse_number(option_kind::count, "42"), 42);
  EXPECT_EQ(parse_number(option_kind::count, "4k"), std::nullopt);
  EXPECT_EQ(parse_number(option_kind::count, "-4"), std::nullopt);
}

TEST(config_text, numbers_are_written_so_that_they_are_read_back) {
  for (const auto kind : {option_kind::duration, option_kind::bytes, option_kind::count}) {
    for (const std::int64_t value : {0, 1, 250, 1000, 1024, 1500, 60'000, 65'536, 3'600'000, 1'073'741'824}) {
      EXPECT_EQ(parse_number(kind, to_text(kind, value)), value) << to_text(kind, value);
    }
  }
  EXPECT_EQ(to_text(option_kind::duration, 1500), "1500ms");
  EXPECT_EQ(to_text(option_kind::duration, 120'000), "2m");
  EXPECT_EQ(to_text(option_kind::bytes, 1 << 29), "512m");
}

// --- Environment -----------------------------------------------------------------------------------------------------

TEST(config_from_env, nothing_set_gives_the_defaults) {
  const config defaults;
  const config read = from({});
  for (const auto& each : all_options()) {
    EXPECT_EQ(text_of(each, read), text_of(each, defaults)) << each.variable;
  }
}

TEST(config_from_env, empty_counts_as_not_set) {
  EXPECT_EQ(from({{"REDIS_URL", ""}}).url, config{}.url);
  EXPECT_EQ(from({{"REDIS_TIMEOUT", ""}}).timeout, config{}.timeout);
}

// Another value than the default for each option, and what it must become.
const std::map<std::string, std::string> other_values{
    {"REDIS_URL", "rediss://cache:7000/3"},
    {"REDIS_USERNAME", "hub"},
    {"REDIS_PASSWORD", "p@ss word"},
    {"REDIS_CLIENT_NAME", "camera-hub"},
    {"REDIS_PROTOCOL", "2"},
    {"REDIS_TLS_CA_FILE", "/ca.pem"},
    {"REDIS_TLS_CERTIFICATE_FILE", "/c.pem"},
    {"REDIS_TLS_KEY_FILE", "/k.pem"},
    {"REDIS_TLS_SERVER_NAME", "redis.example"},
    {"REDIS_TLS_VERIFY", "false"},
    {"REDIS_TIMEOUT", "1500ms"},
    {"REDIS_CONNECT_TIMEOUT", "7s"},
    {"REDIS_CONNECT_ATTEMPTS", "0"},
    {"REDIS_BACKOFF_INITIAL", "10ms"},
    {"REDIS_BACKOFF_MAX", "9s"},
    {"REDIS_HEALTH_CHECK_INTERVAL", "2m"},
    {"REDIS_LIVENESS_TIMEOUT", "3s"},
    {"REDIS_LANES", "4"},
    {"REDIS_MAX_LEASED", "99"},
    {"REDIS_LEASE_IDLE_TIMEOUT", "1h"},
    {"REDIS_LEASE_CHECK_AFTER", "1s"},
    {"REDIS_MAX_OPERATIONS", "5"},
    {"REDIS_MAX_OUTPUT_BYTES", "64k"},
    {"REDIS_MAX_REPLY_BYTES", "2m"},
    {"REDIS_MAX_REPLY_ELEMENTS", "777"},
    {"REDIS_MAX_REPLY_DEPTH", "9"},
};

TEST(config_from_env, each_variable_sets_its_option_and_no_other) {
  const config defaults;
  ASSERT_EQ(other_values.size(), all_options().size());
  for (const auto& [variable, value] : other_values) {
    const config read = from({{variable, value}});
    for (const auto& each : all_options()) {
      EXPECT_EQ(text_of(each, read), each.variable == variable ? value : text_of(each, defaults))
          << variable << " and " << each.name;
    }
    EXPECT_NE(value, text_of(find(variable), defaults)) << "the test says nothing about " << variable;
  }
}

TEST(config_from_env, names_and_members_agree) {
  const config read = from(other_values);
  EXPECT_EQ(read.url, "rediss://cache:7000/3");
  EXPECT_EQ(read.username, "hub");
  EXPECT_EQ(read.password, "p@ss word");
  EXPECT_EQ(read.client_name, "camera-hub");
  EXPECT_EQ(read.protocol, 2);
  EXPECT_EQ(read.tls.ca_file, "/ca.pem");
  EXPECT_EQ(read.tls.certificate_file, "/c.pem");
  EXPECT_EQ(read.tls.key_file, "/k.pem");
  EXPECT_EQ(read.tls.server_name, "redis.example");
  EXPECT_FALSE(read.tls.verify);
  EXPECT_EQ(read.timeout, 1500ms);
  EXPECT_EQ(read.connect_timeout, 7s);
  EXPECT_EQ(read.connect_attempts, 0U);
  EXPECT_EQ(read.backoff_initial, 10ms);
  EXPECT_EQ(read.backoff_max, 9s);
  EXPECT_EQ(read.health_check_interval, 2min);
  EXPECT_EQ(read.liveness_timeout, 3s);
  EXPECT_EQ(read.lanes, 4U);
  EXPECT_EQ(read.max_leased, 99U);
  EXPECT_EQ(read.lease_idle_timeout, 1h);
  EXPECT_EQ(read.lease_check_after, 1s);
  EXPECT_EQ(read.max_operations, 5U);
  EXPECT_EQ(read.max_output_bytes, 65536U);
  EXPECT_EQ(read.max_reply_bytes, 2U << 20);
  EXPECT_EQ(read.max_reply_elements, 777U);
  EXPECT_EQ(read.max_reply_depth, 9U);
}

TEST(config_from_env, value_that_cannot_be_read_is_named_with_what_is_accepted) {
  for (const auto& each : all_options()) {
    if (each.kind == option_kind::text) {
      continue;
    }
    const auto message = environment_error(each.variable, "5 parsecs");
    EXPECT_TRUE(contains(message, std::string(each.name) + " (" + each.variable + ") \"5 parsecs\": accepted is "))
        << each.variable << ": " << message;
  }
  EXPECT_TRUE(contains(environment_error("REDIS_TIMEOUT", "0"), "a duration from 1ms to 576h"));
  EXPECT_TRUE(contains(environment_error("REDIS_PROTOCOL", "4"), "a number from 2 to 3"));
  EXPECT_TRUE(contains(environment_error("REDIS_MAX_REPLY_BYTES", "1"), "a size from 1k to 1024g"));
  EXPECT_TRUE(contains(environment_error("REDIS_TLS_VERIFY", "x"), "true or false"));
}

TEST(config_from_env, both_ends_of_a_range_are_accepted_and_one_beyond_is_not) {
  for (const auto& each : all_options()) {
    if (each.kind == option_kind::text || each.kind == option_kind::flag) {
      continue;
    }
    for (const auto value : {each.least, each.most}) {
      EXPECT_EQ(number_of(each, from({{each.variable, to_text(each.kind, value)}})), value) << each.variable;
    }
    EXPECT_NE(environment_error(each.variable, to_text(each.kind, each.most + 1)), "") << each.variable;
    if (each.least > 0) {
      EXPECT_NE(environment_error(each.variable, to_text(each.kind, each.least - 1)), "") << each.variable;
    }
  }
}

TEST(config_from_env, bad_url_is_named_without_its_password) {
  const auto message = environment_error("REDIS_URL", "redis://:hush@cache:0");
  EXPECT_TRUE(contains(message, "REDIS_URL")) << message;
  EXPECT_TRUE(contains(message, "port")) << message;
  EXPECT_FALSE(contains(message, "hush")) << message;
}

TEST(config_from_env, long_and_unprintable_values_are_shortened) {
  const auto message = environment_error("REDIS_LANES", "a\n\x1b" + std::string(10'000, 'x'));
  EXPECT_LT(message.size(), 300U);
  EXPECT_FALSE(contains(message, "\n") || contains(message, "\x1b"));
}

TEST(config_from_env, reads_the_environment_of_the_process) {
  ::setenv("REDIS_LANES", "3", 1);
  const auto read = config::from_env();
  ::unsetenv("REDIS_LANES");
  EXPECT_EQ(read.lanes, 3U);
}

// --- Validation ------------------------------------------------------------------------------------------------------

TEST(config_validate, defaults_are_valid) { EXPECT_NO_THROW(config{}.validate()); }

TEST(config_validate, numbers_out_of_range_are_named) {
  EXPECT_TRUE(contains(error_of(config{.timeout = 0ms}), "timeout (REDIS_TIMEOUT) 0ms: accepted is a duration"));
  EXPECT_TRUE(contains(error_of(config{.timeout = -5s}), "timeout (REDIS_TIMEOUT) -5s"));
  EXPECT_TRUE(contains(error_of(config{.lanes = 0}), "lanes (REDIS_LANES) 0: accepted is a number from 1 to 1024"));
  EXPECT_TRUE(contains(error_of(config{.protocol = 1}), "protocol (REDIS_PROTOCOL) 1"));
  EXPECT_TRUE(contains(error_of(config{.max_leased = 0}), "max_leased"));
  EXPECT_TRUE(contains(error_of(config{.max_operations = 0}), "max_operations"));
  EXPECT_TRUE(
      contains(error_of(config{.max_reply_bytes = std::numeric_limits<std::size_t>::max()}), "max_reply_bytes"));
}

TEST(config_validate, zero_is_accepted_where_it_has_a_meaning) {
  const config settings{
      .connect_attempts = 0, .health_check_interval = 0ms, .lease_idle_timeout = 0ms, .lease_check_after = 0ms};
  EXPECT_NO_THROW(settings.validate());
}

TEST(config_validate, backoff_must_not_shrink) {
  const auto message = error_of(config{.backoff_initial = 3s, .backoff_max = 2s});
  EXPECT_TRUE(contains(message, "backoff_initial (REDIS_BACKOFF_INITIAL) 3s")) << message;
  EXPECT_TRUE(contains(message, "which is 2s")) << message;
  EXPECT_NO_THROW((config{.backoff_initial = 2s, .backoff_max = 2s}.validate()));
}

TEST(config_validate, certificate_and_key_come_together) {
  EXPECT_TRUE(contains(error_of(config{.tls = {.certificate_file = "/c"}}), "both or neither"));
  EXPECT_TRUE(contains(error_of(config{.tls = {.key_file = "/k"}}), "both or neither"));
  EXPECT_NO_THROW((config{.tls = {.certificate_file = "/c", .key_file = "/k"}}.validate()));
}

TEST(config_validate, client_name_is_what_redis_accepts) {
  EXPECT_NO_THROW(config{.client_name = ""}.validate());
  EXPECT_NO_THROW(config{.client_name = "hub-1@host!~"}.validate());
  for (const char* name : {"two words", "line\n", "caf\xc3\xa9", "\x7f"}) {
    EXPECT_TRUE(contains(error_of(config{.client_name = name}), "client_name (REDIS_CLIENT_NAME)")) << name;
  }
}

TEST(config_validate, bad_url_is_named) {
  EXPECT_TRUE(contains(error_of(config{.url = "http://cache"}), "url (REDIS_URL)"));
  EXPECT_TRUE(contains(error_of(config{.url = ""}), "url (REDIS_URL)"));
}

// --- The page docs/configuration.md ----------------------------------------------------------------------------------

// The rows of the page's tables of options: | `option` | `VARIABLE` | default | ...
std::map<std::string, std::vector<std::string>> documented_options() {
  std::map<std::string, std::vector<std::string>> rows;
  std::ifstream page(REDSTART_SOURCE_DIR "/docs/configuration.md");
  for (std::string line; std::getline(page, line);) {
    if (line.rfind("| `", 0) != 0 || !contains(line, "` | `REDIS_")) {
      continue;
    }
    std::vector<std::string> cells;
    std::istringstream rest(line.substr(2));
    for (std::string cell; std::getline(rest, cell, '|');) {
      cell.erase(0, cell.find_first_not_of(" `"));
      cell.erase(cell.find_last_not_of(" `") + 1);
      cells.push_back(cell);
    }
    rows[cells.at(1)] = cells;
  }
  return rows;
}

TEST(config_docs, page_lists_exactly_the_options_there_are) {
  std::set<std::string> documented;
  for (const auto& [variable, cells] : documented_options()) {
    documented.insert(cells.at(0) + " " + variable);
  }
  std::set<std::string> real;
  for (const auto& each : all_options()) {
    real.insert(std::string(each.name) + " " + each.variable);
  }
  EXPECT_EQ(documented, real);
}

TEST(config_docs, every_url_of_the_page_is_accepted) {
  std::ifstream page(REDSTART_SOURCE_DIR "/docs/configuration.md");
  int urls = 0;
  for (std::string line; std::getline(page, line);) {
    const auto end = line.find("` |");
    if (line.rfind("| `", 0) == 0 && line.substr(0, end).find(':') != std::string::npos) {
      EXPECT_NO_THROW(config{.url = line.substr(3, end - 3)}.validate()) << line;
      ++urls;
    }
  }
  EXPECT_GE(urls, 10);
}

TEST(config_docs, page_shows_the_real_defaults) {
  const auto rows = documented_options();
  for (const auto& each : all_options()) {
    const auto row = rows.find(each.variable);
    ASSERT_NE(row, rows.end()) << each.variable;
    const auto value = text_of(each, config{});
    EXPECT_EQ(row->second.at(2), value.empty() ? "empty" : value) << each.variable;
  }
}

TEST(config_docs, page_says_the_meaning_of_zero_where_zero_is_accepted) {
  const auto rows = documented_options();
  for (const auto& each : all_options()) {
    const bool number = each.kind != option_kind::text && each.kind != option_kind::flag;
    if (number && each.least == 0) {
      const auto row = rows.find(each.variable);
      ASSERT_NE(row, rows.end()) << each.variable;
      EXPECT_TRUE(contains(row->second.at(3), "0: ")) << each.variable;
    }
  }
}

}  // namespace
}  // namespace redstart
