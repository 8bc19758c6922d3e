// SPDX-License-Identifier: MIT
#include "core/liveness.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <random>

namespace redstart::core {

void PrintTo(liveness_action action, std::ostream* out) {
  *out << (action == liveness_action::nothing ? "nothing" : action == liveness_action::ping ? "ping" : "dead");
}

namespace {

using namespace std::chrono_literals;
using time_point = liveness::time_point;
using enum liveness_action;

const time_point start = time_point{} + 1h;
constexpr std::chrono::milliseconds interval = 30s;
constexpr std::chrono::milliseconds timeout = 5s;

// Expects `action` at `at`, "nothing" just before it, and that `next()` had announced exactly that moment.
void expect_at(liveness& machine, time_point at, liveness_action action) {
  EXPECT_EQ(machine.next(), at);
  EXPECT_EQ(machine.check(at - 1ns), nothing);
  EXPECT_EQ(machine.check(at), action);
}

TEST(liveness, idle_connection_is_asked_after_the_interval) {
  liveness machine(interval, timeout, start);
  EXPECT_EQ(machine.check(start), nothing);
  expect_at(machine, start + interval, ping);
}

TEST(liveness, ping_is_sent_once) {
  liveness machine(interval, timeout, start);
  ASSERT_EQ(machine.check(start + interval), ping);
  EXPECT_EQ(machine.check(start + interval), nothing);
  EXPECT_EQ(machine.check(start + interval + timeout - 1ns), nothing);
}

TEST(liveness, idle_connection_is_dead_when_its_ping_stays_unanswered) {
  liveness machine(interval, timeout, start);
  ASSERT_EQ(machine.check(start + interval), ping);
  expect_at(machine, start + interval + timeout, dead);
}

TEST(liveness, death_counts_from_the_moment_the_ping_was_really_sent) {
  liveness machine(interval, timeout, start);
  ASSERT_EQ(machine.check(start + interval + 3s), ping);
  expect_at(machine, start + interval + 3s + timeout, dead);
}

TEST(liveness, any_byte_is_life_and_starts_the_interval_anew) {
  liveness machine(interval, timeout, start);
  machine.received(start + 29s);
  expect_at(machine, start + 29s + interval, ping);
  machine.received(start + 60s);
  EXPECT_EQ(machine.check(start + 70s), nothing);
  expect_at(machine, start + 60s + interval, ping);
}

TEST(liveness, interval_of_zero_never_asks_an_idle_connection) {
  liveness machine(0s, timeout, start);
  EXPECT_EQ(machine.next(), time_point::max());
  EXPECT_EQ(machine.check(start + 24h * 365), nothing);
}

TEST(liveness, interval_of_zero_still_asks_when_an_answer_is_due) {
  liveness machine(0s, timeout, start);
  machine.awaiting(true, start + 1h);
  expect_at(machine, start + 1h + timeout / 2, ping);
  expect_at(machine, start + 1h + timeout, dead);
}

TEST(liveness, silence_before_an_answer_became_due_is_no_evidence) {
  liveness machine(interval, timeout, start);
  machine.awaiting(true, start + 29s);
  EXPECT_EQ(machine.check(start + 30s), nothing);
  expect_at(machine, start + 29s + timeout / 2, ping);
  expect_at(machine, start + 29s + timeout, dead);
}

TEST(liveness, sending_more_does_not_put_death_off) {
  liveness machine(interval, timeout, start);
  machine.awaiting(true, start);
  for (auto passed = 0ms; passed < timeout; passed += 100ms) machine.awaiting(true, start + passed);
  ASSERT_EQ(machine.check(start + timeout / 2), ping);
  expect_at(machine, start + timeout, dead);
}

TEST(liveness, bytes_put_death_off_while_answers_are_due) {
  liveness machine(interval, timeout, start);
  machine.awaiting(true, start);
  for (auto passed = 0s; passed < 60s; passed += 2s) {
    machine.received(start + passed);
    EXPECT_EQ(machine.check(start + passed), nothing);
  }
  expect_at(machine, start + 58s + timeout / 2, ping);
  expect_at(machine, start + 58s + timeout, dead);
}

TEST(liveness, slow_answer_is_no_death_while_the_ping_before_it_is_echoed) {
  // A long reply or a big value on its way: bytes come, so it lives, and the next silence is asked about again.
  liveness machine(interval, timeout, start);
  machine.awaiting(true, start);
  ASSERT_EQ(machine.check(start + timeout / 2), ping);
  machine.received(start + 3s);
  EXPECT_EQ(machine.check(start + timeout), nothing);
  expect_at(machine, start + 3s + timeout / 2, ping);
}

TEST(liveness, everything_answered_makes_it_idle_again) {
  liveness machine(interval, timeout, start);
  machine.awaiting(true, start + 1s);
  machine.received(start + 2s);
  machine.awaiting(false, start + 2s);
  expect_at(machine, start + 2s + interval, ping);
}

TEST(liveness, each_wait_counts_from_its_own_beginning) {
  liveness machine(interval, timeout, start);
  machine.awaiting(true, start + 1s);
  machine.received(start + 2s);
  machine.awaiting(false, start + 2s);
  machine.awaiting(true, start + 20s);
  expect_at(machine, start + 20s + timeout / 2, ping);
}

TEST(liveness, ping_of_an_idle_connection_is_itself_an_answer_due) {
  // The driver reports its own PING as due; that must not send another or move the limit.
  liveness machine(interval, timeout, start);
  ASSERT_EQ(machine.check(start + interval), ping);
  machine.awaiting(true, start + interval);
  EXPECT_EQ(machine.check(start + interval + timeout / 2), nothing);
  expect_at(machine, start + interval + timeout, dead);
}

TEST(liveness, answer_due_after_an_unanswered_ping_does_not_put_death_off) {
  liveness machine(interval, timeout, start);
  ASSERT_EQ(machine.check(start + interval), ping);
  machine.awaiting(true, start + interval + 4s);
  expect_at(machine, start + interval + timeout, dead);
}

TEST(liveness, nothing_due_any_more_does_not_forget_the_ping) {
  liveness machine(interval, timeout, start);
  machine.awaiting(true, start);
  ASSERT_EQ(machine.check(start + timeout / 2), ping);
  machine.awaiting(false, start + 4s);
  expect_at(machine, start + timeout / 2 + timeout, dead);
}

TEST(liveness, dead_stays_dead_until_something_is_received) {
  liveness machine(interval, timeout, start);
  machine.awaiting(true, start);
  EXPECT_EQ(machine.check(start + timeout), dead);
  EXPECT_EQ(machine.check(start + 1h), dead);
}

// The promise itself, for any history: with a driver that wakes when `next()` says, silence with an answer due is
// found exactly `timeout` after it began, idle silence after `interval + timeout`, and a peer that speaks never dies.
TEST(liveness, random_histories_keep_the_promise) {
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    liveness machine(interval, timeout, start);
    time_point now = start, last_byte = start, due_since = start;
    bool due = false, pinged = false;
    for (int i = 0; i < 30; ++i) {
      const time_point event = now + std::chrono::milliseconds(random() % 4900);
      while (machine.next() <= event) {
        now = machine.next();
        const auto action = machine.check(now);
        ASSERT_EQ(action, ping) << "a peer that speaks every 4.9 s died, or a wake-up was for nothing, seed " << seed;
        ASSERT_FALSE(pinged) << "two pings in one silence";
        pinged = true;
      }
      now = event;
      machine.received(now);
      last_byte = now;
      pinged = false;
      if (random() % 2 == 0) {
        if (!due) due_since = now;
        due = !due;
        machine.awaiting(due, now);
      }
    }
    const bool becomes_due = !due && random() % 2 == 0;
    if (becomes_due) {
      due = true;
      due_since = now + 1s;
      ASSERT_EQ(machine.check(due_since), nothing);
      machine.awaiting(true, due_since);
    }
    int pings = 0;
    auto action = nothing;
    while (action != dead) {
      now = machine.next();
      action = machine.check(now);
      ASSERT_NE(action, nothing);
      pings += action == ping ? 1 : 0;
    }
    EXPECT_EQ(pings, 1);
    EXPECT_EQ(now, due ? std::max(last_byte, due_since) + timeout : last_byte + interval + timeout) << seed;
  }
}

}  // namespace
}  // namespace redstart::core
