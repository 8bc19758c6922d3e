// SPDX-License-Identifier: MIT
// Many at once.
#include "support/client_fixture.hpp"

#include <boost/asio/use_future.hpp>

#include <malloc.h>

#include <atomic>
#include <map>
#include <thread>

namespace redstart::test {
namespace {

class load : public loop_test {
 protected:
  void SetUp() override { settings.url = server.url(); }
  redis_server server;
  config settings;

  // How often the server has run a command.
  long calls(const std::string& command) {
    const std::string stats = server.command({"INFO", "commandstats"}).text;
    const std::string field = "cmdstat_" + command + ":calls=";
    const std::size_t at = stats.find(field);
    return at == std::string::npos ? 0 : std::stol(stats.substr(at + field.size()));
  }
  std::size_t sockets() {
    const std::string list = server.command({"CLIENT", "LIST"}).text;
    std::size_t count = 0;
    for (std::size_t at = list.find("name=redstart"); at != std::string::npos; at = list.find("name=redstart", at + 1))
      ++count;
    return count;
  }
};

TEST_F(load, ten_thousand_coroutines_read_their_own_keys_over_one_connection) {
  run(
      [this]() -> asio::awaitable<void> {
        constexpr int width = 10'000;
        constexpr int rounds = 100;
        client redis(io.get_executor(), settings);
        co_await redis.connect();
        pipeline fill;
        for (int i = 0; i < width; ++i) fill.add("SET", "key:" + std::to_string(i), "value of " + std::to_string(i));
        const auto filled = co_await redis.exec(std::move(fill));
        EXPECT_EQ(filled.size(), std::size_t{width});

        long right = 0;
        const auto read = [](client& r, int i, long& count) -> asio::awaitable<void> {
          const std::string key = "key:" + std::to_string(i);
          const std::string expected = "value of " + std::to_string(i);
          for (int round = 0; round < rounds; ++round) {
            const auto value = co_await r.get<std::string>(key);
            if (value == expected) ++count;
          }
        };
        for (int i = 0; i < width; ++i) start(read(redis, i, right));
        co_await all_done(120s);
        EXPECT_EQ(right, long{width} * rounds);
        EXPECT_EQ(sockets(), 1u);
        co_await redis.disconnect();
      },
      150s);
}

TEST_F(load, a_waiting_operation_costs_less_than_a_kibibyte) {
  run(
      [this]() -> asio::awaitable<void> {
        constexpr std::size_t waiting = 10'000;
        settings.timeout = 30s;
        client redis(io.get_executor(), settings);
        co_await redis.connect();
        co_await redis.set("key", "value");
        server.pause();
        std::size_t answered = 0;
        const std::size_t before = mallinfo2().uordblks;
        for (std::size_t i = 0; i < waiting; ++i) {
          redis.get<std::string>("key")(
              [&](std::exception_ptr failure, const auto&) { answered += failure ? 0u : 1u; });
        }
        const std::size_t used = mallinfo2().uordblks - before;
        std::printf("memory per waiting operation: %zu bytes (%zu waiting)\n", used / waiting, waiting);
        RecordProperty("bytes_per_waiting_operation", static_cast<int>(used / waiting));
        EXPECT_LT(used / waiting, 1024u);
        server.resume();
        co_await until([&] { return answered == waiting; });
        co_await redis.disconnect();
      },
      60s);
}

TEST_F(load, a_thousand_waiting_pops_on_fifty_queues_share_a_few_connections) {
  run(
      [this]() -> asio::awaitable<void> {
        constexpr int queues = 50;
        constexpr int per_queue = 20;
        client redis(io.get_executor(), settings);
        co_await redis.connect();

        std::map<int, std::vector<std::pair<int, int>>> served;  // queue -> (waiter, element), in the order of serving
        const auto consume = [](client& r, int queue, int waiter, auto& into) -> asio::awaitable<void> {
          const auto element = co_await r.get_from_queue<int>("queue:" + std::to_string(queue), 30s);
          into[queue].emplace_back(waiter, element.value_or(-1));
        };
        for (int waiter = 0; waiter < per_queue; ++waiter) {
          for (int queue = 0; queue < queues; ++queue) start(consume(redis, queue, waiter, served));
        }
        // One more queue whose waiters get nothing must not hold up anybody.
        std::chrono::steady_clock::duration empty_wait{};
        start([](client& r, auto& spent) -> asio::awaitable<void> {
          const auto begin = std::chrono::steady_clock::now();
          EXPECT_EQ(co_await r.get_from_queue<int>("empty", 700ms), std::nullopt);
          spent = std::chrono::steady_clock::now() - begin;
        }(redis, empty_wait));
        co_await pause(300ms);
        EXPECT_LE(sockets(), 3u);

        const auto quick = std::chrono::steady_clock::now();
        for (int i = 0; i < 100; ++i) co_await redis.set("key", i);
        EXPECT_LT(std::chrono::steady_clock::now() - quick, 1s);

        const long pops_before = calls("blpop") + calls("lpop");
        std::vector<int> elements(per_queue);
        for (int i = 0; i < per_queue; ++i) elements[static_cast<std::size_t>(i)] = i;
        for (int queue = 0; queue < queues; ++queue) {
          co_await redis.add_to_queue("queue:" + std::to_string(queue), each(elements));
        }
        co_await all_done();
        EXPECT_GE(empty_wait, 700ms);
        EXPECT_LT(empty_wait, 1500ms);
        for (int queue = 0; queue < queues; ++queue) {
          EXPECT_EQ(served[queue].size(), std::size_t{per_queue});
          for (int i = 0; i < static_cast<int>(served[queue].size()); ++i) {
            EXPECT_EQ(served[queue][static_cast<std::size_t>(i)], std::pair(i, i)) << "queue " << queue;
          }
        }
        const long pops = calls("blpop") + calls("lpop") - pops_before;
        std::printf("commands for 1,000 elements to 1,000 waiters on 50 queues: %ld\n", pops);
        EXPECT_LT(pops, 4 * queues);
        co_await redis.disconnect();
      },
      60s);
}

TEST_F(load, many_threads_may_use_one_client) {
  asio::io_context shared;
  constexpr int width = 200;
  constexpr int rounds = 50;
  std::atomic<long> right{0};
  client redis(shared.get_executor(), settings);
  std::exception_ptr failure;
  const auto work = [](client& r, int i, std::atomic<long>& count) -> asio::awaitable<void> {
    const std::string key = "key:" + std::to_string(i);
    for (int round = 0; round < rounds; ++round) {
      co_await r.set(key, round);
      const auto value = co_await r.get<int>(key);
      if (value == round) ++count;
    }
  };
  asio::co_spawn(
      shared,
      [&]() -> asio::awaitable<void> {
        co_await redis.connect();
        for (int i = 0; i < width; ++i) {
          asio::co_spawn(shared, work(redis, i, right), [&](std::exception_ptr e) {
            if (e) failure = e;
          });
        }
      },
      [&](std::exception_ptr e) {
        if (e) failure = e;
      });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&shared] { shared.run_for(30s); });
  // And one thread that has nothing to do with the loop.
  std::thread foreign([&] {
    for (int i = 0; i < 200; ++i) {
      try {
        redis.set("foreign", i)(asio::use_future).get();
        const auto value = redis.get<int>("foreign")(asio::use_future).get();
        if (value == i) ++right;
      } catch (const not_connected&) {
        --i;
        std::this_thread::yield();
      }
    }
  });
  foreign.join();
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (right < long{width} * rounds + 200 && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(right.load(), long{width} * rounds + 200);
  redis.disconnect()(asio::use_future).get();
  for (auto& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace
}  // namespace redstart::test
