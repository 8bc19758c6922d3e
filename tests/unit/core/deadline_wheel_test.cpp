// SPDX-License-Identifier: MIT
#include "core/deadline_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

namespace redstart::core {
namespace {

using namespace std::chrono_literals;
using time_point = deadline_wheel::time_point;

const time_point origin = time_point{} + 1234567891ns;  // not on a round millisecond of the clock

std::vector<deadline_hook*> expired(deadline_wheel& wheel, time_point now) {
  std::vector<deadline_hook*> hooks;
  wheel.expire(now, [&](deadline_hook& hook) { hooks.push_back(&hook); });
  return hooks;
}

TEST(deadline_wheel, empty_wheel_asks_for_nothing) {
  deadline_wheel wheel(origin);
  EXPECT_TRUE(wheel.empty());
  EXPECT_FALSE(wheel.next());
  EXPECT_TRUE(expired(wheel, origin + 24h).empty());
  EXPECT_FALSE(wheel.next());
}

TEST(deadline_wheel, hook_expires_at_its_deadline_and_not_before) {
  deadline_wheel wheel(origin);
  deadline_hook hook;
  wheel.insert(hook, origin + 5s);
  EXPECT_TRUE(hook.linked());
  EXPECT_FALSE(wheel.empty());
  EXPECT_TRUE(expired(wheel, origin + 5s - 1ns).empty());
  EXPECT_TRUE(hook.linked());
  EXPECT_EQ(expired(wheel, origin + 5s), std::vector{&hook});
  EXPECT_FALSE(hook.linked());
  EXPECT_TRUE(wheel.empty());
}

TEST(deadline_wheel, fraction_of_a_tick_is_rounded_up) {
  deadline_wheel wheel(origin);
  deadline_hook hook;
  wheel.insert(hook, origin + 10ms + 1ns);
  EXPECT_TRUE(expired(wheel, origin + 10ms + 999us).empty());
  EXPECT_EQ(expired(wheel, origin + 11ms).size(), 1U);
}

TEST(deadline_wheel, passed_deadline_expires_on_the_next_call) {
  deadline_wheel wheel(origin);
  expired(wheel, origin + 1h);
  deadline_hook past, present, before_origin, before_everything;
  wheel.insert(past, origin + 1h - 1ms);
  wheel.insert(present, origin + 1h);
  wheel.insert(before_origin, origin - 1s);
  wheel.insert(before_everything, time_point::min());
  ASSERT_TRUE(wheel.next());
  EXPECT_LE(*wheel.next(), origin + 1h);
  EXPECT_EQ(expired(wheel, origin + 1h).size(), 4U);
  EXPECT_TRUE(wheel.empty());
}

TEST(deadline_wheel, farthest_deadline_of_the_clock_waits) {
  deadline_wheel wheel(origin);
  deadline_hook hook;
  wheel.insert(hook, time_point::max());
  EXPECT_TRUE(expired(wheel, origin + 24h * 365 * 200).empty());
  ASSERT_TRUE(wheel.next());
  EXPECT_LE(*wheel.next(), time_point::max());
  wheel.remove(hook);
  EXPECT_TRUE(wheel.empty());
  EXPECT_FALSE(wheel.next());
}

TEST(deadline_wheel, next_near_the_end_of_the_clock_does_not_overflow) {
  deadline_wheel wheel(origin);
  deadline_hook hook;
  const auto whole = std::chrono::floor<std::chrono::milliseconds>(time_point::max() - origin);
  expired(wheel, origin + whole - 1ms);
  wheel.insert(hook, time_point::max());
  EXPECT_EQ(wheel.next(), time_point::max());
  EXPECT_TRUE(expired(wheel, time_point::max()).empty()) << "rounded up, it lies past the end";
}

TEST(deadline_wheel, removed_hook_never_expires_and_leaves_no_wake_up) {
  deadline_wheel wheel(origin);
  for (auto deadline : {0ms, 1ms, 63ms, 64ms, 5000ms, 3600000ms}) {
    deadline_hook hook;
    wheel.insert(hook, origin + deadline);
    wheel.remove(hook);
    EXPECT_FALSE(hook.linked());
    EXPECT_TRUE(wheel.empty()) << deadline.count();
    EXPECT_FALSE(wheel.next()) << deadline.count();
  }
  EXPECT_TRUE(expired(wheel, origin + 2h).empty());
}

TEST(deadline_wheel, removing_twice_or_before_inserting_does_nothing) {
  deadline_wheel wheel(origin);
  deadline_hook never_inserted, hook, neighbour;
  wheel.remove(never_inserted);
  wheel.insert(hook, origin + 5ms);
  wheel.insert(neighbour, origin + 5ms);
  wheel.remove(hook);
  wheel.remove(hook);
  EXPECT_EQ(expired(wheel, origin + 5ms), std::vector{&neighbour});
}

TEST(deadline_wheel, removing_one_of_a_slot_keeps_the_others) {
  deadline_wheel wheel(origin);
  std::deque<deadline_hook> hooks(3);
  for (std::size_t removed = 0; removed < 3; ++removed) {
    for (deadline_hook& hook : hooks) wheel.insert(hook, origin + 100ms);
    wheel.remove(hooks[removed]);
    EXPECT_TRUE(wheel.next());
    EXPECT_FALSE(wheel.empty());
    for (deadline_hook& hook : hooks) wheel.remove(hook);
    EXPECT_TRUE(wheel.empty());
  }
}

TEST(deadline_wheel, hooks_expire_in_the_order_of_their_ticks) {
  deadline_wheel wheel(origin);
  std::deque<deadline_hook> hooks(200);
  for (std::size_t i = 0; i < hooks.size(); ++i) wheel.insert(hooks[i], origin + 37ms * ((i * 71) % hooks.size()));
  const auto order = expired(wheel, origin + 1h);
  ASSERT_EQ(order.size(), hooks.size());
  EXPECT_TRUE(
      std::is_sorted(order.begin(), order.end(), [](auto* left, auto* right) { return left->tick < right->tick; }));
}

TEST(deadline_wheel, jump_of_the_clock_by_hours_expires_everything_between) {
  deadline_wheel wheel(origin);
  deadline_hook soon, later, after;
  wheel.insert(soon, origin + 3ms);
  wheel.insert(later, origin + 7h);
  wheel.insert(after, origin + 9h);
  EXPECT_EQ(expired(wheel, origin + 8h), (std::vector{&soon, &later}));
  EXPECT_EQ(expired(wheel, origin + 9h), std::vector{&after});
}

TEST(deadline_wheel, clock_that_stands_or_steps_back_harms_nothing) {
  deadline_wheel wheel(origin);
  deadline_hook hook;
  expired(wheel, origin + 10s);
  wheel.insert(hook, origin + 11s);
  EXPECT_TRUE(expired(wheel, origin + 1s).empty());
  EXPECT_TRUE(expired(wheel, origin - 1s).empty());
  EXPECT_TRUE(expired(wheel, origin + 10s).empty());
  EXPECT_EQ(expired(wheel, origin + 11s).size(), 1U);
}

TEST(deadline_wheel, callback_may_remove_others_that_are_due_in_the_same_call) {
  deadline_wheel wheel(origin);
  std::deque<deadline_hook> hooks(10);
  for (deadline_hook& hook : hooks) wheel.insert(hook, origin + 5ms);
  std::size_t calls = 0;
  wheel.expire(origin + 1s, [&](deadline_hook&) {
    ++calls;
    for (deadline_hook& hook : hooks) wheel.remove(hook);
  });
  EXPECT_EQ(calls, 1U);
  EXPECT_TRUE(wheel.empty());
  EXPECT_FALSE(wheel.next());
}

TEST(deadline_wheel, callback_sees_its_hook_unlinked_and_may_destroy_it) {
  deadline_wheel wheel(origin);
  std::map<deadline_hook*, std::unique_ptr<deadline_hook>> owned;
  for (int i = 0; i < 50; ++i) {
    auto hook = std::make_unique<deadline_hook>();
    wheel.insert(*hook, origin + i * 10ms);
    owned[hook.get()] = std::move(hook);
  }
  wheel.expire(origin + 1s, [&](deadline_hook& hook) {
    EXPECT_FALSE(hook.linked());
    owned.erase(&hook);
  });
  EXPECT_TRUE(owned.empty());
}

TEST(deadline_wheel, what_a_callback_inserts_waits_for_the_next_call) {
  deadline_wheel wheel(origin);
  deadline_hook again, helper;
  wheel.insert(again, origin + 5ms);
  int calls = 0;
  wheel.expire(origin + 1s, [&](deadline_hook& hook) {
    ++calls;
    wheel.insert(hook, origin + 6ms);  // passed long ago: would run for ever if it were taken at once
    wheel.insert(helper, origin + 2s);
  });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(wheel.next(), origin + 1s);
  EXPECT_EQ(expired(wheel, origin + 1s), std::vector{&again});
  EXPECT_EQ(expired(wheel, origin + 2s), std::vector{&helper});
}

TEST(deadline_wheel, callback_that_throws_loses_no_hook) {
  deadline_wheel wheel(origin);
  deadline_hook first, second, third;
  for (deadline_hook* hook : {&first, &second, &third}) wheel.insert(*hook, origin + 5ms);
  EXPECT_THROW(wheel.expire(origin + 5ms, [](deadline_hook&) { throw std::runtime_error("no"); }), std::runtime_error);
  ASSERT_TRUE(wheel.next());
  EXPECT_LE(*wheel.next(), origin + 5ms);
  EXPECT_EQ(expired(wheel, origin + 5ms), (std::vector{&second, &third}));
}

TEST(deadline_wheel, waking_only_when_asked_finds_every_deadline_on_its_tick_with_few_wake_ups) {
  for (auto deadline : {1ms, 63ms, 64ms, 65ms, 4095ms, 4096ms, 5000ms, 300000ms, 86400000ms}) {
    deadline_wheel wheel(origin);
    deadline_hook hook;
    time_point now = origin + 4711ms;
    expired(wheel, now);
    wheel.insert(hook, now + deadline);
    int wake_ups = 0;
    while (hook.linked()) {
      const auto at = wheel.next();
      ASSERT_TRUE(at);
      ASSERT_GT(*at, now);
      now = *at;
      expired(wheel, now);
      ++wake_ups;
    }
    EXPECT_EQ(now, origin + 4711ms + deadline);
    EXPECT_LE(wake_ups, 6) << deadline.count();
  }
}

// --- Against a model -------------------------------------------------------------------------------------------------

struct entry : deadline_hook {
  time_point deadline;
  std::multimap<time_point, entry*>::iterator in_model;
};

class wheel_and_model {
 public:
  explicit wheel_and_model(std::uint32_t seed) : random_(seed) {
    for (entry& one : entries_) idle_.push_back(&one);
  }

