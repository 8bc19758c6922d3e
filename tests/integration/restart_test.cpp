// SPDX-License-Identifier: MIT
// Redis goes away and comes back during mixed traffic.
#include "support/client_fixture.hpp"
#include "support/waiting.hpp"

namespace redstart::test {
namespace {

class restart : public loop_test, public ::testing::WithParamInterface<way> {
 protected:
  void SetUp() override {
    server = std::make_unique<redis_server>(server_options{.tls = GetParam().transport == "tls"});
    settings.url = GetParam().transport == "tcp"    ? server->url()
                   : GetParam().transport == "unix" ? server->unix_url()
                                                    : server->tls_url();
    settings.tls.ca_file = GetParam().transport == "tls" ? test_certificates().ca_file : "";
    settings.protocol = GetParam().protocol;
    settings.timeout = 2s;
    settings.backoff_max = 200ms;
  }
  std::unique_ptr<redis_server> server;
  config settings;

  struct outcome {
    long answered = 0;
    long failed = 0;
    long wrong = 0;
    std::chrono::steady_clock::duration longest{};
  };
};

TEST_P(restart, every_operation_ends_by_its_deadline_and_traffic_goes_on_without_help) {
  run(
      [this]() -> asio::awaitable<void> {
        client redis(io.get_executor(), settings);
        co_await redis.connect();
        bool going = true;
        outcome seen;
        const auto traffic = [](loop_test& test, client& r, int i, const bool& more, outcome& of,
                                auto pause) -> asio::awaitable<void> {
          (void)test;
          const std::string key = "key:" + std::to_string(i);
          for (int n = 0; more; ++n) {
            const auto begin = std::chrono::steady_clock::now();
            try {
              switch (i % 4) {
                case 0: {
                  co_await r.set(key, n);
                  const auto value = co_await r.get<int>(key);
                  // Its own writes only, never another key's value.
                  if (value && (*value < 0 || *value > n)) ++of.wrong;
                  break;
                }
                case 1:
                  co_await r.add_to_queue("queue", i);
                  break;
                case 2:
                  co_await r.get_from_queue<int>("queue", 300ms);
                  break;
                default:
                  co_await r.exec<std::int64_t>("INCR", "counter");
              }
              ++of.answered;
            } catch (const error&) {
              ++of.failed;
            }
            of.longest = std::max(of.longest, std::chrono::steady_clock::now() - begin);
            co_await pause();
          }
        };
        for (int i = 0; i < 40; ++i) {
          start(traffic(*this, redis, i, going, seen, [this] { return pause(1ms); }));
        }
        for (int round = 0; round < 3; ++round) {
          co_await pause(200ms);
          const long before_loss = seen.answered;
          EXPECT_GT(before_loss, 0);
          if (round % 2 == 0) {
            server->kill();
          } else {
            server->stop();
          }
          co_await pause(300ms);
          server->start();
          const auto back = std::chrono::steady_clock::now();
          const long after_start = seen.answered;
          co_await until([&] { return seen.answered > after_start + 100; }, 10s);
          std::printf("traffic resumed %lld ms after the server was back\n",
                      static_cast<long long>(
                          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - back)
                              .count()));
        }
        going = false;
        co_await all_done();
        EXPECT_EQ(seen.wrong, 0);
        // Two operations in the longest iteration, each with a deadline of 2 s.
        EXPECT_LT(seen.longest, 2 * settings.timeout + 500ms);
        EXPECT_TRUE((co_await redis.health_check()).healthy());
        co_await redis.disconnect();
      },
      60s);
}

// An increment that was acknowledged happened once; one that failed with maybe_applied happened once or not at all; any
// other failure means that it did not happen.
TEST_P(restart, effects_equal_what_was_acknowledged_or_reported) {
  run(
      [this]() -> asio::awaitable<void> {
        client redis(io.get_executor(), settings);
        co_await redis.connect();
        bool going = true;
        long acknowledged = 0;
        long maybe = 0;
        const auto count = [](client& r, const bool& more, long& sure, long& unsure) -> asio::awaitable<void> {
          while (more) {
            try {
              co_await r.exec<std::int64_t>("INCR", "counter");
              ++sure;
            } catch (const error& e) {
              if (e.maybe_applied()) ++unsure;
            }
          }
        };
        for (int i = 0; i < 50; ++i) start(count(redis, going, acknowledged, maybe));
        for (int cut = 0; cut < 20; ++cut) {
          co_await pause(20ms);
          server->command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
        }
        co_await pause(100ms);
        going = false;
        co_await all_done();
        const auto counter = co_await redis.get<long>("counter");
        EXPECT_GE(counter.value_or(0), acknowledged);
        EXPECT_LE(counter.value_or(0), acknowledged + maybe);
        EXPECT_GT(acknowledged, 1000);
        co_await redis.disconnect();
      },
      60s);
}

// What the server has said before it dies lies in the socket. Writing fails before it is read, which must not make it
// unread: it may be an element that has left its queue.
TEST_P(restart, an_answer_that_has_arrived_survives_a_write_to_the_dead_server) {
  for (int round = 0; round < 5; ++round) {
    run([this]() -> asio::awaitable<void> {
      client redis(io.get_executor(), settings);
      co_await redis.connect();
      server->command({"RPUSH", "queue", "element"});
      std::optional<std::string> popped;
      start([](client& r, std::optional<std::string>& into) -> asio::awaitable<void> {
        into = co_await r.get_from_queue<std::string>("queue", 0s);
      }(redis, popped));
      const auto unread = [this] { return server->command({"LLEN", "queue"}).integer == 0; };
      for (int turn = 0; turn < 3; ++turn) co_await asio::post(io, asio::use_awaitable);  // it is sent
      // From here on the loop stands still.
      EXPECT_TRUE(eventually(unread, 2s));
      server->command({"PING"});  // answers are sent at the end of a turn, so this comes behind the one to the pop
      server->kill();
      start([](client& r) -> asio::awaitable<void> {
        try {
          co_await r.set("key", 1);
        } catch (const connection_error&) {  // the kernel took it, and nobody read it
        }
      }(redis));
      co_await pause(50ms);
      server->start();
      co_await all_done();
      EXPECT_EQ(popped, "element");
      co_await redis.disconnect();
    });
  }
}

INSTANTIATE_TEST_SUITE_P(every_way, restart,
                         ::testing::Values(way{"tcp_resp3", "tcp", 3}, way{"unix_resp2", "unix", 2},
                                           way{"tls_resp3", "tls", 3}),
                         name_of);

class loading : public loop_test {};

// A server that loads its data refuses every command before it is executed: operations wait for it, within their
// deadline.
TEST_F(loading, operations_wait_for_a_server_that_is_loading_until_their_deadline) {
  redis_server server({.args = {"--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"}});
  for (int i = 0; i < 2000; ++i)
    server.command({"SET", "key:" + std::to_string(i), std::to_string(i * 7919) + "-value"});
  server.command({"SAVE"});
  config settings;
  settings.url = server.unix_url();
  settings.timeout = 300ms;
  run(
      [&]() -> asio::awaitable<void> {
        client redis(io.get_executor(), settings);
        co_await redis.connect();
        EXPECT_TRUE((co_await redis.get<std::string>("key:1")).has_value());
        server.stop();
        server.start_without_waiting();
        bool refused = false;
        bool answered = false;
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!answered && std::chrono::steady_clock::now() < end) {
          const auto begin = std::chrono::steady_clock::now();
          try {
            answered = (co_await redis.get<std::string>("key:1")).has_value();
          } catch (const error& e) {
            if (std::string(e.what()).find("LOADING") != std::string::npos) {
              refused = true;
              EXPECT_FALSE(e.maybe_applied()) << e.what();
            }
          }
          EXPECT_LT(std::chrono::steady_clock::now() - begin, 500ms);
        }
        EXPECT_TRUE(answered);
        EXPECT_TRUE(refused) << "the server was never seen loading";
        co_await redis.disconnect();
      },
      40s);
}

}  // namespace
}  // namespace redstart::test
