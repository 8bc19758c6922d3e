// SPDX-License-Identifier: MIT
#include "support/hub_workers.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace redstart::test {
namespace {

class hub_worker : public hub_worker_test {};

TEST_F(hub_worker, an_alarming_event_becomes_an_alert_that_everybody_hears_and_that_is_kept) {
  with_crew([this](client& redis, crew& hub) -> asio::awaitable<void> {
    auto alerts = co_await redis.subscribe("events");
    push("detections", event(3));
    const message heard = co_await alerts.next();
    const json::value alert = json::parse(heard.payload);
    EXPECT_EQ(alert.at("type"), json::value("risk_alert"));
    EXPECT_EQ(alert.at("risk_score"), json::value(65));
    EXPECT_EQ(alert.at("severity"), json::value("high"));
    EXPECT_EQ(alert.at("camera_id"), json::value(3));
    EXPECT_EQ(alert.at("event_id"), json::value("3"));
    EXPECT_EQ(elements("alerts"), std::vector<std::string>{heard.payload}) << "before it was published";
    co_await processed(hub, 1);
    EXPECT_EQ(hub.counts.alerts.get(), 1u);
    EXPECT_EQ(hub.errors, 0);
  });
}

TEST_F(hub_worker, the_latest_detection_is_kept_and_the_camera_is_seen) {
  with_crew([this](client&, crew& hub) -> asio::awaitable<void> {
    push("detections", R"({"camera_id":"porch","timestamp":"2024-01-01T12:00:00","objects":["cat"]})");
    push("detections", R"({"camera_id":"porch","timestamp":"2024-01-01T12:00:01","objects":["car"]})");
    co_await processed(hub, 2);
    EXPECT_EQ(json::parse(server.command({"GET", "camera:porch:latest"}).text).at("objects"), json::array{"car"});
    EXPECT_GT(server.command({"PTTL", "camera:porch:latest"}).integer, 86'000'000);
    EXPECT_GT(server.command({"PTTL", "camera:porch:status"}).integer, 290'000);
    EXPECT_FALSE(server.command({"HGET", "cameras", "porch"}).text.empty());
    EXPECT_EQ(hub.counts.alerts.get(), 0u);
    EXPECT_EQ(length("alerts"), 0);
  });
}

TEST_F(hub_worker, what_is_no_event_is_kept_whole) {
  with_crew([this](client&, crew& hub) -> asio::awaitable<void> {
    const std::string binary("\xff\x00\x01", 3);
    push("detections", "System started");
    push("detections", binary);
    push("detections", "");
    push("detections", "{\"camera_id\":1}");
    push("detections", quiet(1));
    co_await processed(hub, 1);
    co_await until([&] { return hub.counts.unreadable.get() == 4; });
    std::multiset<std::string> kept;
    for (const std::string& one : elements("detections:unreadable")) kept.insert(one);
    EXPECT_EQ(kept.size(), 4u);
    EXPECT_TRUE(kept.contains(R"({"payload":"{\"camera_id\":1}","problem":"timestamp: required"})"));
    EXPECT_TRUE(
        std::ranges::any_of(kept, [](const auto& one) { return one.starts_with(R"({"payload_hex":"ff0001",)"); }));
    EXPECT_TRUE(
        std::ranges::any_of(kept, [](const auto& one) { return one.starts_with(R"({"payload":"System started",)"); }));
    EXPECT_TRUE(std::ranges::any_of(kept, [](const auto& one) { return one.starts_with(R"({"payload":"",)"); }));
    EXPECT_EQ(length("detections"), 0);
  });
}

TEST_F(hub_worker, what_is_no_event_does_not_stop_workers_while_redis_has_no_memory_for_it) {
  options.workers = 1;
  options.batch_size = 2;
  options.unreadable_tries = 3;
  push("detections", "System started");
  for (int i = 0; i < 4; ++i) push("detections", event(i));
  server.command({"CONFIG", "SET", "maxmemory", "1"});
  with_crew([this](client& redis, crew& hub) -> asio::awaitable<void> {
    auto alerts = co_await redis.subscribe("events");
    co_await processed(hub, 4);
    EXPECT_EQ(hub.counts.alerts.get(), 4u);
    EXPECT_EQ(hub.counts.unreadable.get(), 1u);
    EXPECT_EQ(hub.counts.unkept.get(), 1u);
    EXPECT_EQ(length("detections"), 0);
    EXPECT_EQ(length("detections:unreadable"), 0);
    const auto said = std::ranges::find_if(hub.log, [](const std::string& line) {
      return line.find("1 elements that are no events") != std::string::npos;
    });
    if (said == hub.log.end()) co_return ADD_FAILURE() << "nobody would know";
    EXPECT_NE(said->find("OOM"), std::string::npos) << *said;
    EXPECT_NE(said->find("System started"), std::string::npos) << *said;
  });
}

TEST_F(hub_worker, what_is_no_event_is_bounded_and_the_newest_stays) {
  options.recent_unreadable = 5;
  options.workers = 1;
  with_crew([this](client&, crew& hub) -> asio::awaitable<void> {
    for (int i = 0; i < 40; ++i) push("detections", "junk " + std::to_string(i));
    co_await until([&] { return hub.counts.unreadable.get() == 40; });
    const auto kept = elements("detections:unreadable");
    EXPECT_EQ(kept.size(), 5u);
    EXPECT_EQ(json::parse(kept.back()).at("payload"), json::value("junk 39"));
    EXPECT_EQ(hub.counts.unkept.get(), 0u);
  });
}

TEST_F(hub_worker, new_cameras_beyond_the_bound_are_heard_and_not_listed) {
  options.max_cameras = 2;
  options.workers = 1;
  with_crew([this](client&, crew& hub) -> asio::awaitable<void> {
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 5; ++i) push("detections", event(i));
    }
    co_await processed(hub, 15);
    EXPECT_EQ(hub.counts.alerts.get(), 15u);
    EXPECT_EQ(server.command({"HLEN", "cameras"}).integer, 2);
    EXPECT_EQ(server.command({"KEYS", "camera:*"}).items.size(), 4u) << "a status and a detection of those two";
    EXPECT_GE(hub.counts.unlisted.get(), 3u);
    const auto warnings = std::ranges::count_if(
        hub.log, [](const std::string& line) { return line.find("not listed") != std::string::npos; });
    EXPECT_EQ(warnings, 1) << "and no more for a minute";
    EXPECT_EQ(hub.errors, 0);
  });
}

TEST_F(hub_worker, only_the_most_recent_alerts_are_kept) {
  options.recent_alerts = 5;
  with_crew([this](client&, crew& hub) -> asio::awaitable<void> {
    for (int i = 0; i < 40; ++i) push("detections", event(i));
    co_await processed(hub, 40);
    EXPECT_EQ(hub.counts.alerts.get(), 40u);
    const auto kept = elements("alerts");
    EXPECT_EQ(kept.size(), 5u);
    EXPECT_EQ(json::parse(kept.at(0)).at("event_id"), json::value("39"));
  });
}

TEST_F(hub_worker, an_object_is_alerted_once_by_all_hubs_together) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    crew one(*this, io, redis, options);
    one.team.start();
    push("detections", tracked("o1"));
    push("detections", tracked("o1"));
    co_await processed(one, 2);
    co_await one.team.stop(2s);
    EXPECT_EQ(one.counts.alerts.get(), 1u);
    EXPECT_EQ(one.counts.repeated.get(), 1u);
    EXPECT_GT(server.command({"PTTL", "alert:o1:high"}).integer, 3'500'000);

