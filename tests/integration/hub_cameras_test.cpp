// SPDX-License-Identifier: MIT
#include "hub/cameras.hpp"
#include "support/hub_fixture.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>

namespace redstart::test {
namespace {

using hub::camera;
using hub::cameras;
using hub::moment;

moment noon() { return std::chrono::sys_days(std::chrono::year(2024) / 1 / 1) + 12h; }
std::string iso(std::chrono::milliseconds after_noon) { return hub::to_iso(noon() + after_noon); }

class hub_cameras : public hub_test {
 protected:
  // A sign of life, as a worker notes it.
  asio::awaitable<void> touch(client& redis, std::string id, moment now) {
    pipeline batch;
    hub::add_touch(batch, options, id, hub::to_iso(now));
    const auto answers = co_await redis.exec(std::move(batch));
    for (const reply& one : answers) EXPECT_FALSE(one.is_error()) << to_string(one);
  }
  asio::awaitable<camera> put(cameras& all, std::string id, std::string status, moment now) {
    json::object parsed = json::parse(status).as_object();
    co_return co_await all.put_status(std::move(id), std::move(parsed), now);
  }
  asio::awaitable<std::vector<std::string>> ids(cameras& all) {
    std::vector<std::string> found;
    const auto known = co_await all.list();
    for (const camera& one : known) found.push_back(one.id);
    co_return found;
  }
  void expire(const std::string& id) { server.command({"PEXPIRE", "camera:" + id + ":status", "0"}); }
};

TEST_F(hub_cameras, a_status_is_kept_for_its_time_and_comes_back_as_it_was_put) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    const json::object status{{"online", true}, {"fps", 30}, {"nested", {{"a", 1}}}};
    const camera put = co_await all.put_status("1", status, noon());
    EXPECT_TRUE(put.online);
    EXPECT_EQ(put.details, status);
    EXPECT_EQ(put.last_seen, iso(0ms));

    const auto found = co_await all.get("1");
    if (!found) co_return ADD_FAILURE();
    EXPECT_TRUE(found->online);
    EXPECT_EQ(found->details, status);
    EXPECT_EQ(found->last_seen, iso(0ms));
    EXPECT_TRUE(found->latest.is_null());
    EXPECT_GT(found->expires_in.value_or(0ms), 290s);
    EXPECT_LE(found->expires_in.value_or(0ms), 300s);
    EXPECT_EQ(json::parse(server.command({"GET", "camera:1:status"}).text),
              (json::object{{"online", true}, {"fps", 30}, {"nested", {{"a", 1}}}, {"last_seen", iso(0ms)}}));
    EXPECT_EQ(server.command({"HGET", "cameras", "1"}).text, iso(0ms));
  });
}

TEST_F(hub_cameras, a_camera_that_is_silent_for_too_long_is_offline_and_still_known) {
  options.camera_ttl = 40ms;
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    co_await put(all, "porch", R"({"fps": 5})", noon());
    std::optional<camera> found;
    for (int i = 0; i < 500; ++i) {
      found = co_await all.get("porch");
      if (!found || !found->online) break;
      co_await pause(5ms);
    }
    if (!found) co_return ADD_FAILURE() << "it is forgotten";
    EXPECT_FALSE(found->online);
    EXPECT_EQ(found->last_seen, iso(0ms));
    EXPECT_EQ(found->expires_in, std::nullopt);
    EXPECT_TRUE(found->details.empty());
  });
}

TEST_F(hub_cameras, one_that_was_never_seen_is_none) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    const auto found = co_await all.get("1");
    EXPECT_FALSE(found.has_value());
    const auto none = co_await all.list();
    EXPECT_TRUE(none.empty());
  });
}

