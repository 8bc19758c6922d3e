// SPDX-License-Identifier: MIT
#include "web/peer_limits.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace redstart::web {
namespace {

using namespace std::chrono_literals;

class limits : public ::testing::Test {
 protected:
  // One time for a test, turned by hand.
  peer_limits::time_point now{1h};
};

TEST_F(limits, connections_up_to_the_bound_enter) {
  peer_limits door({.max_connections = 2, .max_connections_per_peer = 2});
  EXPECT_TRUE(door.enter("a"));
  EXPECT_TRUE(door.enter("b"));
  EXPECT_FALSE(door.enter("c"));
  EXPECT_EQ(door.connections(), 2u);
  door.leave("a", now);
  EXPECT_TRUE(door.enter("c"));
  EXPECT_FALSE(door.enter("a"));
}

TEST_F(limits, one_peer_cannot_take_the_places_of_others) {
  peer_limits door({.max_connections = 10, .max_connections_per_peer = 2});
  EXPECT_TRUE(door.enter("greedy"));
  EXPECT_TRUE(door.enter("greedy"));
  EXPECT_FALSE(door.enter("greedy"));
  EXPECT_TRUE(door.enter("other"));
  EXPECT_EQ(door.connections(), 3u);
  door.leave("greedy", now);
  EXPECT_TRUE(door.enter("greedy"));
}

TEST_F(limits, leaving_without_having_entered_changes_nothing) {
  peer_limits door({.max_connections = 1, .max_connections_per_peer = 1});
  door.leave("stranger", now);
  EXPECT_EQ(door.connections(), 0u);
  EXPECT_TRUE(door.enter("a"));
  door.leave("stranger", now);
  EXPECT_FALSE(door.enter("b"));
}

TEST_F(limits, a_peer_that_was_refused_or_left_is_forgotten) {
  peer_limits door({.max_connections = 1, .max_connections_per_peer = 1});
  EXPECT_TRUE(door.enter("a"));
  EXPECT_FALSE(door.enter("b"));
  EXPECT_EQ(door.peers(), 1u);
  door.leave("a", now);
  EXPECT_EQ(door.peers(), 0u);
}

TEST_F(limits, without_a_rate_every_request_is_answered_and_nobody_remembered) {
  peer_limits door({.max_connections = 1, .max_connections_per_peer = 1});
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(door.refuse("a", now));
  EXPECT_EQ(door.peers(), 0u);
}

TEST_F(limits, a_second_s_worth_may_come_at_once_and_no_more) {
  peer_limits door({.max_connections = 1, .max_connections_per_peer = 1, .requests_per_second = 5});
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(door.refuse("a", now)) << i;
  const auto wait = door.refuse("a", now);
  ASSERT_TRUE(wait);
  EXPECT_EQ(*wait, 200ms);
  EXPECT_FALSE(door.refuse("b", now)) << "the bound is each peer's own";
}

TEST_F(limits, waiting_as_long_as_was_said_suffices) {
  peer_limits door({.max_connections = 1, .max_connections_per_peer = 1, .requests_per_second = 3});
  while (!door.refuse("a", now)) {
  }
  for (int i = 0; i < 10; ++i) {
    const auto wait = door.refuse("a", now);
    ASSERT_TRUE(wait);
    EXPECT_TRUE(door.refuse("a", now + *wait - 1ms)) << "not before";
    now += *wait;
    EXPECT_FALSE(door.refuse("a", now)) << i;
  }
}

TEST_F(limits, refused_requests_do_not_put_the_next_one_off) {
  peer_limits door({.max_connections = 1, .max_connections_per_peer = 1, .requests_per_second = 1});
  EXPECT_FALSE(door.refuse("a", now));
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(door.refuse("a", now += 100ms)) << i;
  EXPECT_FALSE(door.refuse("a", now += 101ms));
}

TEST_F(limits, silence_saves_up_one_second_only) {
  peer_limits door({.max_connections = 1, .max_connections_per_peer = 1, .requests_per_second = 2});
  EXPECT_FALSE(door.refuse("a", now));
  now += 1h;
  EXPECT_FALSE(door.refuse("a", now));
  EXPECT_FALSE(door.refuse("a", now));
  EXPECT_TRUE(door.refuse("a", now));
}

TEST_F(limits, less_than_one_a_second_still_lets_the_first_through) {
  peer_limits door({.max_connections = 1, .max_connections_per_peer = 1, .requests_per_second = 0.5});
  EXPECT_FALSE(door.refuse("a", now));
  const auto wait = door.refuse("a", now);
  ASSERT_TRUE(wait);
  EXPECT_EQ(*wait, 2s);
}

TEST_F(limits, time_that_goes_back_gives_nothing) {
  peer_limits door({.max_connections = 1, .max_connections_per_peer = 1, .requests_per_second = 1});
  EXPECT_FALSE(door.refuse("a", now));
  EXPECT_TRUE(door.refuse("a", now - 10s));
  EXPECT_TRUE(door.refuse("a", now));
}

TEST_F(limits, peers_that_are_quiet_are_forgotten_and_busy_ones_are_not) {
  peer_limits door({.max_connections = 2000, .max_connections_per_peer = 1, .requests_per_second = 10});
  ASSERT_TRUE(door.enter("stays"));
  for (int i = 0; i < 1000; ++i) (void)door.refuse("peer " + std::to_string(i), now);
  EXPECT_EQ(door.peers(), 1001u);
  door.forget_quiet(now);
  EXPECT_EQ(door.peers(), 1001u) << "a peer that comes back at once must not find its bucket full";
  door.forget_quiet(now + 100ms);
  EXPECT_EQ(door.peers(), 1u) << "the connected one stays known";
  EXPECT_FALSE(door.enter("stays"));
}

TEST_F(limits, coming_anew_does_not_refill_the_bucket) {
  peer_limits door({.max_connections = 1, .max_connections_per_peer = 1, .requests_per_second = 1});
  ASSERT_TRUE(door.enter("a"));
  EXPECT_FALSE(door.refuse("a", now));
  door.leave("a", now);
  ASSERT_TRUE(door.enter("a"));
  EXPECT_TRUE(door.refuse("a", now));
}

TEST_F(limits, threads_do_not_lose_count) {
  peer_limits door({.max_connections = 100, .max_connections_per_peer = 100, .requests_per_second = 1000});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&door, this, name = std::string(1, static_cast<char>('a' + t % 2))] {
      for (int i = 0; i < 500; ++i) {
        ASSERT_TRUE(door.enter(name));
        (void)door.refuse(name, now);
        door.forget_quiet(now);
        door.leave(name, now);
      }
    });
  }
  for (auto& each : threads) each.join();
  EXPECT_EQ(door.connections(), 0u);
}

}  // namespace
}  // namespace redstart::web
