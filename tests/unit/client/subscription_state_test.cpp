// SPDX-License-Identifier: MIT
#include "client/subscription_state.hpp"

#include "redstart/error.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace redstart::detail {
namespace {

using kind_type = message::kind_type;
using time_point = subscription_state::time_point;

time_point at(int ms) { return time_point(std::chrono::milliseconds(ms)); }

struct fake_owner final : subscription_owner {
  void release(std::shared_ptr<subscription_state> state) override { released.push_back(std::move(state)); }
  std::vector<std::shared_ptr<subscription_state>> released;
};

// What a `next` completed with.
struct result {
  std::exception_ptr failure;
  message item;
  std::string text() const {
    if (!failure) return item.payload;
    try {
      std::rethrow_exception(failure);
    } catch (const cancelled& e) {
      return std::string("cancelled: ") + e.what();
    } catch (const overloaded& e) {
      return std::string("overloaded: ") + e.what();
    } catch (const std::exception& e) {
      return std::string("error: ") + e.what();
    }
  }
};

class subscription_state_test : public ::testing::Test {
 protected:
  std::shared_ptr<subscription_state> make(const subscription_options& options = {}) {
    return std::make_shared<subscription_state>(io.get_executor(), options, "the subscription to c", owner);
  }
  static bool deliver(subscription_state& to, const char* payload) { return to.deliver({"c", "", payload}, at(0)); }

  /// Starts a `next` and keeps what it completes with.
  std::shared_ptr<std::optional<result>> ask(subscription& from) {
    auto got = std::make_shared<std::optional<result>>();
    from.next([got](std::exception_ptr failure, message item) { *got = result{failure, std::move(item)}; });
    return got;
  }
  /// What `next` completes with right away; empty when it has to wait.
  std::string now(subscription& from) {
    const auto got = ask(from);
    run();
    return *got ? (*got)->text() : "waits";
  }
  void run() {
    io.restart();
    io.poll();
  }

  asio::io_context io;
  std::shared_ptr<fake_owner> owner = std::make_shared<fake_owner>();
};

TEST_F(subscription_state_test, what_is_buffered_is_handed_out_in_order) {
  const auto state = make();
  subscription listener(state);
  EXPECT_TRUE(deliver(*state, "1"));
  EXPECT_TRUE(deliver(*state, "2"));
  EXPECT_EQ(now(listener), "1");
  EXPECT_EQ(now(listener), "2");
  EXPECT_EQ(now(listener), "waits");
}

TEST_F(subscription_state_test, a_waiting_next_gets_the_message_that_arrives) {
  const auto state = make();
  subscription listener(state);
  const auto got = ask(listener);
  run();
  EXPECT_FALSE(*got);
  EXPECT_TRUE(deliver(*state, "1"));
  run();
  ASSERT_TRUE(*got);
  EXPECT_EQ((*got)->text(), "1");
  EXPECT_EQ(now(listener), "waits");
}

TEST_F(subscription_state_test, handlers_never_run_inside_next_or_deliver) {
  const auto state = make();
  subscription listener(state);
  const auto waiting = ask(listener);
  EXPECT_TRUE(deliver(*state, "1"));
  EXPECT_FALSE(*waiting);
  EXPECT_TRUE(deliver(*state, "2"));
  run();
  const auto immediate = ask(listener);
  EXPECT_FALSE(*immediate);
  run();
  EXPECT_TRUE(*waiting && *immediate);
}

TEST_F(subscription_state_test, handlers_run_on_their_own_executor) {
  const auto state = make();
  subscription listener(state);
  asio::io_context elsewhere;
  std::string got;
  listener.next(asio::bind_executor(elsewhere, [&](const std::exception_ptr&, message item) { got = item.payload; }));
  EXPECT_TRUE(deliver(*state, "1"));
  run();
  EXPECT_EQ(got, "");
  elsewhere.poll();
  EXPECT_EQ(got, "1");
}

TEST_F(subscription_state_test, a_waiting_next_keeps_its_executor_running) {
  const auto state = make();
  subscription listener(state);
  asio::io_context elsewhere;
  bool called = false;
  listener.next(asio::bind_executor(elsewhere, [&](const std::exception_ptr&, const message&) { called = true; }));
  elsewhere.poll();
  EXPECT_FALSE(elsewhere.stopped());
  EXPECT_TRUE(deliver(*state, "1"));
  elsewhere.poll();
  EXPECT_TRUE(called);
  EXPECT_TRUE(elsewhere.stopped());
}

TEST_F(subscription_state_test, a_second_next_fails_and_the_first_is_undisturbed) {
  const auto state = make();
  subscription listener(state);
  const auto first = ask(listener);
  EXPECT_EQ(now(listener), "error: the subscription to c: another next is waiting; one at a time");
  EXPECT_FALSE(*first);
  EXPECT_TRUE(deliver(*state, "1"));
  run();
  ASSERT_TRUE(*first);
  EXPECT_EQ((*first)->text(), "1");
}

// --- Cancelling ------------------------------------------------------------------------------------------------------

TEST_F(subscription_state_test, a_cancelled_next_loses_nothing) {
  const auto state = make();
  subscription listener(state);
  asio::cancellation_signal signal;
  std::optional<result> got;
  listener.next(asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr failure, message item) {
    got = result{std::move(failure), std::move(item)};
  }));
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_FALSE(got);
  EXPECT_TRUE(deliver(*state, "1"));
  run();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->text(), "cancelled: the subscription to c: next was cancelled by its caller");
  EXPECT_EQ(now(listener), "1");
}

