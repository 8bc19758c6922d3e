// SPDX-License-Identifier: MIT
#include "net/lease_pool.hpp"

#include "net/endpoint.hpp"
#include "redstart/detail/from_reply.hpp"
#include "redstart/detail/initiate.hpp"
#include "redstart/error.hpp"
#include "support/asio_test.hpp"
#include "support/relay.hpp"
#include "support/server.hpp"
#include "support/waiting.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <functional>
#include <list>
#include <optional>
#include <random>
#include <ranges>
#include <vector>

namespace redstart::test {
namespace {

using namespace std::chrono_literals;
using net::lease;

// Somebody who holds what it gets until it is told to let go.
struct borrower {
  std::optional<lease> got;
  std::exception_ptr failure;
  bool ended = false;
  asio::cancellation_signal cancel;

  template <class Error>
  std::string error_text() const {
    return message_of<Error>([this] {
      if (failure) std::rethrow_exception(failure);
    });
  }
};

class lease_pool_test : public asio_test {
 protected:
  ~lease_pool_test() override {
    // Coroutines that are still there hold leases.
    asio::post(on, [this] {
      for (const auto& one : pools) one->close();
    });
    poll();
  }

  std::shared_ptr<net::lease_pool> make_pool(const net::lease_config& config = {}, const std::string& url = {}) {
    const auto options = std::make_shared<net::shared_options>();
    options->home = io.get_executor();
    options->connection.dial.where = net::parse_url(url.empty() ? server().unix_url() : url);
    options->connection.login.client_name = "leased";
    options->display = options->connection.dial.where.display();
    options->random = std::mt19937_64(1);
    pools.push_back(std::make_shared<net::lease_pool>(on, options, config));
    pools.back()->open();
    return pools.back();
  }
  redis_server& server() {
    if (!server_) server_.emplace();
    return *server_;
  }
  // The connections of pools, as the server sees them.
  std::size_t seen_by_server() {
    const std::string list = server().command({"CLIENT", "LIST"}).text;
    std::size_t count = 0;
    for (auto at = list.find("name=leased"); at != std::string::npos; at = list.find("name=leased", at + 1)) ++count;
    return count;
  }
  bool eventually_seen(std::size_t count) {
    return eventually([&] {
      poll();
      return seen_by_server() == count;
    });
  }
  // Runs the loop until `condition` holds.
  bool until(const std::function<bool()>& condition) {
    return eventually([&] {
      poll();
      return condition();
    });
  }

  // A borrower beside the test.
  std::shared_ptr<borrower> borrow(const std::shared_ptr<net::lease_pool>& from, std::chrono::milliseconds patience) {
    const auto one = std::make_shared<borrower>();
    asio::co_spawn(on, from->borrow(in(patience)),
                   asio::bind_cancellation_slot(one->cancel.slot(), [one](std::exception_ptr thrown, lease lent) {
                     one->ended = true;
                     one->failure = std::move(thrown);
                     if (!one->failure) one->got.emplace(std::move(lent));
                   }));
    return one;
  }

  static core::time_point in(std::chrono::milliseconds time) { return core::time_point::clock::now() + time; }

  asio::awaitable<void> pause(std::chrono::milliseconds time) {
    asio::steady_timer timer(on, time);
    co_await timer.async_wait(asio::use_awaitable);
  }

  std::optional<redis_server> server_;
  std::vector<std::shared_ptr<net::lease_pool>> pools;
};

// Sends a command, its words apart by one space, and returns the text of the answer.
asio::awaitable<std::string> ask(net::lane& over, std::string words, net::submit_options how = {.timeout = 5s}) {
  using handler_type = std::decay_t<decltype(asio::use_awaitable)>;
  const asio::any_io_executor home = co_await asio::this_coro::executor;
  std::vector<std::string_view> args;
  for (const auto& word : std::views::split(words, ' ')) args.emplace_back(word.begin(), word.end());
  detail::request command(false, std::span<const std::string_view>(args));
  const reply answer = co_await asio::async_initiate<const handler_type, void(std::exception_ptr, reply)>(
      [&](auto handler) {
        detail::decode_reply<reply> decode;
        detail::typed_completion_maker<decltype(handler), reply, detail::decode_reply<reply>> maker(handler, decode,
                                                                                                    home);
        over.submit(std::move(command), how, maker);
      },
      asio::use_awaitable);
  co_return std::string(answer.view().text());
}

// --- Lending
// ------------------------------------------------------------------------------------------------------------

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

// --- What may be used again
// ---------------------------------------------------------------------------------------------

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

// --- Idle connections
// ---------------------------------------------------------------------------------------------------

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

// --- Servers that refuse
// ------------------------------------------------------------------------------------------------

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

// --- Cancelling
// ---------------------------------------------------------------------------------------------------------

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
  EXPECT_GT(pool->figures().created, 4U);
  for (auto& one : users) cancel(one);
  EXPECT_TRUE(until([&] { return std::ranges::all_of(users, [](const auto& one) { return one->ended; }); }));
  users.clear();
  expect_balance(pool, 0, 2000);
  EXPECT_LE(pool->figures().open, 4U);
}

// --- Closing
// ------------------------------------------------------------------------------------------------------------

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
