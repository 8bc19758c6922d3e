// SPDX-License-Identifier: MIT
#include "redstart/session.hpp"

#include "redstart/client.hpp"
#include "support/client_fixture.hpp"
#include "support/server.hpp"
#include "support/waiting.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

namespace redstart::test {
namespace {

using replies = std::optional<std::vector<reply>>;

transaction set_of(std::string_view key, std::string_view value) {
  transaction all;
  all.add("SET", key, value);
  return all;
}

class session_test : public loop_test {
 protected:
  session_test() {
    settings.url = server.unix_url();
    settings.client_name = "tested";
  }

  // Runs `work` with a client that is connected before and disconnected after.
  void with_client(const std::function<asio::awaitable<void>(client&)>& work) {
    run([&]() -> asio::awaitable<void> {
      client redis(io.get_executor(), settings);
      co_await redis.connect();
      co_await work(redis);
      co_await redis.disconnect();
    });
  }
  // The pool as `health_check` shows it; after it everything that was given back has arrived.
  static asio::awaitable<pool_figures> pool_of(client& redis) {
    const health seen = co_await redis.health_check();
    co_return seen.pool;
  }
  // Waits until nothing is lent.
  asio::awaitable<pool_figures> pool_at_rest(client& redis) {
    pool_figures seen = co_await pool_of(redis);
    for (int i = 0; i < 500 && seen.leased != 0; ++i) {
      co_await pause(2ms);
      seen = co_await pool_of(redis);
    }
    EXPECT_EQ(seen.leased, 0U);
    co_return seen;
  }
  std::size_t seen_by_server() {
    const std::string list = server.command({"CLIENT", "LIST"}).text;
    std::size_t count = 0;
    for (auto at = list.find("name=tested"); at != std::string::npos; at = list.find("name=tested", at + 1)) ++count;
    return count;
  }

  // Returns when the server does nothing any more; a signal alone is not waited for.
  void pause_server() {
    server.pause();
    EXPECT_TRUE(eventually([&] {
      std::ifstream file("/proc/" + std::to_string(server.pid()) + "/stat");
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      return text.find(") T ") != std::string::npos;
    }));
  }

  redis_server server;
  config settings;
};

// --- What it is for --------------------------------------------------------------------------------------------------

TEST_F(session_test, transaction_runs_when_the_watched_key_stayed_as_it_was) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    const session own = co_await redis.lease();
    co_await own.exec("WATCH", "stock");
    EXPECT_EQ(co_await own.exec<std::optional<int>>("GET", "stock"), std::nullopt);
    const replies done = co_await own.exec(set_of("stock", "7"));
    EXPECT_TRUE(done);
    if (!done) co_return;
    EXPECT_EQ(done->size(), 1U);
    EXPECT_EQ(done->front().text(), "OK");
  });
  EXPECT_EQ(server.command({"GET", "stock"}).text, "7");
}

TEST_F(session_test, watched_key_that_changed_gives_nullopt_and_nothing_runs) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    const session own = co_await redis.lease();
    co_await own.exec("WATCH", "stock");
    co_await redis.set("stock", std::string("theirs"));
    EXPECT_EQ(co_await own.exec(set_of("stock", "mine")), std::nullopt);
    EXPECT_EQ(co_await redis.get<std::string>("stock"), "theirs");
    const replies again = co_await own.exec(set_of("stock", "mine"));
    EXPECT_TRUE(again) << "nothing is watched any more";
  });
  EXPECT_EQ(server.command({"GET", "stock"}).text, "mine");
}

