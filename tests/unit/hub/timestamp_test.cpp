// SPDX-License-Identifier: MIT
#include "hub/timestamp.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace hub {
namespace {

using namespace std::chrono_literals;

constexpr auto first_of_2024 = std::chrono::local_days(std::chrono::year(2024) / 1 / 1);

moment at(std::chrono::sys_days day, std::chrono::milliseconds time) { return day + time; }

TEST(timestamp, the_specifications_form_has_no_zone) {
  const auto reading = parse_timestamp("2024-01-01T12:00:00");
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->wall, first_of_2024 + 12h);
  EXPECT_EQ(reading->utc_offset, std::nullopt);
}

TEST(timestamp, zones_are_read) {
  EXPECT_EQ(parse_timestamp("2024-01-01T12:00:00Z")->utc_offset, 0min);
  EXPECT_EQ(parse_timestamp("2024-01-01T12:00:00z")->utc_offset, 0min);
  EXPECT_EQ(parse_timestamp("2024-01-01T12:00:00+01:00")->utc_offset, 60min);
  EXPECT_EQ(parse_timestamp("2024-01-01T12:00:00-0330")->utc_offset, -210min);
  EXPECT_EQ(parse_timestamp("2024-01-01T12:00:00+05")->utc_offset, 300min);
}

TEST(timestamp, fractions_are_cut_at_milliseconds) {
  EXPECT_EQ(parse_timestamp("2024-01-01T00:00:00.5")->wall, first_of_2024 + 500ms);
  EXPECT_EQ(parse_timestamp("2024-01-01T00:00:00.123")->wall, first_of_2024 + 123ms);
  EXPECT_EQ(parse_timestamp("2024-01-01T00:00:00.123999Z")->wall, first_of_2024 + 123ms);
  EXPECT_EQ(parse_timestamp("2024-01-01T00:00:00,050Z")->wall, first_of_2024 + 50ms);
}

TEST(timestamp, a_space_may_stand_for_the_t_and_seconds_may_be_missing) {
  EXPECT_EQ(parse_timestamp("2024-01-01 12:34:56")->wall, first_of_2024 + 12h + 34min + 56s);
  EXPECT_EQ(parse_timestamp("2024-01-01T12:34")->wall, first_of_2024 + 12h + 34min);
  EXPECT_EQ(parse_timestamp("2024-01-01T12:34Z")->utc_offset, 0min);
}

TEST(timestamp, leap_days_exist_only_in_leap_years) {
  EXPECT_TRUE(parse_timestamp("2024-02-29T00:00:00"));
  EXPECT_FALSE(parse_timestamp("2023-02-29T00:00:00"));
  EXPECT_FALSE(parse_timestamp("1900-02-29T00:00:00"));
  EXPECT_FALSE(parse_timestamp("2024-02-30T00:00:00"));
}

TEST(timestamp, anything_else_is_refused) {
  for (const char* text : {"",
                           "now",
                           "2024",
                           "2024-01-01",
                           "2024-01-01T",
                           "2024-01-01T12",
                           "2024-01-01T12:",
                           "2024-1-1T12:00:00",
                           "24-01-01T12:00:00",
                           "2024-13-01T12:00:00",
                           "2024-00-01T12:00:00",
                           "2024-01-00T12:00:00",
                           "2024-01-32T12:00:00",
                           "2024-01-01T24:00:00",
                           "2024-01-01T12:60:00",
                           "2024-01-01T12:00:60",
                           "2024-01-01T12:00:00.",
                           "2024/01/01T12:00",
                           "2024-01-01T12:00:00 ",
                           " 2024-01-01T12:00:00",
                           "2024-01-01T12:00:00+",
                           "2024-01-01T12:00:00+1",
                           "2024-01-01T12:00:00+24:00",
                           "2024-01-01T12:00:00+01:60",
                           "2024-01-01T12:00:00+01:0",
                           "2024-01-01T12:00:00ZZ",
                           "-2024-01-01T12:00:00",
                           "2024-01-01T-1:00:00",
                           "2024-01-01T12:00:00+01:"}) {
    EXPECT_FALSE(parse_timestamp(text)) << text;
  }
}

TEST(timestamp, every_cut_of_a_good_text_is_refused_or_good_but_never_read_beyond_its_end) {
  const std::string whole = "2024-01-01T12:00:00.250+01:00";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const std::string cut(whole, 0, size);  // of its own, so that a sanitizer sees what is read beyond
    const bool good = size == 16 || size == 19 || (size >= 21 && size <= 23) || size == 26 || size == 29;
    EXPECT_EQ(parse_timestamp(cut).has_value(), good) << cut;
  }
}

TEST(timestamp, iso_is_written_with_milliseconds_and_read_back) {
  const moment time = at(std::chrono::sys_days(std::chrono::year(2024) / 2 / 29), 1h + 2min + 3s + 4ms);
  EXPECT_EQ(to_iso(time), "2024-02-29T01:02:03.004Z");
  EXPECT_EQ(to_iso(moment()), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_iso(moment(-1ms)), "1969-12-31T23:59:59.999Z");
  const auto reading = parse_timestamp(to_iso(time));
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->wall.time_since_epoch(), time.time_since_epoch());
}

TEST(timestamp, the_offset_of_the_machines_zone_follows_summer_time) {
  const char* before = std::getenv("TZ");
  const std::string saved = before ? before : "";
  ::setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  ::tzset();
  EXPECT_EQ(system_utc_offset(at(std::chrono::sys_days(std::chrono::year(2024) / 1 / 1), 0ms)), 60min);
  EXPECT_EQ(system_utc_offset(at(std::chrono::sys_days(std::chrono::year(2024) / 7 / 1), 0ms)), 120min);
  before ? ::setenv("TZ", saved.c_str(), 1) : ::unsetenv("TZ");
  ::tzset();
}

}  // namespace
}  // namespace hub