TEST_F(hub_cameras, a_status_that_something_else_wrote_is_understood) {
  server.command({"SET", "camera:1:status", R"({"online": true, "fps": 30})"});
  server.command({"SET", "camera:2:status", "on"});
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    const auto first = co_await all.get("1");
    if (!first) co_return ADD_FAILURE();
    EXPECT_TRUE(first->online);
    EXPECT_EQ(first->details.at("fps"), json::value(30));
    EXPECT_EQ(first->expires_in, std::nullopt) << "it does not expire";
    const auto second = co_await all.get("2");
    EXPECT_TRUE(second && second->online && second->details.empty());
  });
}

TEST_F(hub_cameras, cameras_are_listed_in_the_order_of_their_numbers_and_names) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    for (const std::string id : {"porch", "10", "2", "garden", "1", "02"}) {
      co_await put(all, id, R"({})", noon());
    }
    const auto found = co_await ids(all);
    EXPECT_EQ(found, (std::vector<std::string>{"1", "2", "02", "10", "garden", "porch"}));
  });
}

TEST_F(hub_cameras, the_list_has_what_get_has) {
  server.command({"SET", "camera:1:latest", R"({"camera_id":1,"risk_score":40})"});
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    co_await put(all, "1", R"({"fps": 30})", noon());
    co_await touch(redis, "2", noon() + 1s);
    const auto listed = co_await all.list();
    if (listed.size() != 2) co_return ADD_FAILURE();
    EXPECT_EQ(listed[0].latest.at("risk_score"), json::value(40));
    for (const camera& one : listed) {
      auto got = co_await all.get(one.id);
      if (!got) co_return ADD_FAILURE();
      got->expires_in = one.expires_in;
      EXPECT_EQ(hub::to_json(*got), hub::to_json(one));
    }
  });
}

TEST_F(hub_cameras, many_cameras_cost_two_round_trips) {
  options.max_cameras = 2000;
  with_client(
      [this](client& redis) -> asio::awaitable<void> {
        cameras all(redis, options);
        pipeline batch;
        for (int i = 0; i < 2000; ++i) hub::add_touch(batch, options, std::to_string(i), iso(0ms));
        co_await redis.exec(std::move(batch));
        const auto begin = std::chrono::steady_clock::now();
        const auto listed = co_await all.list();
        const auto spent = std::chrono::steady_clock::now() - begin;
        EXPECT_EQ(listed.size(), 2000u);
        EXPECT_EQ(listed.at(1999).id, "1999");
        std::printf("2000 cameras listed in %lld ms\n",
                    static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(spent).count()));
      },
      60s);
}

TEST_F(hub_cameras, an_event_brings_a_camera_online_and_keeps_what_it_said_of_itself) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    co_await touch(redis, "1", noon());
    auto found = co_await all.get("1");
    EXPECT_TRUE(found && found->online && found->details.empty());
    co_await put(all, "1", R"({"fps": 30})", noon() + 1s);
    server.command({"PEXPIRE", "camera:1:status", "1000"});
    co_await touch(redis, "1", noon() + 2s);
    found = co_await all.get("1");
    if (!found) co_return ADD_FAILURE();
    EXPECT_EQ(found->details, (json::object{{"fps", 30}}));
    EXPECT_EQ(found->last_seen, iso(2s));
    EXPECT_GT(found->expires_in.value_or(0ms), 290s) << "its time begins anew";
  });
}

TEST_F(hub_cameras, a_camera_that_says_it_goes_offline_is_offline_until_it_is_seen_again) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    const camera said = co_await put(all, "1", R"({"online": false})", noon());
    EXPECT_FALSE(said.online);
    // Events that were on their way when it went.
    co_await touch(redis, "1", noon() + cameras::back_after);
    auto found = co_await all.get("1");
    EXPECT_TRUE(found && !found->online);
    co_await touch(redis, "1", noon() + cameras::back_after + 1ms);
    found = co_await all.get("1");
    EXPECT_TRUE(found && found->online);
    co_await put(all, "1", R"({"online": false})", noon() + 1min);
    co_await put(all, "1", R"({"online": true})", noon() + 1min + 1s);
    found = co_await all.get("1");
    EXPECT_TRUE(found && found->online);
  });
}

