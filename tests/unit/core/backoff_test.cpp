// SPDX-License-Identifier: MIT
#include "core/backoff.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <random>

namespace redstart::core {
namespace {

using namespace std::chrono_literals;

const random_source highest = [] { return std::numeric_limits<std::uint64_t>::max(); };
const random_source lowest = [] { return std::uint64_t{0}; };
const random_source half = [] { return std::uint64_t{1} << 63; };

TEST(backoff, bound_starts_at_initial_doubles_and_stops_at_max) {
  backoff waits(50ms, 2000ms, half);
  for (auto bound : {50ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 2000ms, 2000ms}) {
    EXPECT_EQ(waits.next(), bound / 2);
  }
}

TEST(backoff, wait_stays_below_its_bound) {
  backoff waits(50ms, 2000ms, highest);
  for (auto bound : {50ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 2000ms}) {
    const auto wait = waits.next();
    EXPECT_LT(wait, bound);
    EXPECT_GT(wait, bound - 1us);
  }
}

TEST(backoff, wait_is_never_below_a_millisecond) {
  backoff waits(50ms, 2000ms, lowest);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(waits.next(), 1ms);
  backoff tiny(1us, 1us, highest);
  EXPECT_EQ(tiny.next(), 1ms);
}

TEST(backoff, jitter_is_full) {
  std::mt19937_64 generator(7);
  const random_source random = [&] { return generator(); };
  backoff waits(1000ms, 1000ms, random);
  std::array<int, 10> histogram{};
  for (int i = 0; i < 10000; ++i) ++histogram[static_cast<std::size_t>(waits.next() / 100ms)];
  for (int count : histogram) EXPECT_NEAR(count, 1000, 150);
}

TEST(backoff, reset_starts_again_at_initial) {
  backoff waits(50ms, 2000ms, half);
  EXPECT_EQ(waits.attempts(), 0U);
  for (int i = 0; i < 5; ++i) waits.next();
  EXPECT_EQ(waits.attempts(), 5U);
  waits.reset();
  EXPECT_EQ(waits.attempts(), 0U);
  EXPECT_EQ(waits.next(), 25ms);
  EXPECT_EQ(waits.attempts(), 1U);
}

TEST(backoff, max_below_initial_bounds_the_first_wait_too) {
  backoff waits(500ms, 100ms, half);
  EXPECT_EQ(waits.next(), 50ms);
  EXPECT_EQ(waits.next(), 50ms);
}

TEST(backoff, longest_durations_do_not_overflow) {
  backoff waits(24h, backoff::duration::max(), highest);
  backoff::duration last = 0ms;
  for (int i = 0; i < 200; ++i) {
    const auto wait = waits.next();
    EXPECT_GE(wait, last);
    last = wait;
  }
  EXPECT_EQ(waits.attempts(), 200U);
}

TEST(backoff, wait_for_a_given_count_is_what_next_returns_after_as_many) {
  for (const random_source* random : {&lowest, &half, &highest}) {
    backoff waits(50ms, 2000ms, *random);
    for (unsigned failed = 0; failed < 12; ++failed) {
      EXPECT_EQ(backoff::wait(50ms, 2000ms, failed, *random), waits.next()) << failed;
    }
  }
}

TEST(backoff, wait_for_any_count_is_capped_and_quick) {
  EXPECT_EQ(backoff::wait(50ms, 2000ms, std::numeric_limits<unsigned>::max(), half), 1000ms);
  EXPECT_EQ(backoff::wait(500ms, 100ms, 3, half), 50ms);
  EXPECT_EQ(backoff::wait(1ms, backoff::duration::max(), 1000, lowest), 1ms);
  EXPECT_GT(backoff::wait(1ms, backoff::duration::max(), 1000, highest), 24h * 365 * 200);
}

TEST(backoff, copies_count_on_their_own) {
  backoff one(50ms, 2000ms, half);
  one.next();
  backoff other = one;
  other.next();
  EXPECT_EQ(one.attempts(), 1U);
  EXPECT_EQ(one.next(), 50ms);
  EXPECT_EQ(other.next(), 100ms);
}

}  // namespace
}  // namespace redstart::core
