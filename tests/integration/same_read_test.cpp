// SPDX-License-Identifier: MIT
// Handlers that meddle with operations whose answers were read together with theirs: commands that are started in one
// turn of the loop are written at once, and Redis answers them at once.
#include "support/client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace redstart::test {
namespace {

constexpr std::size_t together = 100;

struct outcome {
  int told = 0;
  bool answered = false;
  bool was_cancelled = false;

  void take(const std::exception_ptr& failure, bool is_right) {
    ++told;
    answered = !failure && is_right;
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const cancelled&) {
      was_cancelled = true;
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
  }
  [[nodiscard]] bool ended_well() const { return told == 1 && answered != was_cancelled; }
};

class same_read : public loop_test {
 protected:
  void SetUp() override {
    settings.url = server.unix_url();
    settings.timeout = 5s;
  }

  /// Asks for the echo of each number; `then(number)` is called by its handler.
  template <class Then>
  void ask_all(const client& redis, Then then) {
    for (std::size_t i = 0; i < together; ++i) {
      const auto handler = [this, i, then](const std::exception_ptr& failure, const reply& got) {
        outcomes[i].take(failure, !failure && got.view().text() == std::to_string(i));
        then(i);
      };
      redis.exec("ECHO", std::to_string(i))(asio::bind_cancellation_slot(signals[i].slot(), handler));
    }
  }
  void cancel(std::size_t number) { signals[number].emit(asio::cancellation_type::terminal); }

  asio::awaitable<void> all_told() {
    co_await until([this] { return std::ranges::all_of(outcomes, [](const outcome& one) { return one.told > 0; }); });
    for (std::size_t i = 0; i < together; ++i) EXPECT_TRUE(outcomes[i].ended_well()) << "operation " << i;
  }

  redis_server server;
  config settings;
  std::array<outcome, together> outcomes;
  std::array<asio::cancellation_signal, together> signals;
};

TEST_F(same_read, cancelling_others_gives_nobody_the_answer_of_another) {
  run([this]() -> asio::awaitable<void> {
    client redis(io.get_executor(), settings);
    co_await redis.connect();
    // Neighbours that were taken out of the line with it, and ones that were not.
    ask_all(redis, [this](std::size_t i) {
      if (i % 7 != 0) return;
      for (const std::size_t distance : {1u, 3u, 17u, 40u}) {
        if (i + distance < together) cancel(i + distance);
      }
    });
    co_await all_told();
    EXPECT_TRUE(outcomes[0].answered);
    EXPECT_TRUE(outcomes[40].was_cancelled) << "its answer was not on its way to its handler yet";
    EXPECT_EQ(co_await redis.exec<std::string>("ECHO", "next"), "next");
    co_await redis.disconnect();
  });
}

TEST_F(same_read, an_element_whose_pop_another_handler_cancels_is_not_lost) {
  run([this]() -> asio::awaitable<void> {
    client redis(io.get_executor(), settings);
    co_await redis.connect();
    for (std::size_t i = 0; i < together; ++i) co_await redis.add_to_queue("queue", i);
    std::multiset<std::size_t> popped;
    for (std::size_t i = 0; i < together; ++i) {
      const auto handler = [this, i, &popped](const std::exception_ptr& failure,
                                              const std::optional<std::size_t>& element) {
        outcomes[i].take(failure, !failure && element.has_value());
        if (!failure && element) popped.insert(*element);
        for (std::size_t other = i + 1; i % 10 == 0 && other < together; other += 2) cancel(other);
      };
      redis.get_from_queue<std::size_t>("queue")(asio::bind_cancellation_slot(signals[i].slot(), handler));
    }
    co_await all_told();
    EXPECT_LT(popped.size(), together) << "nothing was cancelled in time";
    // What was popped for nobody goes back to the queue.
    co_await until([&] {
      const auto left = static_cast<std::size_t>(server.command({"LLEN", "queue"}).integer);
      return left + popped.size() == together;
    });
    while (const auto element = co_await redis.get_from_queue<std::size_t>("queue")) popped.insert(*element);
    for (std::size_t i = 0; i < together; ++i) EXPECT_EQ(popped.count(i), 1u) << "element " << i;
    co_await redis.disconnect();
  });
}

// `disconnect` gives back first what was popped for nobody, also what has been read and was not looked at yet.
TEST_F(same_read, an_element_for_nobody_is_not_lost_when_a_handler_disconnects) {
  run([this]() -> asio::awaitable<void> {
    // The handler before the pop disconnects. The pop is given up before anything is read, or by the first handler.
    for (const std::size_t before : {1u, 17u}) {
      const bool given_up_early = before == 1;
      client redis(io.get_executor(), settings);
      co_await redis.connect();
      co_await redis.add_to_queue("queue", "element");
      asio::cancellation_signal give_up;
      outcome pop;
      std::size_t answered = 0;
      bool disconnected = false;
      const auto handler = [&](const std::exception_ptr&, const reply&) {
        if (++answered == 1 && !given_up_early) give_up.emit(asio::cancellation_type::terminal);
        if (answered == before) redis.disconnect()([&](const std::exception_ptr&) { disconnected = true; });
      };
      server.pause();
      for (std::size_t i = 0; i < before; ++i) redis.exec("ECHO", "before")(handler);
      redis.get_from_queue("queue")(asio::bind_cancellation_slot(
          give_up.slot(), [&](const std::exception_ptr& failure, const auto& got) { pop.take(failure, !!got); }));
      co_await pause(20ms);
      if (given_up_early) give_up.emit(asio::cancellation_type::terminal);
      server.resume();
      co_await until([&] { return disconnected && pop.told != 0; });
      EXPECT_TRUE(pop.was_cancelled);
      EXPECT_EQ(server.command({"LPOP", "queue"}).text, "element");
    }
  });
}

TEST_F(same_read, a_session_that_is_closed_in_the_middle_leaves_the_others_right) {
  run([this]() -> asio::awaitable<void> {
    client redis(io.get_executor(), settings);
    co_await redis.connect();
    for (int round = 0; round < 5; ++round) {
      auto held = std::make_unique<session>(co_await redis.lease());
      std::size_t told = 0;
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < together; ++i) {
        held->exec("ECHO", std::to_string(i))([&, i](const std::exception_ptr& failure, const reply& got) {
          ++told;
          if (!failure && got.view().text() != std::to_string(i)) ++wrong;
          if (i == 20) held.reset();
        });
      }
      co_await until([&] { return told == together; });
      EXPECT_EQ(wrong, 0u);
      const session next = co_await redis.lease();
      EXPECT_EQ(co_await next.exec<std::string>("ECHO", "next"), "next");
    }
    co_await redis.disconnect();
  });
}

