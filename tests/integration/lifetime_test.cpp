// SPDX-License-Identifier: MIT
// Clients that are opened again, closed in the middle, or outlive what they run on.
#include "support/client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>

#include <thread>

namespace redstart::test {
namespace {

class lifetime : public loop_test {
 protected:
  void SetUp() override {
    settings.url = server.unix_url();
    settings.timeout = 2s;
  }
  redis_server server;
  config settings;
};

TEST_F(lifetime, everything_works_again_after_connecting_again) {
  run([this]() -> asio::awaitable<void> {
    client redis(io.get_executor(), settings);
    for (int round = 0; round < 3; ++round) {
      co_await redis.connect();
      co_await redis.set("key", round);
      EXPECT_EQ(co_await redis.get<int>("key"), round);
      start(
          [](client& r) -> asio::awaitable<void> { EXPECT_EQ(co_await r.get_from_queue<int>("queue", 5s), 7); }(redis));
      co_await pause(20ms);
      co_await redis.add_to_queue("queue", 7);
      co_await all_done();
      subscription events = co_await redis.subscribe("channel");
      EXPECT_EQ(co_await redis.publish("channel", "hello"), 1u);
      const message got = co_await events.next();
      EXPECT_EQ(got.payload, "hello");
      EXPECT_TRUE((co_await redis.exec("BLPOP", "nothing", "0.05")).is_null());
      co_await redis.disconnect();
    }
  });
}

TEST_F(lifetime, a_first_connect_that_failed_leaves_nothing_broken) {
  run([this]() -> asio::awaitable<void> {
    settings.connect_attempts = 1;
    client redis(io.get_executor(), settings);
    server.stop();
    EXPECT_THROW(co_await redis.connect(), connection_error);
    server.start();
    co_await redis.connect();
    co_await redis.add_to_queue("queue", 7);
    EXPECT_EQ(co_await redis.get_from_queue<int>("queue", 5s), 7);
    EXPECT_EQ(co_await redis.get_from_queue<int>("queue", 50ms), std::nullopt);
    co_await redis.disconnect();
  });
}

TEST_F(lifetime, an_empty_pipeline_is_an_empty_answer_and_disturbs_nobody) {
  run([this]() -> asio::awaitable<void> {
    client redis(io.get_executor(), settings);
    co_await redis.connect();
    co_await redis.set("a", "a");
    EXPECT_TRUE((co_await redis.exec(pipeline())).empty());
    EXPECT_EQ(co_await redis.get<std::string>("a"), "a");
    EXPECT_TRUE((co_await redis.exec(transaction())).empty());
    EXPECT_EQ(co_await redis.get<std::string>("a"), "a");
    co_await redis.disconnect();
  });
}

TEST_F(lifetime, a_blocking_command_outlasts_the_health_check) {
  run([this]() -> asio::awaitable<void> {
    settings.health_check_interval = 100ms;
    settings.liveness_timeout = 200ms;
    client redis(io.get_executor(), settings);
    co_await redis.connect();
    EXPECT_TRUE((co_await redis.exec("BLPOP", "nothing", "1.0")).is_null());
    EXPECT_EQ(co_await redis.get_from_queue<int>("nothing", 1s), std::nullopt);
    co_await redis.disconnect();
  });
}

// A pop that was sent when the client was closed has taken an element that nobody will get.
TEST_F(lifetime, disconnecting_gives_elements_on_their_way_back) {
  run([this]() -> asio::awaitable<void> {
    for (int round = 0; round < 50; ++round) {
      server.command({"DEL", "queue"});
      for (int i = 0; i < 10; ++i) server.command({"RPUSH", "queue", std::to_string(i)});
      client redis(io.get_executor(), settings);
      co_await redis.connect();
      int got = 0;
      int ended = 0;
      for (int i = 0; i < 10; ++i) {
        redis.get_from_queue<int>("queue", i % 2 == 0 ? 0s : 5s)([&](std::exception_ptr, std::optional<int> one) {
          got += one ? 1 : 0;
          ++ended;
        });
      }
      if (round % 3 != 0) co_await pause(std::chrono::milliseconds(round % 2));
      co_await redis.disconnect();
      co_await until([&] { return ended == 10; });
      EXPECT_EQ(got + server.command({"LLEN", "queue"}).integer, 10) << "round " << round;
    }
  });
}

TEST_F(lifetime, a_stalled_loop_loses_no_element) {
  settings.liveness_timeout = 50ms;
  run([this]() -> asio::awaitable<void> {
    client redis(io.get_executor(), settings);
    co_await redis.connect();
    for (int round = 0; round < 5; ++round) {
      std::optional<std::string> got;
      bool ended = false;
      redis.get_from_queue<std::string>("queue", 100ms)([&](std::exception_ptr, std::optional<std::string> one) {
        got = std::move(one);
        ended = true;
      });
      co_await pause(20ms);
      // Whatever runs here keeps the loop busy, until everything that could be late is late.
      server.command({"RPUSH", "queue", "element"});
      std::this_thread::sleep_for(400ms);
      co_await until([&] { return ended; });
      co_await until([&] { return got.has_value() || server.command({"LLEN", "queue"}).integer == 1; });
      server.command({"DEL", "queue"});
    }
    co_await redis.disconnect();
  });
}

TEST_F(lifetime, a_loop_that_is_destroyed_with_everything_under_way_frees_everything) {
  for (int stage = 0; stage < 30; ++stage) {
    // Longer-lived than the loop, as a member of something else would be.
    asio::cancellation_signal stop;
    auto loop = std::make_unique<asio::io_context>();
    const auto work = [](client& redis, asio::cancellation_signal& cancel) -> asio::awaitable<void> {
      co_await redis.connect();
      redis.get("key")(asio::bind_cancellation_slot(cancel.slot(), [](std::exception_ptr, auto) {}));
      redis.get_from_queue("queue", 60s)([](std::exception_ptr, auto) {});
      redis.exec("BLPOP", "queue", 60)([](std::exception_ptr, const reply&) {});
      subscription events = co_await redis.subscribe("channel");
      co_await events.next();
    };
    // The client lives in a coroutine of the loop, so that it owns itself in a circle.
    asio::co_spawn(
        *loop,
        [](asio::io_context& on, config with, asio::cancellation_signal& cancel, auto then) -> asio::awaitable<void> {
          client redis(on.get_executor(), std::move(with));
          co_await then(redis, cancel);
        }(*loop, settings, stop, work),
        asio::detached);
    if (stage < 20) {
      for (int i = 0; i < 4 * stage; ++i) loop->poll_one();
    } else {
      loop->run_for(std::chrono::milliseconds(stage - 20));
    }
    loop.reset();
  }
}

// How one operation ended.
struct ending {
  int told = 0;
  std::exception_ptr failure{};

