// SPDX-License-Identifier: MIT
#include "client/pubsub_service.hpp"

#include "redstart/error.hpp"
#include "support/pubsub_fixture.hpp"
#include "support/waiting.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <atomic>
#include <map>
#include <thread>

namespace redstart::test {
namespace {

INSTANTIATE_TEST_SUITE_P(resp, pubsub_protocols, ::testing::Values(2, 3));

TEST_P(pubsub_protocols, subscribe_completes_when_the_server_knows_of_it) {
  run([&]() -> asio::awaitable<void> {
    subscription events = co_await subscribe(list("a", "b"), list("p.*"));
    EXPECT_EQ(subscribers("a"), 1);
    EXPECT_EQ(subscribers("b"), 1);
    EXPECT_EQ(patterns(), 1);
    EXPECT_EQ(connections(), 1);
    publish("a", std::string("with\r\nlines and \0 bytes", 22));
    const message got = co_await events.next();
    EXPECT_EQ(got.channel, "a");
    EXPECT_EQ(got.pattern, "");
    EXPECT_EQ(got.payload, std::string("with\r\nlines and \0 bytes", 22));
  });
}

TEST_P(pubsub_protocols, patterns_say_which_of_them_matched) {
  run([&]() -> asio::awaitable<void> {
    subscription events = co_await subscribe(list("camera.1"), list("camera.*", "*.1"));
    EXPECT_EQ(publish("camera.1", "x"), 3);
    std::map<std::string, int> by_pattern;
    for (int i = 0; i < 3; ++i) {
      const message got = co_await events.next();
      EXPECT_EQ(got.channel, "camera.1");
      EXPECT_EQ(got.payload, "x");
      ++by_pattern[got.pattern];
    }
    EXPECT_EQ(by_pattern, (std::map<std::string, int>{{"", 1}, {"camera.*", 1}, {"*.1", 1}}));
  });
}

TEST_P(pubsub_protocols, two_listeners_on_one_channel_are_independent) {
  run([&]() -> asio::awaitable<void> {
    subscription first = co_await subscribe(list("a"));
    std::optional<subscription> second = co_await subscribe(list("a"));
    EXPECT_EQ(subscribers("a"), 1);
    publish("a", "1");
    EXPECT_EQ(co_await payload_of_next(first), "1");
    EXPECT_EQ(co_await payload_of_next(*second), "1");
    second.reset();
    // Only the last holder unsubscribes: the confirmation of another command shows that nothing was sent for this one.
    subscription other = co_await subscribe(list("b"));
    EXPECT_EQ(subscribers("a"), 1);
    publish("a", "2");
    EXPECT_EQ(co_await payload_of_next(first), "2");
    first.close();
    EXPECT_TRUE(co_await becomes([&] { return subscribers("a") == 0; }));
    EXPECT_EQ(connections(), 1);
    other.close();
    EXPECT_TRUE(co_await becomes([&] { return connections() == 0; }));
  });
}

TEST_P(pubsub_protocols, unsubscribing_takes_names_away_from_everybody) {
  run([&]() -> asio::awaitable<void> {
    subscription both = co_await subscribe(list("a", "b"));
    subscription only = co_await subscribe(list("a"), list("p*"));
    subscription last = co_await subscribe(list("a"));
    publish("a", "buffered");
    subscription marker = co_await subscribe(list("c"));  // what was published before is in the buffers now
    co_await service->unsubscribe(list("a", "p*", "unknown"), 5s);
    EXPECT_EQ(subscribers("a"), 0);
    EXPECT_EQ(patterns(), 0);
    EXPECT_EQ(subscribers("b"), 1);
    EXPECT_TRUE(both.is_open());
    for (subscription* ended : {&only, &last}) {
      EXPECT_EQ(co_await payload_of_next(*ended), "buffered");
      EXPECT_FALSE(ended->is_open());
    }
    const std::string why = co_await failure_of<cancelled>([&] { return payload_of_next(last); });
    EXPECT_EQ(why, "the subscription to a on " + options->display + " ended: all its channels were unsubscribed");
    EXPECT_EQ(co_await payload_of_next(both), "buffered");
    publish("b", "still here");
    EXPECT_EQ(co_await payload_of_next(both), "still here");
  });
}

TEST_P(pubsub_protocols, a_name_that_was_given_up_and_taken_again_is_subscribed) {
  run([&]() -> asio::awaitable<void> {
    for (int i = 0; i < 50; ++i) {
      subscription brief = co_await subscribe(list("a"));
      brief.close();
      subscription events = co_await subscribe(list("a"));
      EXPECT_EQ(publish("a", std::to_string(i)), 1);
      EXPECT_EQ(co_await payload_of_next(events), std::to_string(i));
    }
  });
}

// --- Slow subscribers ------------------------------------------------------------------------------------------------

TEST_F(pubsub, a_slow_subscriber_has_its_policy_and_slows_nobody) {
  constexpr int count = 2000;
  run([&]() -> asio::awaitable<void> {
    const auto with = [&](overflow_policy policy) { return service->subscribe(bounded("a", 10, policy), 5s); };
    subscription oldest = co_await with(overflow_policy::drop_oldest);
    subscription newest = co_await with(overflow_policy::drop_newest);
    subscription closing = co_await with(overflow_policy::close);
    subscription large = co_await service->subscribe(bounded("a", count), 5s);
    for (int i = 0; i < count; ++i) publish("a", std::to_string(i));
    for (int i = 0; i < count; ++i) EXPECT_EQ(co_await payload_of_next(large), std::to_string(i));

    message got = co_await oldest.next();
    EXPECT_EQ(got.kind, kind_type::overflow);
    EXPECT_EQ(got.dropped, count - 10u);
    for (int i = count - 10; i < count; ++i) EXPECT_EQ(co_await payload_of_next(oldest), std::to_string(i));

    for (int i = 0; i < 10; ++i) EXPECT_EQ(co_await payload_of_next(newest), std::to_string(i));
    got = co_await newest.next();
    EXPECT_EQ(got.kind, kind_type::overflow);
    EXPECT_EQ(got.dropped, count - 10u);

    EXPECT_FALSE(closing.is_open());
    for (int i = 0; i < 10; ++i) EXPECT_EQ(co_await payload_of_next(closing), std::to_string(i));
    co_await failure_of<overloaded>([&] { return payload_of_next(closing); });

    publish("a", "after");
    EXPECT_EQ(co_await payload_of_next(oldest), "after");
    EXPECT_EQ(co_await payload_of_next(newest), "after");
  });
}

TEST_F(pubsub, a_subscription_that_its_policy_closed_is_unsubscribed) {
  run([&]() -> asio::awaitable<void> {
    subscription events = co_await service->subscribe(bounded("a", 1, overflow_policy::close), 5s);
    for (int i = 0; i < 3; ++i) publish("a", "x");
    EXPECT_TRUE(co_await becomes([&] { return subscribers("a") == 0 && connections() == 0; }));
    EXPECT_EQ(co_await payload_of_next(events), "x");
  });
}

TEST_F(pubsub, a_thousand_subscriptions_share_one_connection) {
  run([&]() -> asio::awaitable<void> {
    std::vector<subscription> all;
    for (int i = 0; i < 1000; ++i) all.push_back(co_await subscribe(list("a")));
    EXPECT_EQ(publish("a", "1"), 1);
    EXPECT_EQ(connections(), 1);
    for (auto& each : all) EXPECT_EQ(co_await payload_of_next(each), "1");
    all.clear();
    EXPECT_TRUE(co_await becomes([&] { return connections() == 0; }));
  });
}

// --- Failures --------------------------------------------------------------------------------------------------------

TEST_F(pubsub, a_client_that_is_not_open_refuses) {
  service = std::make_shared<detail::pubsub_service>(on, options);
  run([&]() -> asio::awaitable<void> {
    EXPECT_EQ(co_await failure_of<not_connected>([&] { return subscribe(list("a")); }),
              "SUBSCRIBE a on " + options->display + ": not connected, call connect first");
    co_await failure_of<not_connected>([&]() -> asio::awaitable<int> {
      co_await service->unsubscribe(list("a"), 1s);
      co_return 0;
    });
    service->open();
    subscription events = co_await subscribe(list("a"));
    service->close();
    co_await failure_of<not_connected>([&] { return subscribe(list(), list("p*")); });
    co_await service->closed();
    service->open();
    subscription again = co_await subscribe(list("a"));
    publish("a", "1");
    EXPECT_EQ(co_await payload_of_next(again), "1");
  });
}

TEST_F(pubsub, subscribing_to_nothing_is_a_mistake) {
  run([&]() -> asio::awaitable<void> { co_await failure_of<config_error>([&] { return subscribe(list()); }); });
}

TEST_F(pubsub, without_a_server_subscribe_fails_by_its_deadline_and_leaves_nothing_behind) {
  redis_server own;
  connect_to(own);
  own.stop();
  run([&]() -> asio::awaitable<void> {
    const auto begin = std::chrono::steady_clock::now();
    const std::string why =
        co_await failure_of<connection_error>([&] { return service->subscribe({.channels = {"a", "b"}}, 100ms); });
    const auto spent = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(spent, 100ms);
    EXPECT_LT(spent, 1s);
    EXPECT_EQ(why.find("SUBSCRIBE a and 1 more on unix:"), 0u) << why;
    EXPECT_NE(why.find("no connection within 100 ms: "), std::string::npos) << why;
    own.start();
    subscription other = co_await subscribe(list("c"));
    EXPECT_EQ(subscribers("a"), 0);
    EXPECT_EQ(subscribers("c"), 1);
  });
}

TEST_F(pubsub, several_subscribe_over_the_connection_that_is_being_made) {
  run([&]() -> asio::awaitable<void> {
    std::vector<subscription> made;
    for (int i = 0; i < 10; ++i) {
      start([&]() -> asio::awaitable<void> { made.push_back(co_await subscribe(list("a"))); });
    }
    EXPECT_TRUE(co_await becomes([&] { return made.size() == 10; }));
    EXPECT_EQ(connections(), 1);
  });
}

TEST_F(pubsub, a_server_that_does_not_answer_is_a_timeout) {
  redis_server own;
  connect_to(own);
  run([&]() -> asio::awaitable<void> {
    subscription events = co_await subscribe(list("a"));
    own.pause();
    const std::string why =
        co_await failure_of<timeout_error>([&] { return service->subscribe({.patterns = {"b*"}}, 50ms); });
    EXPECT_EQ(why.find("PSUBSCRIBE b* on unix:"), 0u) << why;
    EXPECT_NE(why.find("not confirmed within 50 ms"), std::string::npos) << why;
    own.resume();
    EXPECT_TRUE(co_await becomes([&] { return patterns() == 0; }));
    publish("a", "x");
    EXPECT_EQ(co_await payload_of_next(events), "x");
  });
}

TEST_F(pubsub, a_refused_login_is_told_at_once) {
  redis_server own({.password = "right"});
  connect_to(own, 3, "unix://" + own.socket_path());
  options->connection.login.password = "wrong";
  make();
  run([&]() -> asio::awaitable<void> {
    const std::string why =
        co_await failure_of<connection_error>([&] { return service->subscribe({.channels = {"a"}}, 60s); });
    EXPECT_NE(why.find("WRONGPASS"), std::string::npos) << why;
    EXPECT_EQ(why.find("wrong,"), std::string::npos) << why;
  });
}

TEST_F(pubsub, a_cancelled_subscribe_leaves_nothing_behind) {
  redis_server own;
  connect_to(own);
  own.stop();
  run([&]() -> asio::awaitable<void> {
    asio::cancellation_signal signal;
    std::string ended;
    asio::co_spawn(
        on,
        [&]() -> asio::awaitable<void> {
          ended = co_await failure_of<cancelled>([&] { return subscribe(list("a")); });
        },
        asio::bind_cancellation_slot(signal.slot(), asio::detached));
    EXPECT_FALSE(co_await becomes([&] { return !ended.empty(); }, 20ms));
    signal.emit(asio::cancellation_type::terminal);
    EXPECT_TRUE(co_await becomes([&] { return !ended.empty(); }));
    own.start();
    subscription other = co_await subscribe(list("b"));
    EXPECT_EQ(subscribers("a"), 0);
  });
}

class pubsub_permissions : public pubsub_protocols {
 protected:
  void SetUp() override {
    own.command({"ACL", "SETUSER", "guard", "on", "nopass", "+@all", "resetchannels", "&open*"});
    connect_to(own, GetParam(), "redis://guard:x@127.0.0.1:" + std::to_string(own.port()));
  }
  redis_server own;
};
INSTANTIATE_TEST_SUITE_P(resp, pubsub_permissions, ::testing::Values(2, 3));

TEST_P(pubsub_permissions, a_refusal_fails_only_the_call_that_asked_for_what_is_forbidden) {
  run([&]() -> asio::awaitable<void> {
    subscription before = co_await subscribe(list("open.1"));
    std::string why;
    std::optional<subscription> beside;
    start([&]() -> asio::awaitable<void> {
      why = co_await failure_of<server_error>([&] { return subscribe(list("open.2", "secret")); });
    });
    start([&]() -> asio::awaitable<void> { beside = co_await subscribe(list("open.2")); });
    EXPECT_TRUE(co_await becomes([&] { return !why.empty() && beside; }));
    EXPECT_NE(why.find("the subscription to open.2 and 1 more on "), std::string::npos) << why;
    EXPECT_NE(why.find("NOPERM"), std::string::npos) << why;
    EXPECT_EQ(publish("open.2", "x"), 1);
    EXPECT_EQ(co_await payload_of_next(*beside), "x");
    publish("open.1", "y");
    EXPECT_EQ(co_await payload_of_next(before), "y");
  });
}

TEST_P(pubsub_permissions, a_subscription_whose_channel_was_forbidden_meanwhile_ends_alone) {
  run([&]() -> asio::awaitable<void> {
    subscription first = co_await subscribe(list("open.1"));
    subscription second = co_await subscribe(list("open.2"));
    own.command({"ACL", "SETUSER", "guard", "resetchannels", "&open.1"});
    cut();
    EXPECT_EQ((co_await first.next()).kind, kind_type::gap);
    publish("open.1", "x");
    EXPECT_EQ(co_await payload_of_next(first), "x");
    EXPECT_EQ((co_await second.next()).kind, kind_type::gap);
    co_await failure_of<server_error>([&] { return payload_of_next(second); });
  });
}

// --- Waiting ---------------------------------------------------------------------------------------------------------

TEST_F(pubsub, a_cancelled_next_loses_nothing) {
  run([&]() -> asio::awaitable<void> {
    subscription events = co_await subscribe(list("a"));
    asio::cancellation_signal signal;
    bool ended = false;
    asio::co_spawn(
        on,
        [&]() -> asio::awaitable<void> {
          co_await failure_of<cancelled>([&] { return payload_of_next(events); });
          ended = true;
        },
        asio::bind_cancellation_slot(signal.slot(), asio::detached));
    EXPECT_FALSE(co_await becomes([&] { return ended; }, 10ms));
    signal.emit(asio::cancellation_type::terminal);
    EXPECT_TRUE(co_await becomes([&] { return ended; }));
    publish("a", "x");
    EXPECT_EQ(co_await payload_of_next(events), "x");
  });
}

TEST_F(pubsub, next_close_and_the_destructor_may_be_called_from_another_thread) {
  constexpr int count = 500;
  run([&]() -> asio::awaitable<void> {
    subscription mine = co_await subscribe(list("a"));
    subscription theirs = co_await subscribe(list("a"));
    std::atomic<int> got{0};
    std::thread other([&got, events = std::move(theirs)]() mutable {
      asio::io_context elsewhere;
      asio::co_spawn(
          elsewhere,
          [&]() -> asio::awaitable<void> {
            for (; got < count; ++got) EXPECT_EQ((co_await events.next()).payload, std::to_string(got));
          },
          asio::detached);
      elsewhere.run();
      subscription gone(std::move(events));
    });
    for (int i = 0; i < count; ++i) {
      publish("a", std::to_string(i));
      EXPECT_EQ(co_await payload_of_next(mine), std::to_string(i));
    }
    EXPECT_TRUE(co_await becomes([&] { return got == count; }));
    other.join();
    mine.close();
    EXPECT_TRUE(co_await becomes([&] { return connections() == 0; }));
  });
}

// --- Endings ---------------------------------------------------------------------------------------------------------

TEST_F(pubsub, closing_the_client_ends_subscriptions_after_what_is_buffered) {
  run([&]() -> asio::awaitable<void> {
    subscription buffered = co_await subscribe(list("a"));
    subscription waiting = co_await subscribe(list("b"));
    publish("a", "x");
    subscription marker = co_await subscribe(list("c"));  // "x" is in the buffer once this one is confirmed
    std::string why;
    start([&]() -> asio::awaitable<void> {
      why = co_await failure_of<cancelled>([&] { return payload_of_next(waiting); });
    });
    EXPECT_FALSE(co_await becomes([&] { return !why.empty(); }, 5ms));
    service->close();
    co_await service->closed();
    service.reset();
    EXPECT_TRUE(co_await becomes([&] { return !why.empty(); }));
    EXPECT_EQ(why, "the subscription to b on " + options->display + " ended: the client was disconnected");
    EXPECT_EQ(co_await payload_of_next(buffered), "x");
    co_await failure_of<cancelled>([&] { return payload_of_next(buffered); });
    buffered.close();
  });
  EXPECT_TRUE(eventually([&] { return connections() == 0; }));
}

TEST_F(pubsub, closing_the_client_ends_a_subscribe_that_waits_for_a_connection) {
  redis_server own;
  connect_to(own);
  own.stop();
  run([&]() -> asio::awaitable<void> {
    std::string why;
    start(
        [&]() -> asio::awaitable<void> { why = co_await failure_of<cancelled>([&] { return subscribe(list("a")); }); });
    EXPECT_FALSE(co_await becomes([&] { return !why.empty(); }, 20ms));
    service->close();
    co_await service->closed();
    EXPECT_TRUE(co_await becomes([&] { return !why.empty(); }));
  });
}

TEST_F(pubsub, nothing_keeps_the_loop_running_after_the_last_subscription) {
  asio::io_context brief;
  const net::strand strand{asio::any_io_executor(brief.get_executor())};
  const auto mine = std::make_shared<detail::pubsub_service>(
      strand, options_for(brief.get_executor(), shared_server().unix_url(), 3));
  mine->open();
  asio::co_spawn(
      strand, [&]() -> asio::awaitable<void> { subscription events = co_await mine->subscribe(bounded("a", 9), 60s); },
      asio::detached);
  brief.run_for(10s);
  EXPECT_TRUE(brief.stopped());
}

// For the leak checker: coroutines that own their subscriptions, at every stage, in an executor that goes away.
TEST_F(pubsub, an_executor_may_be_destroyed_with_everything_pending) {
  for (int stage = 0; stage < 40; ++stage) {
    auto brief = std::make_unique<asio::io_context>();
    {
      const net::strand strand{asio::any_io_executor(brief->get_executor())};
      const auto mine = std::make_shared<detail::pubsub_service>(
          strand, options_for(brief->get_executor(), shared_server().unix_url(), 3));
      mine->open();
      for (int i = 0; i < 3; ++i) {
        asio::co_spawn(
            *brief,
            [](std::shared_ptr<detail::pubsub_service> of, net::strand its) -> asio::awaitable<void> {
              subscription events =
                  co_await asio::co_spawn(its, of->subscribe(bounded("a", 9), 60s), asio::use_awaitable);
              for (;;) (void)co_await events.next();
            }(mine, strand),
            asio::detached);
      }
      for (int i = 0; i < stage; ++i) brief->run_one_for(4ms);
    }
    brief.reset();
  }
  EXPECT_TRUE(eventually([&] { return connections() == 0; }));
}

}  // namespace
}  // namespace redstart::test