TEST_F(same_read, what_a_handler_asks_in_the_middle_is_answered_after_the_rest) {
  run([this]() -> asio::awaitable<void> {
    client redis(io.get_executor(), settings);
    co_await redis.connect();
    std::size_t told_before = 0;
    std::size_t right = 0;
    ask_all(redis, [&](std::size_t i) {
      ++told_before;
      if (i % 5 != 0) return;
      redis.exec("ECHO", "asked by " + std::to_string(i))([&, i](const std::exception_ptr& failure, const reply& got) {
        if (!failure && got.view().text() == "asked by " + std::to_string(i) && told_before == together) ++right;
      });
    });
    co_await all_told();
    co_await until([&] { return right == together / 5; });
    co_await redis.disconnect();
  });
}

TEST_F(same_read, disconnecting_in_the_middle_tells_everybody_once) {
  run([this]() -> asio::awaitable<void> {
    client redis(io.get_executor(), settings);
    co_await redis.connect();
    bool disconnected = false;
    ask_all(redis, [&](std::size_t i) {
      if (i == 20) redis.disconnect()([&](const std::exception_ptr&) { disconnected = true; });
    });
    co_await all_told();
    co_await until([&] { return disconnected; });
    EXPECT_TRUE(outcomes[20].answered);
  });
}

TEST_F(same_read, destroying_the_client_in_the_middle_tells_everybody_once) {
  run([this]() -> asio::awaitable<void> {
    auto redis = std::make_unique<client>(io.get_executor(), settings);
    co_await redis->connect();
    ask_all(*redis, [&](std::size_t i) {
      if (i == 20) redis.reset();
    });
    co_await all_told();
    EXPECT_TRUE(outcomes[20].answered);
  });
}

}  // namespace
}  // namespace redstart::test