TEST_F(hub_cameras, a_last_seen_that_a_camera_claims_does_not_count) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    const camera said = co_await put(all, "1", R"({"last_seen": "tomorrow", "fps": 1})", noon());
    EXPECT_EQ(said.last_seen, iso(0ms));
    EXPECT_EQ(said.details, (json::object{{"fps", 1}}));
    const auto found = co_await all.get("1");
    EXPECT_TRUE(found && found->last_seen == iso(0ms));
  });
}

TEST_F(hub_cameras, every_hub_hears_of_a_status) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    auto changes = co_await redis.subscribe("camera_events");
    co_await put(all, "1", R"({"online": false, "fps": 0})", noon());
    const message heard = co_await changes.next();
    EXPECT_EQ(json::parse(heard.payload), (json::object{{"type", "camera_status"},
                                                        {"camera_id", "1"},
                                                        {"status", "offline"},
                                                        {"last_seen", iso(0ms)},
                                                        {"details", {{"online", false}, {"fps", 0}}}}));
  });
}

TEST_F(hub_cameras, changes_are_told_once) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    co_await touch(redis, "1", noon());
    co_await touch(redis, "2", noon());
    auto changed = co_await all.changes(noon());
    EXPECT_TRUE(changed.empty()) << "who comes now reads the list";

    expire("1");
    changed = co_await all.changes(noon());
    if (changed.size() != 1) co_return ADD_FAILURE() << changed.size();
    EXPECT_EQ(changed[0].id, "1");
    EXPECT_FALSE(changed[0].online);
    changed = co_await all.changes(noon());
    EXPECT_TRUE(changed.empty());

    co_await touch(redis, "1", noon() + 1s);
    co_await touch(redis, "3", noon() + 1s);
    changed = co_await all.changes(noon());
    EXPECT_EQ(changed.size(), 2u);
    for (const camera& one : changed) EXPECT_TRUE(one.online && one.id != "2") << one.id;

    expire("1");
    co_await touch(redis, "1", noon() + 2s);
    changed = co_await all.changes(noon());
    EXPECT_TRUE(changed.empty()) << "it was back before anybody noticed";
  });
}

TEST_F(hub_cameras, one_that_is_forgotten_is_gone_until_its_next_sign_of_life_and_every_hub_hears_of_it) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    auto heard = co_await redis.subscribe("camera_events");
    for (const std::string id : {"1", "2"}) co_await touch(redis, id, noon());
    server.command({"SET", "camera:1:latest", "{}"});
    bool was_known = co_await all.forget("1");
    EXPECT_TRUE(was_known);
    const message told = co_await heard.next();
    EXPECT_EQ(json::parse(told.payload), (json::object{{"type", "camera_forgotten"}, {"camera_id", "1"}}));
    auto known = co_await ids(all);
    EXPECT_EQ(known, std::vector<std::string>{"2"});
    EXPECT_EQ(server.command({"EXISTS", "camera:1:status", "camera:1:latest"}).integer, 0);
    was_known = co_await all.forget("1");
    EXPECT_FALSE(was_known);
    co_await touch(redis, "1", noon() + 1s);
    known = co_await ids(all);
    EXPECT_EQ(known, (std::vector<std::string>{"1", "2"}));
  });
}

TEST_F(hub_cameras, what_screens_were_told_by_others_is_no_change_and_what_was_forgotten_is_one_when_it_is_back) {
  options.max_cameras = 3;
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    co_await all.changes(noon());
    co_await touch(redis, "1", noon());
    co_await touch(redis, "2", noon());
    all.note_told("1", true);
    for (int i = 0; i < 10; ++i) all.note_told("made up " + std::to_string(i), true);
    all.note_told("2", true);
    auto changed = co_await all.changes(noon());
    if (changed.size() != 1) co_return ADD_FAILURE() << changed.size();
    EXPECT_EQ(changed[0].id, "2") << "there was no room to note that it was told";
    all.note_told("1", std::nullopt);
    changed = co_await all.changes(noon());
    if (changed.size() != 1) co_return ADD_FAILURE() << changed.size();
    EXPECT_EQ(changed[0].id, "1");
    EXPECT_TRUE(changed[0].online);
    // What is told while the hub reads is newer than what it reads.
    expire("1");
    start([](cameras& of) -> asio::awaitable<void> {
      const auto none = co_await of.changes(noon());
      EXPECT_TRUE(none.empty());
    }(all));
    co_await asio::post(io, asio::deferred);
    all.note_told("1", true);
    co_await all_done();
    changed = co_await all.changes(noon());
    EXPECT_EQ(changed.size(), 1u) << "it is offline all the same";
  });
}