TEST_F(session_test, optimistic_counters_lose_no_increment) {
  constexpr int workers = 8;
  constexpr int rounds = 20;
  settings.max_leased = 4;
  settings.timeout = 20s;
  with_client([&](client& redis) -> asio::awaitable<void> {
    for (int i = 0; i < workers; ++i) {
      start([](client& with) -> asio::awaitable<void> {
        for (int done = 0; done < rounds;) {
          const session own = co_await with.lease();
          co_await own.exec("WATCH", "count");
          const auto count = co_await own.exec<std::optional<int>>("GET", "count");
          const replies changed = co_await own.exec(set_of("count", std::to_string(count.value_or(0) + 1)));
          if (changed) ++done;
        }
      }(redis));
    }
    co_await all_done();
    const pool_figures seen = co_await pool_at_rest(redis);
    EXPECT_EQ(seen.closed_broken, 0U) << "every one of them was clean";
    EXPECT_LE(seen.created, 4U);
  });
  EXPECT_EQ(server.command({"GET", "count"}).text, std::to_string(workers * rounds));
}

TEST_F(session_test, multi_step_by_step) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    const session own = co_await redis.lease();
    co_await own.exec("MULTI");
    EXPECT_EQ(co_await own.exec<std::string>("SET", "k", 1), "QUEUED");
    EXPECT_EQ(co_await redis.get<int>("k"), std::nullopt) << "other users are not inside of it";
    const reply done = co_await own.exec("EXEC");
    EXPECT_EQ(done.size(), 1U);
    EXPECT_EQ(co_await redis.get<int>("k"), 1);
  });
}

TEST_F(session_test, command_that_was_not_queued_fails_the_transaction_with_its_own_error) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    const session own = co_await redis.lease();
    transaction all = set_of("k", "1");
    all.add("NONSENSE");
    try {
      co_await own.exec(std::move(all));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const server_error& e) {
      EXPECT_NE(std::string(e.what()).find("unknown command"), std::string::npos) << e.what();
    }
    EXPECT_EQ(co_await redis.get<int>("k"), std::nullopt);
  });
}

TEST_F(session_test, command_that_was_not_queued_fails_a_transaction_on_the_shared_connection_with_its_own_error) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    transaction all = set_of("k", "1");
    all.add("NONSENSE");
    try {
      co_await redis.exec(std::move(all));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const server_error& e) {
      EXPECT_NE(std::string(e.what()).find("unknown command"), std::string::npos) << e.what();
      EXPECT_EQ(e.code(), "ERR");
      EXPECT_FALSE(e.maybe_applied());
    }
    EXPECT_EQ(co_await redis.get<int>("k"), std::nullopt);
  });
}

TEST_F(session_test, blocking_command_has_its_time_from_its_own_arguments) {
  settings.timeout = 500ms;
  with_client([&](client& redis) -> asio::awaitable<void> {
    const session own = co_await redis.lease();
    const auto begin = std::chrono::steady_clock::now();
    const reply nothing = co_await own.exec("BLMOVE", "from", "to", "LEFT", "RIGHT", "0.8");
    EXPECT_TRUE(nothing.is_null());
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 790ms);
  });
}

TEST_F(session_test, commands_that_would_change_more_are_refused_by_the_call) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    const session own = co_await redis.lease();
    EXPECT_THROW((void)own.exec("SUBSCRIBE", "c"), error);
    EXPECT_THROW((void)own.exec("CLIENT", "REPLY", "OFF"), error);
    EXPECT_THROW((void)own.exec("SELECT", 3), error);
    EXPECT_NO_THROW((void)own.exec("watch", "k"));
  });
}

// --- Giving back -----------------------------------------------------------------------------------------------------

TEST_F(session_test, connection_is_used_again_after_what_was_watched_is_over) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    for (const std::string_view last : {"EXEC", "DISCARD", "UNWATCH"}) {
      const session own = co_await redis.lease();
      co_await own.exec("WATCH", "k");
      if (last != "UNWATCH") co_await own.exec("MULTI");
      co_await own.exec(last);
    }
    {
      const session own = co_await redis.lease();
      co_await own.exec("PING");
    }
    const pool_figures seen = co_await pool_at_rest(redis);
    EXPECT_EQ(seen.created, 1U);
    EXPECT_EQ(seen.closed_broken, 0U);
  });
}