  auto handler() {
    return [this](std::exception_ptr thrown, const auto&...) {
      ++told;
      failure = std::move(thrown);
    };
  }
  [[nodiscard]] bool was_cancelled() const {
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const cancelled&) {
      return told == 1;
    } catch (...) {
    }
    return false;
  }
};

TEST_F(lifetime, a_client_destroyed_with_everything_under_way_tells_everybody_cancelled) {
  run([this]() -> asio::awaitable<void> {
    // It does not answer, so nothing ends by itself.
    auto redis = std::make_unique<client>(io.get_executor(), settings);
    co_await redis->connect();
    subscription events = co_await redis->subscribe("channel");
    ending get, write, pop, leased, next, connecting;
    redis->exec("BLPOP", "queue", 60)(leased.handler());
    redis->get_from_queue("queue", 60s)(pop.handler());
    events.next()(next.handler());
    co_await pause(50ms);
    server.pause();
    redis->get("key")(get.handler());
    redis->add_to_queue("other", 1)(write.handler());
    auto other = std::make_unique<client>(io.get_executor(), settings);
    other->connect()(connecting.handler());
    co_await pause(50ms);
    EXPECT_EQ(get.told + write.told + pop.told + leased.told + next.told + connecting.told, 0);
    redis.reset();
    other.reset();
    EXPECT_EQ(get.told + write.told + pop.told + leased.told + next.told + connecting.told, 0)
        << "no handler runs within the destructor";
    co_await until([&] { return get.told && write.told && pop.told && leased.told && next.told && connecting.told; });
    for (const ending* one : {&get, &write, &pop, &leased, &next, &connecting}) EXPECT_TRUE(one->was_cancelled());
    server.resume();
  });
}

TEST_F(lifetime, a_handler_may_destroy_its_client) {
  run([this]() -> asio::awaitable<void> {
    for (int round = 0; round < 10; ++round) {
      auto redis = std::make_unique<client>(io.get_executor(), settings);
      co_await redis->connect();
      ending before, after, pop, leased;
      bool destroyed = false;
      redis->get("key")(before.handler());
      redis->get("key")([&](std::exception_ptr, const auto&) {
        redis.reset();
        destroyed = true;
      });
      redis->get("key")(after.handler());
      redis->get_from_queue("queue", 60s)(pop.handler());
      redis->exec("BLPOP", "queue", 60)(leased.handler());
      co_await until([&] { return destroyed && before.told && after.told && pop.told && leased.told; });
      EXPECT_FALSE(before.failure);
      // Its answer may have been read together with the others.
      EXPECT_TRUE(!after.failure || after.was_cancelled());
      EXPECT_TRUE(pop.was_cancelled());
      EXPECT_TRUE(leased.was_cancelled());
    }
  });
}

TEST_F(lifetime, a_loop_that_was_stopped_goes_on_where_it_was) {
  client redis(io.get_executor(), settings);
  ending connected;
  redis.connect()(connected.handler());
  int answered = 0;
  int wrong = 0;
  ending pop;
  for (int round = 0; round < 50; ++round) {
    // Stopped by itself at some point, and asked for more before it runs again.
    io.restart();
    for (int i = 0; i < 1 + round % 7 && io.run_one_for(20ms) > 0; ++i) {
    }
    io.stop();
    if (!connected.told) continue;
    if (round == 20) redis.get_from_queue<std::string>("queue", 30s)(pop.handler());
    redis.exec("ECHO", std::to_string(round))([&, round](std::exception_ptr failure, const reply& got) {
      ++answered;
      if (failure || got.view().text() != std::to_string(round)) ++wrong;
    });
  }
  server.command({"RPUSH", "queue", "element"});
  run([&]() -> asio::awaitable<void> {
    co_await until([&] { return pop.told == 1; });
    co_await redis.set("key", 1);
    EXPECT_GT(answered, 10);
    EXPECT_EQ(wrong, 0);
    EXPECT_FALSE(pop.failure);
    co_await redis.disconnect();
  });
}

}  // namespace
}  // namespace redstart::test