TEST_F(hub_cameras, nobody_is_forgotten_without_a_farewell) {
  options.forget_after = 24h;
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    auto heard = co_await redis.subscribe("camera_events");
    co_await touch(redis, "1", noon());
    server.command({"ACL", "SETUSER", "default", "-publish"});
    const std::string problem =
        co_await message_of<server_error>([](cameras& of) -> asio::awaitable<void> { co_await of.forget("1"); }(all));
    EXPECT_FALSE(problem.empty());
    co_await all.changes(noon() + 25h);
    EXPECT_EQ(server.command({"HGET", "cameras", "1"}).text, iso(0ms)) << "screens would show it for ever";
    EXPECT_EQ(server.command({"EXISTS", "camera:1:status"}).integer, 1);
    server.command({"ACL", "SETUSER", "default", "+publish"});
    co_await all.changes(noon() + 25h);
    const message told = co_await heard.next();
    EXPECT_EQ(json::parse(told.payload), (json::object{{"type", "camera_forgotten"}, {"camera_id", "1"}}));
    EXPECT_EQ(server.command({"DBSIZE"}).integer, 0);
  });
}

TEST_F(hub_cameras, full_memory_takes_no_known_camera_offline) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    co_await touch(redis, "1", noon());
    server.command({"PEXPIRE", "camera:1:status", "1000"});
    server.command({"CONFIG", "SET", "maxmemory", "1"});
    pipeline batch;
    hub::add_touch(batch, options, "1", iso(1s));
    hub::add_touch(batch, options, "2", iso(1s));
    co_await redis.exec(std::move(batch));
    EXPECT_GT(server.command({"PTTL", "camera:1:status"}).integer, 290'000);
    EXPECT_EQ(server.command({"EXISTS", "camera:2:status"}).integer, 0);
  });
}

TEST_F(hub_cameras, one_that_was_not_seen_for_long_is_forgotten) {
  options.forget_after = 24h;
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras one(redis, options);
    cameras other(redis, options);
    auto heard = co_await redis.subscribe("camera_events");
    co_await touch(redis, "old", noon());
    co_await touch(redis, "new", noon() + 1s);
    server.command({"HSET", "cameras", "odd", "yesterday"});
    co_await one.changes(noon());
    co_await other.changes(noon());
    auto changed = co_await one.changes(noon() + 24h);
    EXPECT_TRUE(changed.empty());
    EXPECT_EQ(server.command({"HLEN", "cameras"}).integer, 3) << "not before its time";
    changed = co_await one.changes(noon() + 24h + 1ms);
    EXPECT_TRUE(changed.empty()) << "it is no change";
    changed = co_await other.changes(noon() + 24h + 1ms);
    EXPECT_TRUE(changed.empty());
    const auto known = co_await ids(one);
    EXPECT_EQ(known, (std::vector<std::string>{"new", "odd"})) << "what says no time is not old";
    message told = co_await heard.next();
    EXPECT_EQ(json::parse(told.payload), (json::object{{"type", "camera_forgotten"}, {"camera_id", "old"}}));
    server.command({"PUBLISH", "camera_events", "end"});
    told = co_await heard.next();
    EXPECT_EQ(told.payload, "end") << "one of the hubs says so, not both";
  });
}