  void step() {
    const auto choice = below(100);
    if (choice < 45) {
      insert();
    } else if (choice < 75) {
      remove_any();
    } else {
      advance();
    }
    check_next();
  }

  void finish() {
    for (int i = 0; i < 100 && !model_.empty(); ++i) {
      now_ = std::max(now_, model_.rbegin()->first) + 1ms;
      expire();
    }
    EXPECT_TRUE(wheel_.empty());
    EXPECT_GT(expired_, 10000U);
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  // All magnitudes alike: nanoseconds to days, and sometimes the past.
  std::chrono::nanoseconds some_time() { return std::chrono::nanoseconds(random_() >> (16 + below(48))); }

  void insert() {
    if (idle_.empty()) return;
    entry& one = *idle_.back();
    idle_.pop_back();
    one.deadline = below(20) == 0 ? now_ - some_time() % 10s : now_ + some_time();
    one.in_model = model_.emplace(one.deadline, &one);
    wheel_.insert(one, one.deadline);
  }

  void remove_any() {
    entry& one = entries_[below(entries_.size())];
    const bool linked = one.linked();
    wheel_.remove(one);
    if (linked) forget(one);
  }

  void advance() {
    const auto kind = below(100);
    if (kind == 0) {
      now_ += some_time();
    } else if (kind < 30 && wheel_.next()) {
      now_ = std::max(now_, *wheel_.next());
    } else {
      now_ += some_time() % 20ms;
    }
    expire();
  }

  void expire() {
    wheel_.expire(now_, [&](deadline_hook& hook) {
      auto& one = static_cast<entry&>(hook);
      ASSERT_LE(one.deadline, now_) << "early";
      forget(one);
      ++expired_;
      if (below(8) == 0) remove_any();
      if (below(8) == 0) insert();
    });
    // What the callbacks inserted with a passed deadline waits for the next call, so look again without inserting.
    wheel_.expire(now_, [&](deadline_hook& hook) { forget(static_cast<entry&>(hook)); });
    if (model_.empty()) return;
    ASSERT_GT(model_.begin()->first, now_ - 1ms) << "late by a tick or more";
  }

  void check_next() {
    ASSERT_EQ(wheel_.empty(), model_.empty());
    ASSERT_EQ(wheel_.next().has_value(), !model_.empty());
    if (model_.empty()) return;
    ASSERT_LT(*wheel_.next(), std::max(model_.begin()->first, now_) + 1ms);
  }

  void forget(entry& one) {
    ASSERT_FALSE(one.linked());
    model_.erase(one.in_model);
    idle_.push_back(&one);
  }

  std::mt19937_64 random_;
  time_point now_ = origin;
  deadline_wheel wheel_{origin};
  std::vector<entry> entries_ = std::vector<entry>(500);
  std::vector<entry*> idle_;
  std::multimap<time_point, entry*> model_;
  std::size_t expired_ = 0;
};

class deadline_wheel_model : public testing::TestWithParam<std::uint32_t> {};

TEST_P(deadline_wheel_model, agrees_with_a_sorted_map_over_100000_steps) {
  wheel_and_model both(GetParam());
  for (int i = 0; i < 100000 && !HasFatalFailure(); ++i) both.step();
  both.finish();
}

INSTANTIATE_TEST_SUITE_P(seeds, deadline_wheel_model, testing::Values(1U, 2U, 3U, 42U, 20240101U));

}  // namespace
}  // namespace redstart::core