// What a session was doing when it ended; its connection must not be used again.
struct unclean {
  std::string name;
  std::vector<std::string> commands;
};

class unclean_session_test : public session_test, public ::testing::WithParamInterface<unclean> {};

TEST_P(unclean_session_test, connection_is_closed) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    const std::size_t before = seen_by_server();
    {
      const session own = co_await redis.lease();
      for (const std::string& command : GetParam().commands) {
        try {
          const bool has_key = command == "WATCH" || command == "GET";
          if (has_key) {
            co_await own.exec(command, "k");
          } else {
            co_await own.exec(command);
          }
        } catch (const server_error&) {
        }
      }
      EXPECT_EQ(seen_by_server(), before + 1);
    }
    const pool_figures seen = co_await pool_at_rest(redis);
    EXPECT_EQ(seen.closed_broken, 1U);
    EXPECT_EQ(seen.open, 0U);
    EXPECT_TRUE(eventually([&] { return seen_by_server() == before; }));
  });
}

INSTANTIATE_TEST_SUITE_P(
    all, unclean_session_test,
    ::testing::Values(unclean{"watching", {"WATCH"}}, unclean{"watching_and_reading", {"WATCH", "GET"}},
                      unclean{"inside_of_multi", {"MULTI"}}, unclean{"inside_of_multi_with_commands", {"MULTI", "GET"}},
                      unclean{"unwatch_inside_of_multi_is_only_queued", {"WATCH", "MULTI", "UNWATCH"}},
                      unclean{"exec_without_multi_leaves_it_watching", {"WATCH", "EXEC"}},
                      unclean{"discard_without_multi_leaves_it_watching", {"WATCH", "DISCARD"}},
                      unclean{"watching_again", {"WATCH", "MULTI", "EXEC", "WATCH"}},
                      unclean{"refused_multi_inside_of_multi", {"MULTI", "MULTI", "EXEC"}}),
    [](const auto& named) { return named.param.name; });

TEST_F(session_test, cancelled_watch_counts_as_watching) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    {
      const session own = co_await redis.lease();
      asio::cancellation_signal cancel;
      std::exception_ptr failure;
      pause_server();
      own.exec("WATCH", "k")(
          asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr thrown, reply) { failure = thrown; }));
      co_await pause(1ms);
      cancel.emit(asio::cancellation_type::terminal);
      server.resume();
      // The late answer to the WATCH comes before this one: nothing is outstanding when the session ends.
      co_await own.exec("PING");
      EXPECT_TRUE(failure);
    }
    const pool_figures seen = co_await pool_at_rest(redis);
    EXPECT_EQ(seen.closed_broken, 1U);
  });
}

TEST_F(session_test, session_that_ends_with_a_command_under_way_ends_that_command) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    std::exception_ptr failure;
    {
      const session own = co_await redis.lease();
      own.exec("BLPOP", "queue", 0)([&](std::exception_ptr thrown, reply) { failure = thrown; });
      co_await pause(5ms);
    }
    co_await until([&] { return failure != nullptr; });
    EXPECT_THROW(std::rethrow_exception(failure), cancelled);
    const pool_figures seen = co_await pool_at_rest(redis);
    EXPECT_EQ(seen.open, 0U);
  });
}

TEST_F(session_test, operation_started_after_the_end_is_not_sent) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    session own = co_await redis.lease();
    auto later = own.exec("SET", "k", 1);
    own.close();
    own.close();
    EXPECT_FALSE(own.is_open());
    EXPECT_THROW((void)own.exec("PING"), not_connected);
    EXPECT_THROW((void)own.exec(set_of("k", "1")), not_connected);
    EXPECT_THROW((void)session().exec("PING"), not_connected);
    try {
      co_await std::move(later);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const not_connected& e) {
      EXPECT_EQ(std::string(e.what()), "SET k: the session is closed");
    }
    EXPECT_EQ(co_await redis.get<int>("k"), std::nullopt);
  });
}

