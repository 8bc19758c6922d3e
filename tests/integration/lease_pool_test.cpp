// SPDX-License-Identifier: MIT
#include "net/lease_pool.hpp"

#include "redstart/error.hpp"
#include "support/lease_fixture.hpp"
#include "support/relay.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace redstart::test {
namespace {

using net::lease;

// --- Lending ---------------------------------------------------------------------------------------------------------

TEST_F(lease_pool_test, connection_is_made_when_needed_and_used_again) {
  const auto pool = make_pool();
  EXPECT_EQ(seen_by_server(), 0U);
  run([&]() -> asio::awaitable<void> {
    for (int i = 0; i < 3; ++i) {
      const lease lent = co_await pool->borrow(in(5s));
      EXPECT_EQ(co_await ask(*lent, "ECHO hello"), "hello");
      EXPECT_EQ(pool->figures().leased, 1U);
    }
  });
  EXPECT_EQ(pool->figures().created, 1U);
  EXPECT_EQ(pool->figures().idle, 1U);
  EXPECT_EQ(pool->figures().open, 1U);
  EXPECT_EQ(seen_by_server(), 1U);
}

TEST_F(lease_pool_test, two_at_once_have_one_each) {
  const auto pool = make_pool();
  run([&]() -> asio::awaitable<void> {
    const lease one = co_await pool->borrow(in(5s));
    const lease two = co_await pool->borrow(in(5s));
    EXPECT_NE(&*one, &*two);
    EXPECT_NE(one->client_id(), two->client_id());
    EXPECT_EQ(pool->figures().leased, 2U);
  });
  EXPECT_EQ(pool->figures().idle, 2U);
}

TEST_F(lease_pool_test, users_are_served_in_the_order_they_came) {
  const auto pool = make_pool({.max_leased = 1});
  std::vector<int> order;
  int left = 5;
  for (int i = 0; i < 5; ++i) {
    start([&, i]() -> asio::awaitable<void> {
      const lease lent = co_await pool->borrow(in(10s));
      order.push_back(i);
      co_await ask(*lent, "PING");
      EXPECT_EQ(pool->figures().leased, 1U);
      --left;
    });
  }
  ASSERT_TRUE(until([&] { return left == 0; }));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(pool->figures().created, 1U);
}

TEST_F(lease_pool_test, returned_connection_is_handed_over_and_cannot_be_overtaken) {
  const auto pool = make_pool({.max_leased = 1});
  const auto first = borrow(pool, 10s);
  ASSERT_TRUE(until([&] { return first->ended; }));
  const auto second = borrow(pool, 10s);
  poll();
  first->got->give_back();
  const auto third = borrow(pool, 10s);
  poll();
  EXPECT_TRUE(second->ended);
  EXPECT_FALSE(third->ended);
  EXPECT_EQ(pool->figures().waiting, 1U);
}

TEST_F(lease_pool_test, moved_and_emptied_leases_give_back_once) {
  const auto pool = make_pool();
  run([&]() -> asio::awaitable<void> {
    lease one = co_await pool->borrow(in(5s));
    lease other = std::move(one);
    one.give_back();
    EXPECT_EQ(pool->figures().leased, 1U);
    other.give_back();
    other.give_back();
    EXPECT_FALSE(other);
    EXPECT_EQ(pool->figures().idle, 1U);
    other = co_await pool->borrow(in(5s));
    other = co_await pool->borrow(in(5s));
    EXPECT_EQ(pool->figures().leased, 1U) << "what was assigned over went back";
  });
  EXPECT_EQ(pool->figures().idle, 2U);
}

TEST_F(lease_pool_test, waiting_ends_at_the_deadline_and_says_why) {
  const auto pool = make_pool({.max_leased = 2});
  run([&]() -> asio::awaitable<void> {
    const lease one = co_await pool->borrow(in(5s));
    const lease two = co_await pool->borrow(in(5s));
    const auto begin = core::time_point::clock::now();
    try {
      co_await pool->borrow(in(60ms));
      ADD_FAILURE() << "a third one";
    } catch (const pool_timeout& e) {
      EXPECT_EQ(std::string(e.what()).find("all 2 leased connections to unix://"), 0U) << e.what();
      EXPECT_NE(std::string(e.what()).find("raise max_leased, or hold them for shorter"), std::string::npos);
      EXPECT_FALSE(e.maybe_applied());
    }
    EXPECT_GE(core::time_point::clock::now() - begin, 60ms);
    EXPECT_EQ(pool->figures().timeouts, 1U);
    EXPECT_EQ(pool->figures().waiting, 0U);
  });
}

// --- What may be used again ------------------------------------------------------------------------------------------

TEST_F(lease_pool_test, tainted_connection_is_closed) {
  const auto pool = make_pool();
  run([&]() -> asio::awaitable<void> {
    lease lent = co_await pool->borrow(in(5s));
    co_await ask(*lent, "WATCH k");
    lent.taint();
    lent.give_back();
    EXPECT_EQ(pool->figures().open, 0U);
    EXPECT_EQ(pool->figures().closed_broken, 1U);
    lent = co_await pool->borrow(in(5s));
    EXPECT_EQ(pool->figures().created, 2U) << "the taint is not the next one's";
  });
  EXPECT_EQ(pool->figures().idle, 1U);
  EXPECT_TRUE(eventually_seen(1));
}

TEST_F(lease_pool_test, connection_on_which_the_server_still_blocks_is_closed) {
  const auto pool = make_pool();
  run([&]() -> asio::awaitable<void> {
    const lease lent = co_await pool->borrow(in(5s));
    try {
      co_await ask(*lent, "BLPOP queue 0", {.timeout = 30ms, .blocks = true});
      ADD_FAILURE() << "there was nothing to pop";
    } catch (const timeout_error&) {
    }
  });
  EXPECT_EQ(pool->figures().open, 0U);
  EXPECT_EQ(pool->figures().closed_broken, 1U);
  EXPECT_TRUE(eventually_seen(0));
  server().command({"RPUSH", "queue", "element"});
  EXPECT_EQ(server().command({"LLEN", "queue"}).integer, 1) << "nobody took it";
}

TEST_F(lease_pool_test, closed_connection_does_not_delay_the_next_user) {
  const auto pool = make_pool({.max_leased = 1});
  std::shared_ptr<borrower> next;
  run([&]() -> asio::awaitable<void> {
    lease lent = co_await pool->borrow(in(5s));
    next = borrow(pool, 5s);
    co_await pause(1ms);
    EXPECT_EQ(pool->figures().waiting, 1U);
    lent.taint();
    lent.give_back();
  });
  ASSERT_TRUE(until([&] { return next->ended; }));
  EXPECT_TRUE(next->got);
  EXPECT_EQ(pool->figures().created, 2U);
}

// --- Idle connections ------------------------------------------------------------------------------------------------

TEST_F(lease_pool_test, connection_lost_with_the_server_is_replaced_unseen) {
  const auto pool = make_pool({.check_after = 0ms});
  run([&]() -> asio::awaitable<void> { co_await pool->borrow(in(5s)); });
  server().kill();
  server().start();
  // The loop has not run since: the pool does not know yet.
  EXPECT_EQ(pool->figures().idle, 1U);
  run([&]() -> asio::awaitable<void> {
    const lease lent = co_await pool->borrow(in(5s));
    EXPECT_EQ(co_await ask(*lent, "ECHO again"), "again");
  });
  EXPECT_EQ(pool->figures().created, 2U);
  EXPECT_EQ(pool->figures().closed_broken, 1U);
  EXPECT_EQ(pool->figures().open, 1U);
}

TEST_F(lease_pool_test, loss_of_an_idle_connection_is_noticed_without_a_borrower) {
  const auto pool = make_pool();
  run([&]() -> asio::awaitable<void> { co_await pool->borrow(in(5s)); });
  server().command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  EXPECT_TRUE(until([&] { return pool->figures().open == 0; }));
  EXPECT_EQ(pool->figures().closed_broken, 1U);
}

TEST_F(lease_pool_test, connection_idle_for_long_is_asked_and_a_young_one_is_not) {
  const auto pings = [this] {
    const std::string info = server().command({"INFO", "commandstats"}).text;
    return info.find("cmdstat_ping:") != std::string::npos;
  };
  const auto young = make_pool({.check_after = 1h});
  server();
  server().command({"CONFIG", "RESETSTAT"});
  for (int i = 0; i < 2; ++i) run([&]() -> asio::awaitable<void> { co_await young->borrow(in(5s)); });
  EXPECT_FALSE(pings());
  const auto old = make_pool({.check_after = 0ms});
  for (int i = 0; i < 2; ++i) run([&]() -> asio::awaitable<void> { co_await old->borrow(in(5s)); });
  EXPECT_TRUE(pings());
  EXPECT_EQ(old->figures().created, 1U);
}

TEST_F(lease_pool_test, silent_idle_connection_leaves_time_for_another) {
  relay between(on, server().port());
  const auto pool = make_pool({.check_after = 0ms}, "redis://127.0.0.1:" + std::to_string(between.port()));
  run([&]() -> asio::awaitable<void> { co_await pool->borrow(in(5s)); });
  between.swallow();
  run([&]() -> asio::awaitable<void> {
    const lease lent = co_await pool->borrow(in(1s));
    EXPECT_EQ(co_await ask(*lent, "ECHO alive"), "alive");
  });
  EXPECT_EQ(pool->figures().created, 2U);
  EXPECT_EQ(pool->figures().closed_broken, 1U);
}

TEST_F(lease_pool_test, idle_connections_are_closed_in_time) {
  const auto pool = make_pool({.idle_timeout = 30ms});
  run([&]() -> asio::awaitable<void> {
    const lease one = co_await pool->borrow(in(5s));
    const lease two = co_await pool->borrow(in(5s));
  });
  EXPECT_EQ(pool->figures().idle, 2U);
  EXPECT_TRUE(until([&] { return pool->figures().open == 0; }));
  EXPECT_EQ(pool->figures().closed_idle, 2U);
  EXPECT_TRUE(eventually_seen(0));
}

// --- Servers that refuse ---------------------------------------------------------------------------------------------

TEST_F(lease_pool_test, each_user_is_told_after_one_attempt_that_there_is_no_server) {
  const auto pool = make_pool({.max_leased = 2}, "unix:///nonexistent/redis.sock");
  std::vector<std::shared_ptr<borrower>> users(5);
  for (auto& one : users) one = borrow(pool, 10s);
  ASSERT_TRUE(until([&] { return users.back()->ended; }));
  for (auto& one : users) {
    const std::string text = one->error_text<connection_error>();
    EXPECT_EQ(text.find("no connection to unix:///nonexistent/redis.sock"), 0U) << text;
    EXPECT_NE(text.find("after 1 try"), std::string::npos) << text;
  }
  EXPECT_EQ(pool->figures().created, 0U);
  EXPECT_EQ(pool->figures().open, 0U);
}

TEST_F(lease_pool_test, ten_thousand_users_without_a_server_end_one_after_the_other_without_a_deep_stack) {
  const auto pool = make_pool({.max_leased = 2}, "unix:///nonexistent/redis.sock");
  std::vector<std::shared_ptr<borrower>> users(10'000);
  for (auto& one : users) one = borrow(pool, 1min);
  EXPECT_TRUE(until([&] { return users.back()->ended; }));
  EXPECT_EQ(pool->figures().waiting, 0U);
}

TEST_F(lease_pool_test, server_that_takes_no_more_clients_is_a_clear_error) {
  server_.emplace(server_options{.args = {"--maxclients", "1"}});
  // The only place there is.
  ASSERT_TRUE(eventually([this] {
    try {
      return server().command({"PING"}).text == "PONG";
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
  const auto pool = make_pool();
  const auto one = borrow(pool, 5s);
  ASSERT_TRUE(until([&] { return one->ended; }));
  const std::string text = one->error_text<connection_error>();
  EXPECT_NE(text.find("max number of clients reached"), std::string::npos) << text;
  EXPECT_EQ(pool->figures().open, 0U);
}

TEST_F(lease_pool_test, silent_server_does_not_hold_a_user_beyond_its_deadline) {
  relay between(on, server().port());
  between.swallow_new();
  const auto pool = make_pool({}, "redis://127.0.0.1:" + std::to_string(between.port()));
  const auto begin = core::time_point::clock::now();
  const auto one = borrow(pool, 50ms);
  run([&]() -> asio::awaitable<void> {
    while (!one->ended) co_await pause(1ms);
  });
  EXPECT_LT(core::time_point::clock::now() - begin, 1s) << "the attempt itself may take two";
  EXPECT_NE(one->error_text<connection_error>().find("the server has not answered yet"), std::string::npos);
  EXPECT_EQ(pool->figures().waiting, 0U);
}

// --- Closing ---------------------------------------------------------------------------------------------------------

TEST_F(lease_pool_test, closing_ends_waiting_lent_and_idle_and_it_can_be_opened_again) {
  const auto pool = make_pool({.max_leased = 2});
  std::shared_ptr<borrower> holder, waiting;
  run([&]() -> asio::awaitable<void> {
    lease lent = co_await pool->borrow(in(5s));
    holder = borrow(pool, 5s);
    while (!holder->ended) co_await pause(1ms);
    waiting = borrow(pool, 5s);
    co_await pause(1ms);
    start([&]() -> asio::awaitable<void> {
      co_await pause(1ms);
      pool->close();
    });
    try {
      co_await ask(*lent, "BLPOP queue 0", {.timeout = 5s, .blocks = true});
      ADD_FAILURE() << "there was nothing to pop";
    } catch (const cancelled&) {
    }
    co_await pool->closed();
  });
  EXPECT_TRUE(until([&] { return waiting->ended; }));
  EXPECT_NE(waiting->error_text<cancelled>().find("the client was disconnected"), std::string::npos);
  EXPECT_EQ(pool->figures().open, 0U);
  EXPECT_TRUE(eventually_seen(0));
  EXPECT_THROW(run([&]() -> asio::awaitable<void> { co_await pool->borrow(in(5s)); }), not_connected);

  pool->open();
  run([&]() -> asio::awaitable<void> { co_await pool->borrow(in(5s)); });
  holder->got.reset();
  EXPECT_EQ(pool->figures().idle, 1U) << "what comes back from before does not count";
}

TEST_F(lease_pool_test, closing_ends_an_attempt_to_connect_at_once) {
  relay between(on, server().port());
  between.swallow_new();
  const auto pool = make_pool({}, "redis://127.0.0.1:" + std::to_string(between.port()));
  const auto one = borrow(pool, 10s);
  const auto begin = core::time_point::clock::now();
  run([&]() -> asio::awaitable<void> {
    co_await pause(20ms);
    pool->close();
    co_await pool->closed();
  });
  EXPECT_LT(core::time_point::clock::now() - begin, 1s) << "connect_timeout is 2 s";
  EXPECT_TRUE(until([&] { return one->ended; }));
  one->error_text<cancelled>();
}

TEST_F(lease_pool_test, loop_has_nothing_left_to_do_after_closing) {
  const auto pool = make_pool();
  run([&]() -> asio::awaitable<void> { co_await pool->borrow(in(5s)); });
  asio::post(on, [&] { pool->close(); });
  io.restart();
  io.run_for(10s);
  EXPECT_TRUE(io.stopped());
}

TEST_F(lease_pool_test, loop_destroyed_with_users_of_every_sort_frees_everything) {
  server();
  auto io_alone = std::make_unique<asio::io_context>();
  std::optional<net::strand> strand(asio::any_io_executor(io_alone->get_executor()));
  const auto options = std::make_shared<net::shared_options>();
  options->home = io_alone->get_executor();
  options->connection.dial.where = net::parse_url(server().unix_url());
  options->random = std::mt19937_64(1);
  auto pool = std::make_shared<net::lease_pool>(*strand, options, net::lease_config{.max_leased = 1});
  pool->open();
  const std::weak_ptr<net::lease_pool> watched = pool;
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(
        *strand,
        [](std::shared_ptr<net::lease_pool> from) -> asio::awaitable<void> {
          const lease lent = co_await from->borrow(core::time_point::clock::now() + 1h);
          co_await ask(*lent, "BLPOP queue 0", {.timeout = std::chrono::nanoseconds::max(), .blocks = true});
        }(pool),
        asio::detached);
  }
  ASSERT_TRUE(eventually([&] {
    io_alone->restart();
    io_alone->poll();
    return pool->figures().leased == 1 && pool->figures().waiting == 2;
  }));
  pool.reset();
  strand.reset();
  io_alone.reset();
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace redstart::test
