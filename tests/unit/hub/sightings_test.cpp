// SPDX-License-Identifier: MIT
#include "hub/sightings.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hub {
namespace {

using namespace std::chrono_literals;

moment at(std::chrono::milliseconds time) { return moment(1'000'000s + time); }

TEST(sightings, separate_sightings_are_counted) {
  sightings seen;
  EXPECT_EQ(seen.note("1", "person", at(0s)), 1u);
  EXPECT_EQ(seen.note("1", "person", at(1min)), 2u);
  EXPECT_EQ(seen.note("1", "person", at(2min)), 3u);
  EXPECT_EQ(seen.note("1", "person", at(3min)), 3u) << "no further";
}

TEST(sightings, what_stays_in_view_is_seen_once) {
  sightings seen;
  for (int second = 0; second < 3000; second += 30) {
    EXPECT_EQ(seen.note("1", "person", at(std::chrono::seconds(second))), 1u) << second;
  }
}

TEST(sightings, one_that_lasts_still_counts_from_where_it_began) {
  sightings seen;
  seen.note("1", "person", at(0s));
  seen.note("1", "person", at(1min));
  EXPECT_EQ(seen.note("1", "person", at(2min)), 3u);
  EXPECT_EQ(seen.note("1", "person", at(2min + 20s)), 3u) << "the same sighting";
}

TEST(sightings, those_before_the_window_do_not_count) {
  sightings seen;
  seen.note("1", "person", at(0s));
  seen.note("1", "person", at(6min));
  EXPECT_EQ(seen.note("1", "person", at(10min - 1ms)), 3u);
  sightings later;
  later.note("1", "person", at(0s));
  later.note("1", "person", at(6min));
  EXPECT_EQ(later.note("1", "person", at(10min)), 2u);
  EXPECT_EQ(later.note("1", "person", at(60min)), 1u);
}

TEST(sightings, cameras_and_kinds_are_apart) {
  sightings seen;
  seen.note("1", "person", at(0s));
  seen.note("1", "person", at(1min));
  EXPECT_EQ(seen.note("2", "person", at(2min)), 1u);
  EXPECT_EQ(seen.note("1", "car", at(2min)), 1u);
  EXPECT_EQ(seen.note("1p", "erson", at(2min)), 1u);
  EXPECT_EQ(seen.note("1", "person", at(2min)), 3u);
}

TEST(sightings, an_event_that_was_overtaken_is_no_sighting_of_its_own) {
  sightings seen;
  seen.note("1", "person", at(5min));
  EXPECT_EQ(seen.note("1", "person", at(3min)), 1u);
  EXPECT_EQ(seen.note("1", "person", at(5min + 10s)), 1u);
}

TEST(sightings, a_clock_that_was_set_back_starts_anew) {
  sightings seen;
  seen.note("1", "person", at(24h));
  EXPECT_EQ(seen.note("1", "person", at(0s)), 1u);
  EXPECT_EQ(seen.note("1", "person", at(1min)), 2u);
}

TEST(sightings, memory_is_bounded) {
  sightings seen(100);
  for (int i = 0; i < 10'000; ++i) seen.note(std::to_string(i), "person", at(0s));
  EXPECT_EQ(seen.size(), 100u);
}

}  // namespace
}  // namespace hub