    crew other(*this, io, redis, options);
    other.team.start();
    push("detections", tracked("o1"));
    push("detections", tracked("o2"));
    co_await processed(other, 2);
    co_await other.team.stop(2s);
    EXPECT_EQ(other.counts.alerts.get(), 1u);
    EXPECT_EQ(other.counts.repeated.get(), 1u);
    EXPECT_EQ(length("alerts"), 2);
  });
}

TEST_F(hub_worker, ten_thousand_events_are_processed_once_by_two_hubs) {
  with_client(
      [this](client& redis) -> asio::awaitable<void> {
        client second(io.get_executor(), connection);
        co_await second.connect();
        subscription_options wide;
        wide.channels = {"events"};
        wide.max_messages = 100'000;
        auto alerts = co_await redis.subscribe(wide);
        crew one(*this, io, redis, options);
        crew other(*this, io, second, options);
        one.team.start();
        other.team.start();
        constexpr int count = 10'000;
        for (int i = 0; i < count;) {
          std::vector<std::string> some;
          for (int n = 0; n < 50; ++n, ++i) some.push_back(i % 2 == 0 ? event(i) : quiet(i));
          co_await redis.add_to_queue("detections", each(some));
        }
        const auto all = [&] { return one.counts.processed.get() + other.counts.processed.get(); };
        co_await until([&] { return all() >= count; }, 30s);
        EXPECT_EQ(all(), static_cast<std::uint64_t>(count));
        EXPECT_GT(one.counts.processed.get(), 0u);
        EXPECT_GT(other.counts.processed.get(), 0u);
        EXPECT_EQ(length("detections"), 0);
        EXPECT_EQ(one.counts.alerts.get() + other.counts.alerts.get(), static_cast<std::uint64_t>(count / 2));
        std::set<std::string> ids;
        std::set<std::string> events;
        for (int i = 0; i < count / 2; ++i) {
          const message heard = co_await alerts.next();
          const json::value alert = json::parse(heard.payload);
          ids.emplace(alert.at("id").as_string());
          events.emplace(alert.at("event_id").as_string());
        }
        EXPECT_EQ(ids.size(), static_cast<std::size_t>(count / 2));
        EXPECT_EQ(events.size(), static_cast<std::size_t>(count / 2));
        co_await one.team.stop(2s);
        co_await other.team.stop(2s);
        co_await second.disconnect();
      },
      90s);
}

