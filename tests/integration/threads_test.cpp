// SPDX-License-Identifier: MIT
// One client, several threads: those of its executor, and others.
#include "support/client_fixture.hpp"

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <thread>
#include <vector>

namespace redstart::test {
namespace {

// Counts what was begun and what has ended, and how.
struct tally {
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  std::atomic<int> failed{0};
  std::atomic<int> wrong{0};

  // A handler that checks the result.
  template <class IsRight>
  auto expect(IsRight is_right) {
    ++begun;
    return [this, is_right, told = std::make_shared<std::atomic<bool>>(false)](std::exception_ptr failure,
                                                                               const auto&... result) {
      if (told->exchange(true)) ++wrong;
      if (failure) {
        ++failed;
      } else if (!is_right(result...)) {
        ++wrong;
      }
      ++ended;
    };
  }
  [[nodiscard]] bool wait_for_all(std::chrono::seconds limit = 30s) const {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (ended < begun && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
    return ended == begun;
  }
};

constexpr auto anything = [](const auto&...) { return true; };

class threads : public ::testing::Test {
 protected:
  void SetUp() override {
    settings.url = server.unix_url();
    settings.timeout = 20s;
    settings.liveness_timeout = 20s;
  }
  // Operations of every sort, from whichever thread this is called.
  static void begin_everything(client& redis, tally& all, const std::string& who) {
    for (int i = 0; i < 20; ++i) {
      const std::string text = who + std::to_string(i);
      redis.exec("ECHO", text)(all.expect([text](const reply& got) { return got.view().text() == text; }));
      redis.set("key:" + who, i)(all.expect(anything));
    }
    redis.get_from_queue<std::string>("queue:" + who, 20s)(all.expect(anything));
    redis.exec("BLPOP", "other:" + who, 20)(all.expect(anything));
    redis.subscribe("channel")(all.expect(anything));
  }

  redis_server server;
  config settings;
  asio::thread_pool pool{3};
};

TEST_F(threads, callbacks_futures_and_coroutines_of_all_threads_get_their_own_answers) {
  client redis(pool.get_executor(), settings);
  redis.connect()(asio::use_future).get();
  constexpr int rounds = 100;
  tally all;
  std::vector<std::thread> others;
  for (int who = 0; who < 2; ++who) {
    others.emplace_back([&redis, &all, who] {
      for (int i = 0; i < rounds; ++i) {
        const std::string text = "future " + std::to_string(who) + " " + std::to_string(i);
        const reply got = redis.exec("ECHO", text)(asio::use_future).get();
        if (got.view().text() != text) ++all.wrong;
        const std::string called = "callback " + std::to_string(who) + " " + std::to_string(i);
        redis.exec("ECHO", called)(all.expect([called](const reply& back) { return back.view().text() == called; }));
      }
    });
  }
  const auto work = [](client& r, int who) -> asio::awaitable<int> {
    const std::string key = "coroutine:" + std::to_string(who);
    int right = 0;
    for (int i = 0; i < rounds; ++i) {
      co_await r.set(key, i);
      const auto value = co_await r.get<int>(key);
      if (value == i) ++right;
    }
    co_return right;
  };
  for (int who = 0; who < 8; ++who) {
    asio::co_spawn(pool, work(redis, who), all.expect([](int right) { return right == rounds; }));
  }
  for (auto& other : others) other.join();
  EXPECT_TRUE(all.wait_for_all());
  EXPECT_EQ(all.wrong, 0);
  EXPECT_EQ(all.failed, 0);
  redis.disconnect()(asio::use_future).get();
}

TEST_F(threads, disconnecting_races_with_everything_and_everybody_is_told_once) {
  client redis(pool.get_executor(), settings);
  for (int round = 0; round < 20; ++round) {
    redis.connect()(asio::use_future).get();
    tally all;
    std::vector<std::thread> others;
    for (int who = 0; who < 2; ++who) {
      others.emplace_back([&, who] { begin_everything(redis, all, std::to_string(who)); });
    }
    others.emplace_back([&, round] {
      std::this_thread::sleep_for(std::chrono::microseconds(100 * round));
      redis.disconnect()(all.expect(anything));
    });
    // And who wants to be connected again at once.
    if (round % 2 == 1) others.emplace_back([&] { redis.connect()(all.expect(anything)); });
    for (auto& other : others) other.join();
    redis.disconnect()(asio::use_future).get();
    EXPECT_TRUE(all.wait_for_all()) << "round " << round << ": " << all.ended << " of " << all.begun << " were told";
    EXPECT_EQ(all.wrong, 0) << "round " << round;
    if (HasFailure()) return;
  }
  redis.connect()(asio::use_future).get();
  redis.set("key", 1)(asio::use_future).get();
  EXPECT_EQ(redis.get<int>("key")(asio::use_future).get(), 1);
  redis.disconnect()(asio::use_future).get();
}

TEST_F(threads, a_client_that_another_thread_destroys_tells_everybody_once) {
  for (int round = 0; round < 20; ++round) {
    auto redis = std::make_unique<client>(pool.get_executor(), settings);
    redis->connect()(asio::use_future).get();
    tally all;
    std::thread other([&] { begin_everything(*redis, all, "other"); });
    begin_everything(*redis, all, "this");
    other.join();  // nothing is started on a client that is going away; what runs may go on
    std::this_thread::sleep_for(std::chrono::microseconds(50 * round));
    redis.reset();
    EXPECT_TRUE(all.wait_for_all()) << "round " << round << ": " << all.ended << " of " << all.begun << " were told";
    EXPECT_EQ(all.wrong, 0) << "round " << round;
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace redstart::test
