// SPDX-License-Identifier: MIT
// How workers end: in time, and without losing what they hold.
#include "support/hub_workers.hpp"

namespace redstart::test {
namespace {

class hub_worker_stop : public hub_worker_test {};

TEST_F(hub_worker_stop, stopping_an_idle_crew_takes_no_time_and_no_element) {
  options.batch_wait = 60s;
  with_client([this](client& redis) -> asio::awaitable<void> {
    for (int round = 0; round < 20; ++round) {
      crew hub(*this, io, redis, options);
      hub.team.start();
      co_await pause(std::chrono::milliseconds(round % 5));
      const auto begin = std::chrono::steady_clock::now();
      const auto left = co_await hub.team.stop(5s);
      EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
      EXPECT_TRUE(left.empty());
      EXPECT_EQ(hub.errors, 0);
    }
    push("detections", quiet(1));
    co_await pause(50ms);
    EXPECT_EQ(length("detections"), 1) << "somebody still takes";
  });
}

TEST_F(hub_worker_stop, stopping_during_traffic_loses_nothing) {
  options.batch_size = 7;
  with_client(
      [this](client& redis) -> asio::awaitable<void> {
        std::uint64_t sent = 0;
        std::uint64_t done = 0;
        for (int round = 0; round < 30; ++round) {
          crew hub(*this, io, redis, options);
          hub.team.start();
          std::vector<std::string> some;
          for (int i = 0; i < 60; ++i) some.push_back(event(i));
          co_await redis.add_to_queue("detections", each(some));
          sent += some.size();
          co_await pause(std::chrono::milliseconds(round % 6));
          const auto left = co_await hub.team.stop(5s);
          EXPECT_TRUE(left.empty());
          done += hub.counts.processed.get();
          EXPECT_EQ(hub.counts.processed.get(), hub.counts.alerts.get());
          // What came for a wait that was ended may still be on its way back.
          const auto queued = [&] { return static_cast<std::uint64_t>(length("detections")); };
          co_await until([&] { return done + queued() == sent; }, 5s);
        }
      },
      60s);
}

TEST_F(hub_worker_stop, what_cannot_be_published_when_it_stops_goes_back_in_order) {
  options.workers = 1;
  options.batch_size = 5;
  with_client([this](client& redis) -> asio::awaitable<void> {
    forbid_publish();
    std::vector<std::string> all;
    for (int i = 0; i < 5; ++i) all.push_back(i == 2 ? quiet(i) : event(i));
    co_await redis.add_to_queue("detections", each(all));
    crew hub(*this, io, redis, options);
    hub.team.start();
    co_await until([&] { return length("detections") == 0 && hub.counts.retries.get() > 0; });
    push("detections", event(5));
    const auto begin = std::chrono::steady_clock::now();
    const auto left = co_await hub.team.stop(5s);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
    EXPECT_TRUE(left.empty());
    EXPECT_EQ(hub.counts.processed.get(), 1u) << "the one without an alert";
    EXPECT_EQ(hub.counts.given_back.get(), 4u);
    const std::vector<std::string> expected{event(0), event(1), event(3), event(4), event(5)};
    EXPECT_EQ(elements("detections"), expected);
    EXPECT_EQ(length("alerts"), 0) << "nobody has heard of them";
    // And the next one publishes them.
    allow_publish();
    crew next(*this, io, redis, options);
    next.team.start();
    co_await processed(next, 5);
    EXPECT_EQ(next.counts.alerts.get(), 5u);
    EXPECT_EQ(length("alerts"), 5) << "each one once";
    co_await next.team.stop(2s);
  });
}

TEST_F(hub_worker_stop, an_object_whose_alert_went_back_is_alerted_when_it_is_taken_again) {
  options.workers = 1;
  with_client([this](client& redis) -> asio::awaitable<void> {
    forbid_publish();
    push("detections", tracked("o1"));
    crew hub(*this, io, redis, options);
    hub.team.start();
    co_await until([&] { return hub.counts.retries.get() > 0; });
    co_await hub.team.stop(5s);
    EXPECT_EQ(server.command({"EXISTS", "alert:o1:high"}).integer, 0) << "marked without having been published";
    EXPECT_EQ(length("detections"), 1);
    allow_publish();
    crew next(*this, io, redis, options);
    next.team.start();
    co_await processed(next, 1);
    EXPECT_EQ(next.counts.alerts.get(), 1u);
    co_await next.team.stop(2s);
  });
}

TEST_F(hub_worker_stop, when_redis_is_away_at_the_end_what_is_left_is_handed_out_in_time) {
  options.workers = 1;
  with_client([this](client& redis) -> asio::awaitable<void> {
    forbid_publish();
    for (int i = 0; i < 3; ++i) push("detections", event(i));
    crew hub(*this, io, redis, options);
    hub.team.start();
    co_await until([&] { return length("detections") == 0 && hub.counts.retries.get() > 0; });
    server.kill();
    const auto begin = std::chrono::steady_clock::now();
    const auto left = co_await hub.team.stop(300ms);
    const auto spent = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(spent, 1500ms);
    const std::vector<std::string> expected{event(0), event(1), event(2)};
    EXPECT_EQ(left, expected);
    EXPECT_EQ(hub.errors, 1) << "and the log says so";
  });
}

TEST_F(hub_worker_stop, a_silent_redis_does_not_hold_up_the_end) {
  options.workers = 1;
  options.write_timeout = 60s;
  with_client([this](client& redis) -> asio::awaitable<void> {
    forbid_publish();
    push("detections", event(0));
    crew hub(*this, io, redis, options);
    hub.team.start();
    co_await until([&] { return hub.counts.retries.get() > 0; });
    server.pause();
    co_await pause(200ms);
    const auto begin = std::chrono::steady_clock::now();
    const auto left = co_await hub.team.stop(300ms);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1500ms);
    EXPECT_EQ(left.size(), 1u);
    server.resume();
  });
}

TEST_F(hub_worker_stop, alerts_that_may_not_be_taken_from_the_list_hold_no_event_back) {
  options.workers = 1;
  with_client([this](client& redis) -> asio::awaitable<void> {
    forbid_publish();
    server.command({"ACL", "SETUSER", "default", "-lrem"});
    for (int i = 0; i < 3; ++i) push("detections", event(i));
    crew hub(*this, io, redis, options);
    hub.team.start();
    co_await until([&] { return length("detections") == 0 && hub.counts.retries.get() > 0; });
    const auto left = co_await hub.team.stop(5s);
    EXPECT_TRUE(left.empty());
    const std::vector<std::string> expected{event(0), event(1), event(2)};
    EXPECT_EQ(elements("detections"), expected);
  });
}

TEST_F(hub_worker_stop, an_alert_whose_event_could_not_go_back_stays_in_the_list) {
  options.workers = 1;
  options.retry_first = 10ms;
  with_client([this](client& redis) -> asio::awaitable<void> {
    forbid_publish();
    push("detections", event(0));
    crew hub(*this, io, redis, options);
    hub.team.start();
    co_await until([&] { return hub.counts.retries.get() > 0; });
    server.command({"ACL", "SETUSER", "default", "-lpush"});
    const auto left = co_await hub.team.stop(300ms);
    EXPECT_EQ(left.size(), 1u);
    EXPECT_EQ(length("alerts"), 1) << "nothing else tells of it";
  });
}

}  // namespace
}  // namespace redstart::test