TEST_F(session_test, moved_session_takes_the_connection_along) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    session one = co_await redis.lease();
    co_await one.exec("WATCH", "k");
    session other = std::move(one);
    EXPECT_FALSE(one.is_open());
    co_await other.exec("UNWATCH");
    one = co_await redis.lease();
    one = std::move(other);
    EXPECT_EQ(co_await one.exec<std::string>("PING"), "PONG");
    one.close();
    const pool_figures seen = co_await pool_at_rest(redis);
    EXPECT_EQ(seen.idle, 2U);
  });
}

// --- Trouble ---------------------------------------------------------------------------------------------------------

TEST_F(session_test, lost_connection_ends_the_session_and_not_the_client) {
  with_client([&](client& redis) -> asio::awaitable<void> {
    const session own = co_await redis.lease();
    co_await own.exec("WATCH", "k");
    server.kill();
    server.start();
    for (int i = 0; i < 2; ++i) {
      try {
        co_await own.exec(set_of("k", "mine"));
        ADD_FAILURE() << "the watch is lost, it must not run";
      } catch (const connection_error&) {
      }
    }
    const session fresh = co_await redis.lease();
    const replies done = co_await fresh.exec(set_of("k", "1"));
    EXPECT_TRUE(done);
  });
}

TEST_F(session_test, lease_waits_for_its_turn_and_not_longer_than_the_timeout) {
  settings.max_leased = 1;
  settings.timeout = 100ms;
  with_client([&](client& redis) -> asio::awaitable<void> {
    std::optional<session> own = co_await redis.lease();
    try {
      co_await redis.lease();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const pool_timeout& e) {
      EXPECT_EQ(std::string(e.what()).find("all 1 leased connections"), 0U) << e.what();
    }
    own.reset();
    const session next = co_await redis.lease();
    EXPECT_EQ(co_await next.exec<std::string>("PING"), "PONG");
  });
}

TEST_F(session_test, client_that_is_not_connected_lends_nothing) {
  run([&]() -> asio::awaitable<void> {
    client redis(io.get_executor(), settings);
    try {
      co_await redis.lease();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const not_connected&) {
    }
  });
}

TEST_F(session_test, disconnecting_ends_sessions) {
  run([&]() -> asio::awaitable<void> {
    client redis(io.get_executor(), settings);
    co_await redis.connect();
    const session own = co_await redis.lease();
    co_await redis.disconnect();
    try {
      co_await own.exec("PING");
      ADD_FAILURE() << "nothing was thrown";
    } catch (const error&) {
    }
  });
  EXPECT_TRUE(eventually([&] { return seen_by_server() == 0; }));
}

// Under ThreadSanitizer: sessions belong to their users' threads, connections to the strand.
TEST_F(session_test, sessions_may_live_on_other_threads_than_the_client) {
  settings.max_leased = 4;
  asio::thread_pool threads(3);
  client redis(threads.get_executor(), settings);
  redis.connect(asio::use_future).get();
  std::vector<std::future<void>> users;
  for (int i = 0; i < 6; ++i) {
    users.push_back(asio::co_spawn(
        threads,
        [](client& with) -> asio::awaitable<void> {
          for (int round = 0; round < 50; ++round) {
            const session own = co_await with.lease();
            co_await own.exec("WATCH", "k");
            co_await own.exec("INCR", "n");
            if (round % 2 == 0) co_await own.exec("UNWATCH");
          }
        }(redis),
        asio::use_future));
  }
  for (auto& one : users) one.get();
  redis.disconnect(asio::use_future).get();
  threads.join();
  EXPECT_EQ(server.command({"GET", "n"}).text, "300");
}

}  // namespace
}  // namespace redstart::test
