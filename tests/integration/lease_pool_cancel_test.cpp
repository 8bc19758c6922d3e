// SPDX-License-Identifier: MIT
// Users of leased connections that give up, at every moment at which they can.
#include "net/lease_pool.hpp"
#include "redstart/error.hpp"
#include "support/lease_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <memory>
#include <random>

namespace redstart::test {
namespace {

using net::lease;

class lease_pool_cancel_test : public lease_pool_test {
 protected:
  // Behind the start of its coroutine, which must have come before.
  void cancel(const std::shared_ptr<borrower>& one) {
    asio::post(on, [one] { one->cancel.emit(asio::cancellation_type::terminal); });
  }
  // Lets a borrower run for `steps` handlers, cancels it, and lets everything end. Returns false when it had ended
  // before.
  bool cancel_after(int steps, const std::shared_ptr<net::lease_pool>& pool) {
    const auto one = borrow(pool, 30s);
    const auto limit = core::time_point::clock::now() + 10s;
    io.restart();
    for (int i = 0; i < steps && !one->ended && core::time_point::clock::now() < limit; ++i) io.run_one_for(20ms);
    const bool in_time = !one->ended;
    cancel(one);
    EXPECT_TRUE(until([&] { return one->ended; })) << "after " << steps;
    if (in_time && one->failure) one->error_text<cancelled>();
    return in_time;
  }
  void expect_balance(const std::shared_ptr<net::lease_pool>& pool, std::size_t leased, int steps) {
    // What was being dialled becomes idle when nobody wants it any more.
    run([&]() -> asio::awaitable<void> { co_await pool->closed(); });
    EXPECT_TRUE(eventually_seen(pool->figures().open)) << "after " << steps;
    const auto figures = pool->figures();
    EXPECT_EQ(figures.leased, leased) << "after " << steps;
    EXPECT_EQ(figures.waiting, 0U) << "after " << steps;
    EXPECT_EQ(figures.open, figures.idle + figures.leased);
    EXPECT_EQ(figures.created, figures.open + figures.closed_broken + figures.closed_idle);
  }
};

TEST_F(lease_pool_cancel_test, user_cancelled_at_any_step_of_a_new_connection_leaves_nothing_behind) {
  int steps = 0;
  for (bool in_time = true; in_time && steps < 100; ++steps) {
    const auto pool = make_pool({.max_leased = 1});
    in_time = cancel_after(steps, pool);
    expect_balance(pool, 0, steps);
    run([&]() -> asio::awaitable<void> {
      const lease lent = co_await pool->borrow(in(10s));
      EXPECT_EQ(co_await ask(*lent, "ECHO mine"), "mine");
    });
    EXPECT_EQ(pool->figures().created, 1U) << "the attempt under way was for the next one";
    pool->close();
    EXPECT_TRUE(eventually_seen(0));
  }
  EXPECT_GT(steps, 4);
  EXPECT_LT(steps, 100);
}

TEST_F(lease_pool_cancel_test, user_cancelled_at_any_step_of_asking_leaves_nothing_behind) {
  const auto pool = make_pool({.max_leased = 1, .check_after = 0ms});
  run([&]() -> asio::awaitable<void> { co_await pool->borrow(in(5s)); });
  int steps = 0;
  for (bool in_time = true; in_time && steps < 100; ++steps) {
    in_time = cancel_after(steps, pool);
    EXPECT_TRUE(until([&] { return pool->figures().idle == 1; })) << "the one that was asked";
    expect_balance(pool, 0, steps);
  }
  EXPECT_GT(steps, 2);
  EXPECT_EQ(pool->figures().created, 1U);
}

TEST_F(lease_pool_cancel_test, user_cancelled_while_waiting_in_line_leaves_nothing_behind) {
  const auto pool = make_pool({.max_leased = 1});
  const auto holder = borrow(pool, 10s);
  ASSERT_TRUE(until([&] { return holder->ended; }));
  for (int steps = 0; steps < 4; ++steps) {
    EXPECT_TRUE(cancel_after(steps, pool));
    expect_balance(pool, 1, steps);
  }
  holder->got.reset();
  EXPECT_EQ(pool->figures().idle, 1U);
}

TEST_F(lease_pool_cancel_test, connection_handed_to_one_who_is_being_cancelled_goes_to_the_next) {
  const auto pool = make_pool({.max_leased = 1});
  const auto holder = borrow(pool, 10s);
  ASSERT_TRUE(until([&] { return holder->ended; }));
  const auto second = borrow(pool, 10s);
  const auto third = borrow(pool, 10s);
  poll();
  ASSERT_EQ(pool->figures().waiting, 2U);
  // Both before the second one can run.
  holder->got->give_back();
  second->cancel.emit(asio::cancellation_type::terminal);
  ASSERT_TRUE(until([&] { return second->ended; }));
  second->got.reset();
  EXPECT_TRUE(until([&] { return third->ended; }));
  EXPECT_TRUE(third->got);
  EXPECT_EQ(pool->figures().leased, 1U);
}

TEST_F(lease_pool_cancel_test, counters_balance_after_a_storm_of_cancels) {
  const auto pool = make_pool({.max_leased = 4, .check_after = 1ms});
  std::mt19937 random(7);
  std::list<std::shared_ptr<borrower>> users;
  for (int i = 0; i < 2000; ++i) {
    users.push_back(borrow(pool, std::chrono::milliseconds(random() % 4 == 0 ? 2 : 10'000)));
    io.restart();
    for (unsigned left = random() % 4; left != 0; --left) io.poll_one();
    // Now and then the server gets the time to answer.
    if (i % 20 == 0) io.run_for(2ms);
    for (auto one = users.begin(); one != users.end();) {
      if ((*one)->ended && random() % 2 == 0) {
        if ((*one)->got && random() % 8 == 0) (*one)->got->taint();
        one = users.erase(one);
        continue;
      }
      if (random() % 8 == 0) cancel(*one);
      ++one;
    }
  }
  EXPECT_GT(pool->figures().created, 0U);
  for (auto& one : users) cancel(one);
  EXPECT_TRUE(until([&] { return std::ranges::all_of(users, [](const auto& one) { return one->ended; }); }));
  users.clear();
  expect_balance(pool, 0, 2000);
  EXPECT_LE(pool->figures().open, 4U);
}

}  // namespace
}  // namespace redstart::test