TEST_F(hub_worker, an_alert_outlives_the_death_of_redis_while_it_is_published) {
  options.workers = 2;
  with_client(
      [this](client& redis) -> asio::awaitable<void> {
        crew hub(*this, io, redis, options);
        forbid_publish();
        hub.team.start();
        for (int i = 0; i < 20; ++i) push("detections", event(i));
        co_await until([&] { return length("detections") == 0 && hub.counts.retries.get() > 0; });
        EXPECT_EQ(hub.counts.processed.get() + 20, 20u) << "nothing is processed that was not published";
        server.kill();
        co_await pause(150ms);
        server.start();  // with permission to publish
        client listener(io.get_executor(), connection);
        co_await listener.connect();
        auto alerts = co_await listener.subscribe("events");
        co_await processed(hub, 20);
        EXPECT_EQ(hub.counts.alerts.get(), 20u);
        EXPECT_GT(hub.counts.retries.get(), 0u);
        std::set<std::string> kept;
        for (const std::string& one : elements("alerts")) {
          kept.emplace(json::parse(one).at("event_id").as_string());
        }
        EXPECT_EQ(kept.size(), 20u);
        EXPECT_EQ(length("alerts"), 20) << "each one once";
        co_await listener.disconnect();
        co_await hub.team.stop(2s);
      },
      60s);
}

