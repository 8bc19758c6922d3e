// SPDX-License-Identifier: MIT
#include "support/client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/describe.hpp>

#include <numeric>

namespace redstart::test {

struct detection {
  int camera_id = 0;
  std::string timestamp;
  std::vector<std::string> objects;
  bool operator==(const detection&) const = default;
};
BOOST_DESCRIBE_STRUCT(detection, (), (camera_id, timestamp, objects))

namespace {

using queue = verbs_test;
INSTANTIATE_TEST_SUITE_P(every_way, queue, ::testing::ValuesIn(every_way), name_of);

TEST_P(queue, elements_leave_in_the_order_they_came) {
  with_client([](client& redis) -> asio::awaitable<void> {
    const detection first{1, "2024-01-01T12:00:00", {"person", "car"}};
    const detection second{2, "2024-01-01T12:00:01", {}};
    EXPECT_EQ(co_await redis.add_to_queue("detections", first), 1u);
    EXPECT_EQ(co_await redis.add_to_queue("detections", second), 2u);
    EXPECT_EQ(co_await redis.get_from_queue<detection>("detections"), first);
    EXPECT_EQ(co_await redis.get_from_queue<detection>("detections", 5s), second);
    EXPECT_EQ(co_await redis.get_from_queue<detection>("detections"), std::nullopt);
  });
}

TEST_P(queue, plain_strings_stay_plain) {
  with_client([](client& redis) -> asio::awaitable<void> {
    co_await redis.add_to_queue("logs", "System started");
    EXPECT_EQ(co_await redis.get_from_queue("logs"), json::value("System started"));
  });
}

TEST_P(queue, a_range_is_added_in_one_command_and_a_batch_taken_at_once) {
  with_client([](client& redis) -> asio::awaitable<void> {
    std::vector<int> numbers(10);
    std::iota(numbers.begin(), numbers.end(), 0);
    EXPECT_EQ(co_await redis.add_to_queue("numbers", each(numbers)), 10u);
    const std::vector<int> none;
    EXPECT_EQ(co_await redis.add_to_queue("numbers", each(none)), 10u);
    const auto some = co_await redis.get_batch_from_queue<int>("numbers", 4);
    EXPECT_EQ(some, (std::vector<int>{0, 1, 2, 3}));
    const auto rest = co_await redis.get_batch_from_queue<int>("numbers", 100, 5s);
    EXPECT_EQ(rest.size(), 6u);
    EXPECT_TRUE((co_await redis.get_batch_from_queue<int>("numbers", 100)).empty());
  });
}

TEST_P(queue, peeking_has_the_specifications_inclusive_indexes) {
  with_client([](client& redis) -> asio::awaitable<void> {
    const std::vector<int> numbers{10, 11, 12, 13};
    co_await redis.add_to_queue("numbers", each(numbers));
    const std::vector<int> first_two{10, 11};
    const std::vector<int> last_two{12, 13};
    EXPECT_EQ(co_await redis.peek_queue<int>("numbers", 0, 1), first_two);
    EXPECT_EQ(co_await redis.peek_queue<int>("numbers", -2, -1), last_two);
    EXPECT_EQ((co_await redis.peek_queue<int>("numbers")).size(), 4u);
    EXPECT_EQ(co_await redis.get_queue_length("numbers"), 4u);
    EXPECT_TRUE(co_await redis.clear_queue("numbers"));
    EXPECT_FALSE(co_await redis.clear_queue("numbers"));
    EXPECT_EQ(co_await redis.get_queue_length("numbers"), 0u);
  });
}

TEST_P(queue, a_waiting_pop_gets_what_comes_and_others_stay_fast_meanwhile) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    std::optional<int> got;
    start([](client& r, std::optional<int>& into) -> asio::awaitable<void> {
      into = co_await r.get_from_queue<int>("numbers", 10s);
    }(redis, got));
    co_await pause(50ms);
    for (int i = 0; i < 20; ++i) co_await redis.set("key", i);
    EXPECT_FALSE(got.has_value());
    co_await redis.add_to_queue("numbers", 42);
    co_await all_done();
    EXPECT_EQ(got, 42);
  });
}

TEST_P(queue, a_waiting_pop_honours_fractions_of_a_second) {
  with_client([](client& redis) -> asio::awaitable<void> {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(co_await redis.get_from_queue<int>("numbers", 120ms), std::nullopt);
    const auto spent = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(spent, 120ms);
    EXPECT_LT(spent, 1s);
  });
}

TEST_P(queue, a_waiting_batch_takes_what_is_there) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    std::vector<int> got;
    start([](client& r, std::vector<int>& into) -> asio::awaitable<void> {
      into = co_await r.get_batch_from_queue<int>("numbers", 100, 10s);
    }(redis, got));
    co_await pause(50ms);
    const std::vector<int> numbers{1, 2, 3};
    co_await redis.add_to_queue("numbers", each(numbers));
    co_await all_done();
    EXPECT_EQ(got, numbers);
  });
}