TEST_F(subscription_state_test, cancelling_after_the_message_came_changes_nothing) {
  const auto state = make();
  subscription listener(state);
  asio::cancellation_signal signal;
  std::vector<std::string> got;
  const auto handler = [&](const std::exception_ptr& failure, const message& item) {
    got.push_back(failure ? "failure" : item.payload);
  };
  listener.next(asio::bind_cancellation_slot(signal.slot(), handler));
  EXPECT_TRUE(deliver(*state, "1"));
  signal.emit(asio::cancellation_type::terminal);
  run();
  const auto second = ask(listener);
  signal.emit(asio::cancellation_type::terminal);  // the old slot: must not touch the new wait
  run();
  EXPECT_EQ(got, std::vector<std::string>{"1"});
  EXPECT_FALSE(*second);
}

TEST_F(subscription_state_test, a_cancelled_coroutine_leaves_its_next_at_once) {
  const auto state = make();
  subscription listener(state);
  asio::cancellation_signal signal;
  std::string ended;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        try {
          (void)co_await listener.next();
        } catch (const cancelled&) {
          ended = "cancelled";
        }
      },
      asio::bind_cancellation_slot(signal.slot(), asio::detached));
  run();
  EXPECT_EQ(ended, "");
  signal.emit(asio::cancellation_type::terminal);
  run();
  EXPECT_EQ(ended, "cancelled");
}

// --- Gaps ------------------------------------------------------------------------------------------------------------

TEST_F(subscription_state_test, a_waiting_next_is_told_of_a_gap_when_it_is_over) {
  const auto state = make();
  subscription listener(state);
  const auto got = ask(listener);
  state->interrupt(at(10));
  EXPECT_TRUE(deliver(*state, "new"));
  run();
  EXPECT_FALSE(*got);
  state->resume(at(60));
  run();
  ASSERT_TRUE(*got);
  EXPECT_EQ((*got)->item.kind, kind_type::gap);
  EXPECT_EQ((*got)->item.outage, std::chrono::milliseconds(50));
  EXPECT_EQ(now(listener), "new");
}

// --- Endings ---------------------------------------------------------------------------------------------------------