TEST_F(hub_worker, an_outage_without_answers_publishes_every_alert_with_one_id) {
  options.workers = 1;
  with_crew(
      [this](client& redis, crew& hub) -> asio::awaitable<void> {
        auto alerts = co_await redis.subscribe("events");
        forbid_publish();
        for (int i = 0; i < 10; ++i) push("detections", event(i));
        co_await until([&] { return length("detections") == 0 && hub.counts.retries.get() > 0; });
        allow_publish();
        server.pause();
        const auto retries = hub.counts.retries.get();
        co_await until([&] { return hub.counts.retries.get() > retries + 1 || hub.counts.processed.get() == 10; });
        server.resume();
        co_await processed(hub, 10);
        std::map<std::string, std::string> ids;
        while (ids.size() < 10) {
          const message heard = co_await alerts.next();
          if (heard.kind != message::kind_type::message) continue;
          const json::value alert = json::parse(heard.payload);
          const std::string event_id(alert.at("event_id").as_string());
          const std::string id(alert.at("id").as_string());
          const auto [known, added] = ids.emplace(event_id, id);
          EXPECT_TRUE(added || known->second == id) << "a copy must be recognisable";
        }
        EXPECT_EQ(length("alerts"), 10) << "the list holds each one once";
      },
      60s);
}

TEST_F(hub_worker, workers_go_on_after_every_kind_of_outage) {
  with_crew(
      [this](client& redis, crew& hub) -> asio::awaitable<void> {
        std::uint64_t sent = 0;
        const auto works_again = [&]() -> asio::awaitable<void> {
          const std::uint64_t before = hub.counts.processed.get();
          for (int i = 0; i < 200 && hub.counts.processed.get() == before; ++i) {
            try {
              co_await redis.add_to_queue("detections", quiet(1));
              ++sent;
            } catch (const error&) {
            }
            co_await pause(20ms);
          }
          EXPECT_GT(hub.counts.processed.get(), before);
        };
        co_await works_again();
        server.kill();
        co_await pause(300ms);
        server.start();
        co_await works_again();
        server.pause();
        co_await pause(700ms);
        server.resume();
        co_await works_again();
        for (int i = 0; i < 10; ++i) {
          server.command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
          co_await pause(10ms);
        }
        co_await works_again();
        EXPECT_LE(hub.counts.processed.get(), sent);
      },
      60s);
}

TEST_F(hub_worker, an_outage_is_no_busy_loop) {
  connection.timeout = 100ms;
  options.batch_wait = 50ms;
  options.retry_first = 20ms;
  options.retry_longest = 100ms;
  options.workers = 1;
  with_crew([this](client&, crew& hub) -> asio::awaitable<void> {
    co_await pause(50ms);
    server.kill();
    co_await pause(1s);
    EXPECT_GT(hub.log.size(), 0u);
    EXPECT_LT(hub.log.size(), 30u);
    server.start();
  });
}

TEST_F(hub_worker, a_queue_of_another_type_is_no_busy_loop_and_does_not_end_the_workers) {
  server.command({"SET", "detections", "not a list"});
  options.workers = 1;
  options.retry_first = 20ms;
  with_crew([this](client&, crew& hub) -> asio::awaitable<void> {
    co_await pause(500ms);
    EXPECT_GT(hub.log.size(), 0u);
    EXPECT_LT(hub.log.size(), 30u);
    server.command({"DEL", "detections"});
    push("detections", quiet(1));
    co_await processed(hub, 1);
  });
}

TEST_F(hub_worker, an_empty_queue_is_no_busy_loop_whatever_the_wait) {
  options.batch_wait = 0ms;
  with_crew([this](client&, crew&) -> asio::awaitable<void> {
    co_await pause(100ms);
    const auto before = commands_processed();
    co_await pause(500ms);
    EXPECT_LT(commands_processed() - before, 1000);
  });
}

TEST_F(hub_worker, a_hub_without_workers_takes_nothing) {
  options.workers = 0;
  with_crew([this](client&, crew& hub) -> asio::awaitable<void> {
    push("detections", quiet(1));
    co_await pause(50ms);
    EXPECT_EQ(length("detections"), 1);
    EXPECT_EQ(hub.counts.processed.get(), 0u);
  });
}

}  // namespace
}  // namespace redstart::test