TEST_F(hub_cameras, nobody_is_forgotten_while_it_counts_as_online) {
  options.forget_after = 1ms;
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    co_await touch(redis, "1", noon());
    co_await all.changes(noon() + options.camera_ttl);
    const auto known = co_await ids(all);
    EXPECT_EQ(known.size(), 1u);
  });
}

TEST_F(hub_cameras, beyond_the_bound_a_new_one_is_refused_and_a_known_one_is_not) {
  options.max_cameras = 2;
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    co_await put(all, "1", "{}", noon());
    co_await touch(redis, "2", noon());
    const std::string problem = co_await message_of<hub::too_many_cameras>([](cameras& of) -> asio::awaitable<void> {
      const json::object status;
      co_await of.put_status("3", status, noon());
    }(all));
    EXPECT_NE(problem.find("2 cameras"), std::string::npos) << problem;
    EXPECT_EQ(server.command({"EXISTS", "camera:3:status"}).integer, 0);
    co_await touch(redis, "4", noon());
    EXPECT_EQ(server.command({"EXISTS", "camera:4:status"}).integer, 0) << "it would be kept and not shown";
    auto known = co_await ids(all);
    EXPECT_EQ(known, (std::vector<std::string>{"1", "2"}));
    co_await put(all, "1", "{}", noon() + 1s);
    co_await touch(redis, "2", noon() + 1s);
    const auto seen = co_await all.get("2");
    EXPECT_TRUE(seen && seen->last_seen == iso(1s));
    co_await all.forget("1");
    co_await put(all, "3", "{}", noon() + 2s);
    known = co_await ids(all);
    EXPECT_EQ(known, (std::vector<std::string>{"2", "3"}));
  });
}

TEST_F(hub_cameras, two_hubs_notice_each_on_their_own) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras one(redis, options);
    cameras other(redis, options);
    co_await one.changes(noon());
    co_await other.changes(noon());
    co_await touch(redis, "1", noon());
    const auto first = co_await one.changes(noon());
    const auto second = co_await other.changes(noon());
    EXPECT_EQ(first.size(), 1u);
    EXPECT_EQ(second.size(), 1u);
  });
}

TEST_F(hub_cameras, a_key_of_another_type_hides_no_other_camera) {
  server.command({"RPUSH", "camera:1:status", "x"});
  server.command({"RPUSH", "camera:1:latest", "x"});
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    server.command({"HSET", "cameras", "1", iso(0ms)});
    co_await touch(redis, "2", noon());
    const auto listed = co_await all.list();
    if (listed.size() != 2) co_return ADD_FAILURE();
    EXPECT_FALSE(listed[0].online);
    EXPECT_TRUE(listed[0].latest.is_null());
    EXPECT_TRUE(listed[1].online);
  });
}

TEST_F(hub_cameras, while_redis_is_away_nobody_goes_offline) {
  connection.timeout = 200ms;
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    co_await touch(redis, "1", noon());
    co_await all.changes(noon());
    server.kill();
    const std::string problem =
        co_await message_of<error>([](cameras& of) -> asio::awaitable<void> { co_await of.changes(noon()); }(all));
    EXPECT_FALSE(problem.empty());
    server.start();
    std::optional<std::vector<camera>> changed;
    for (int i = 0; i < 100 && !changed; ++i) {
      try {
        changed = co_await all.changes(noon());
      } catch (const error&) {
      }
    }
    EXPECT_TRUE(changed && changed->empty());
  });
}

TEST_F(hub_cameras, a_refused_write_is_an_error) {
  server.command({"SET", "cameras", "not a hash"});
  with_client([this](client& redis) -> asio::awaitable<void> {
    cameras all(redis, options);
    server.command({"CONFIG", "SET", "maxmemory", "1"});
    const std::string problem = co_await message_of<server_error>([](cameras& of) -> asio::awaitable<void> {
      const json::object status;
      co_await of.put_status("1", status, noon());
    }(all));
    EXPECT_NE(problem.find("OOM"), std::string::npos) << problem;
  });
}

}  // namespace
}  // namespace redstart::test