TEST_P(queue, an_element_that_does_not_fit_is_in_the_error) {
  with_client([](client& redis) -> asio::awaitable<void> {
    co_await redis.add_to_queue("numbers", "1");
    co_await redis.add_to_queue("numbers", "two");
    try {
      co_await redis.get_batch_from_queue<int>("numbers", 10);
      ADD_FAILURE() << "no error";
    } catch (const decode_error& e) {
      EXPECT_EQ(e.payloads(), (std::vector<std::string>{"1", "two"}));
    }
    co_await redis.add_to_queue("numbers", "three");
    try {
      co_await redis.get_from_queue<int>("numbers", 5s);
      ADD_FAILURE() << "no error";
    } catch (const decode_error& e) {
      EXPECT_EQ(e.payload(), "three");
    }
  });
}

TEST_P(queue, a_key_that_is_no_queue_is_an_error_for_waiting_pops_too) {
  with_client([](client& redis) -> asio::awaitable<void> {
    co_await redis.set("text", "no list");
    for (const auto timeout : {0s, 2s}) {
      try {
        co_await redis.get_from_queue("text", timeout);
        ADD_FAILURE() << "no error";
      } catch (const server_error& e) {
        EXPECT_EQ(e.code(), "WRONGTYPE");
      }
    }
  });
}

// Nothing was popped, and its text is no element: giving it back would put it into the queue, or be tried for ever.
TEST_P(queue, a_late_refusal_of_a_cancelled_pop_is_nobodys_element) {
  std::vector<std::string> said;
  settings.log = [&said](log_level, std::string_view line) { said.emplace_back(line); };
  with_client([this](client& redis) -> asio::awaitable<void> {
    co_await redis.set("text", std::string("is no queue"));
    // The answer may be faster; of many tries one is not.
    bool sent_and_cancelled = false;
    for (int tries = 0; tries < 500 && !sent_and_cancelled; ++tries) {
      asio::cancellation_signal stop;
      bool ended = false;
      redis.get_from_queue<std::string>("text", 0s)(asio::bind_cancellation_slot(
          stop.slot(), [&](const std::exception_ptr& failure, const std::optional<std::string>&) {
            ended = true;
            try {
              if (failure) std::rethrow_exception(failure);
            } catch (const cancelled& e) {
              sent_and_cancelled = e.maybe_applied();
            } catch (const std::exception&) {
            }
          }));
      co_await asio::post(io, asio::use_awaitable);
      stop.emit(asio::cancellation_type::terminal);
      while (!ended) co_await pause(1ms);
    }
    EXPECT_TRUE(sent_and_cancelled);
    co_await pause(20ms);
    co_await redis.del("text");
  });
  for (const std::string& line : said) EXPECT_EQ(line.find("given back"), std::string::npos) << line;
}

// Every element is got once or still there, whatever was cancelled and when.
TEST_P(queue, cancelled_pops_lose_nothing) {
  with_client(
      [this](client& redis) -> asio::awaitable<void> {
        constexpr int elements = 300;
        std::vector<int> seen(elements, 0);
        bool producing = true;
        const auto consume = [](loop_test&, client& r, std::vector<int>& got, const bool& more,
                                unsigned seed) -> asio::awaitable<void> {
          asio::steady_timer timer(co_await asio::this_coro::executor);
          while (more || co_await r.get_queue_length("numbers") > 0) {
            // Shared: the timer's handler may be on its way when the pop has ended already.
            const auto stop = std::make_shared<asio::cancellation_signal>();
            timer.expires_after(std::chrono::microseconds((seed = seed * 1103515245 + 12345) % 3000));
            timer.async_wait([stop](boost::system::error_code ec) {
              if (!ec) stop->emit(asio::cancellation_type::terminal);
            });
            bool ended = false;
            asio::steady_timer wake(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
            r.get_from_queue<int>("numbers", 5s)(
                asio::bind_cancellation_slot(stop->slot(), [&](std::exception_ptr, std::optional<int> one) {
                  if (one) ++got[static_cast<std::size_t>(*one)];
                  ended = true;
                  wake.cancel();
                }));
            if (!ended) {
              boost::system::error_code ignored;
              co_await wake.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
            }
            timer.cancel();
          }
        };
        for (unsigned i = 0; i < 8; ++i) start(consume(*this, redis, seen, producing, i));
        for (int i = 0; i < elements; ++i) {
          co_await redis.add_to_queue("numbers", i);
          if (i % 7 == 0) co_await pause(1ms);
        }
        producing = false;
        co_await all_done();
        // The queue was empty when the last consumer looked; what was cancelled just before may be on its way back.
        for (;;) {
          const auto left = co_await redis.get_from_queue<int>("numbers", 1s);
          if (!left) break;
          ++seen[static_cast<std::size_t>(*left)];
        }
        for (int i = 0; i < elements; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], 1) << i;
      },
      60s);
}

}  // namespace
}  // namespace redstart::test