TEST_F(subscription_state_test, an_end_comes_after_what_is_buffered_and_stays) {
  const auto state = make();
  subscription listener(state);
  EXPECT_TRUE(deliver(*state, "1"));
  state->end(std::make_exception_ptr(cancelled("over")), at(0));
  EXPECT_FALSE(listener.is_open());
  EXPECT_FALSE(deliver(*state, "2"));
  EXPECT_EQ(now(listener), "1");
  EXPECT_EQ(now(listener), "cancelled: over");
  EXPECT_EQ(now(listener), "cancelled: over");
}

TEST_F(subscription_state_test, the_first_end_counts) {
  const auto state = make();
  subscription listener(state);
  state->end(std::make_exception_ptr(cancelled("first")), at(0));
  state->end(std::make_exception_ptr(cancelled("second")), at(0));
  EXPECT_EQ(now(listener), "cancelled: first");
}

TEST_F(subscription_state_test, an_end_wakes_a_waiting_next) {
  const auto state = make();
  subscription listener(state);
  const auto got = ask(listener);
  state->end(std::make_exception_ptr(cancelled("over")), at(0));
  run();
  ASSERT_TRUE(*got);
  EXPECT_EQ((*got)->text(), "cancelled: over");
}

TEST_F(subscription_state_test, an_end_during_an_outage_tells_of_it_first) {
  const auto state = make();
  subscription listener(state);
  state->interrupt(at(0));
  EXPECT_TRUE(deliver(*state, "held"));
  state->end(std::make_exception_ptr(cancelled("over")), at(30));
  const auto got = ask(listener);
  run();
  EXPECT_EQ((*got)->item.outage, std::chrono::milliseconds(30));
  EXPECT_EQ(now(listener), "held");
  EXPECT_EQ(now(listener), "cancelled: over");
}

TEST_F(subscription_state_test, the_close_policy_ends_it_as_overloaded_after_what_is_buffered) {
  const auto state = make({.max_messages = 2, .when_full = overflow_policy::close});
  subscription listener(state);
  EXPECT_TRUE(deliver(*state, "1"));
  EXPECT_TRUE(deliver(*state, "2"));
  EXPECT_TRUE(listener.is_open());
  EXPECT_FALSE(deliver(*state, "3"));
  EXPECT_FALSE(listener.is_open());
  EXPECT_EQ(now(listener), "1");
  EXPECT_FALSE(deliver(*state, "4"));
  EXPECT_EQ(now(listener), "2");
  EXPECT_EQ(
      now(listener),
      "overloaded: the subscription to c was closed because 2 messages were waiting for next; call it more often, "
      "or raise max_messages and max_bytes");
}

TEST_F(subscription_state_test, a_waiting_listener_never_overflows) {
  const auto state = make({.max_messages = 1, .when_full = overflow_policy::close});
  subscription listener(state);
  for (int i = 0; i < 5; ++i) {
    const auto got = ask(listener);
    EXPECT_TRUE(deliver(*state, "x"));
    run();
    ASSERT_TRUE(*got);
  }
}

// --- The listener goes -----------------------------------------------------------------------------------------------

TEST_F(subscription_state_test, destroying_the_subscription_tells_the_owner_once) {
  const auto state = make();
  {
    subscription listener(state);
    EXPECT_TRUE(deliver(*state, "1"));
    listener.close();
    EXPECT_EQ(owner->released, std::vector{state});
    EXPECT_EQ(now(listener), "cancelled: the subscription to c was closed");
  }
  EXPECT_EQ(owner->released.size(), 1u);
  EXPECT_FALSE(deliver(*state, "2"));
}

TEST_F(subscription_state_test, closing_wakes_a_waiting_next) {
  const auto state = make();
  subscription listener(state);
  const auto got = ask(listener);
  listener.close();
  run();
  ASSERT_TRUE(*got);
  EXPECT_EQ((*got)->text(), "cancelled: the subscription to c was closed");
}

TEST_F(subscription_state_test, the_owner_is_not_told_of_a_listener_that_it_has_ended) {
  const auto state = make();
  {
    subscription listener(state);
    state->end(std::make_exception_ptr(cancelled("over")), at(0));
  }
  EXPECT_TRUE(owner->released.empty());
}

TEST_F(subscription_state_test, it_may_outlive_its_owner) {
  const auto state = make();
  subscription listener(state);
  owner.reset();
  listener.close();
  EXPECT_FALSE(listener.is_open());
}

TEST_F(subscription_state_test, assigning_closes_what_was_there) {
  const auto first = make();
  const auto second = make();
  subscription listener(first);
  listener = subscription(second);
  EXPECT_EQ(owner->released, std::vector{first});
  EXPECT_TRUE(listener.is_open());
  subscription taken(std::move(listener));
  EXPECT_TRUE(taken.is_open());
  EXPECT_EQ(owner->released.size(), 1u);
}

TEST_F(subscription_state_test, an_empty_subscription_is_closed_and_its_next_fails) {
  subscription nothing;
  EXPECT_FALSE(nothing.is_open());
  nothing.close();
  EXPECT_THROW(nothing.next(asio::use_future).get(), cancelled);
  asio::io_context elsewhere;
  bool failed = false;
  nothing.next(asio::bind_executor(elsewhere, [&](const std::exception_ptr& e, const message&) { failed = !!e; }));
  elsewhere.run();
  EXPECT_TRUE(failed);
}

// A coroutine that owns its subscription and waits in it is a circle: only destroying the handler breaks it.
TEST_F(subscription_state_test, discarding_destroys_the_handler_and_what_it_owns) {
  const auto state = make();
  const auto alive = std::make_shared<int>(1);
  {
    auto listener = std::make_shared<subscription>(state);
    listener->next([listener, alive](const std::exception_ptr&, const message&) { FAIL() << "must not be called"; });
  }
  EXPECT_EQ(alive.use_count(), 2);
  state->discard();
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_TRUE(owner->released.empty());
  run();
}

TEST_F(subscription_state_test, discarding_ends_a_coroutine_that_owns_its_subscription) {
  const auto state = make();
  const auto alive = std::make_shared<int>(1);
  asio::co_spawn(
      io,
      [](subscription listener, std::shared_ptr<int>) -> asio::awaitable<void> { (void)co_await listener.next(); }(
                                                          subscription(state), alive),
      asio::detached);
  run();
  EXPECT_EQ(alive.use_count(), 2);
  state->discard();
  run();  // Asio unwinds coroutines on their executor
  EXPECT_EQ(alive.use_count(), 1);
}

// --- Threads ---------------------------------------------------------------------------------------------------------

TEST_F(subscription_state_test, messages_cross_threads_whole_and_in_order) {
  constexpr int count = 5000;
  const auto state = make({.max_messages = count});
  subscription listener(state);
  std::atomic<int> delivered{0};
  std::thread service([&] {
    for (int i = 0; i < count; ++i) {
      if (state->deliver({"c", "", std::to_string(i)}, at(0))) ++delivered;
    }
  });
  std::vector<int> got;
  asio::io_context mine;
  asio::co_spawn(
      mine,
      [&]() -> asio::awaitable<void> {
        while (got.size() < count) got.push_back(std::stoi((co_await listener.next()).payload));
      },
      asio::detached);
  mine.run();
  service.join();
  EXPECT_EQ(delivered, count);
  ASSERT_EQ(got.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) ASSERT_EQ(got[static_cast<std::size_t>(i)], i);
}

TEST_F(subscription_state_test, closing_races_with_delivering_and_cancelling_without_harm) {
  for (int round = 0; round < 200; ++round) {
    const auto state = make({.max_messages = 4});
    subscription listener(state);
    const auto got = ask(listener);
    std::thread service([&] {
      for (int i = 0; i < 10 && state->deliver({"c", "", "x"}, at(0)); ++i) {
      }
      state->interrupt(at(1));
      state->resume(at(2));
    });
    listener.close();
    service.join();
    run();
    EXPECT_TRUE(*got);
  }
}

}  // namespace
}  // namespace redstart::detail
