// SPDX-License-Identifier: MIT
// The hub as its users have it: a program, asked over HTTP and WebSocket.
#include "support/hub_program.hpp"

#include "support/server.hpp"
#include "support/waiting.hpp"
#include "support/websocket_client.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace redstart::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr const char* risky = R"({"camera_id": 1, "timestamp": "2024-01-01T23:00:00", "objects": ["person", "car"]})";
constexpr const char* harmless = R"({"camera_id": 2, "timestamp": "2024-01-01T12:00:00", "objects": ["cat"]})";

class hub_program_test : public testing::Test {
 protected:
  /// The next message of that type; others are dropped.
  static json::object next(plain_websocket_client& screen, const std::string& type) {
    std::string others;
    try {
      for (int i = 0; i < 1000; ++i) {
        const auto text = screen.read();
        if (!text) break;
        json::object message = json::parse(*text).as_object();
        if (message.at("type").as_string() == type) return message;
        others += *text + '\n';
      }
      ADD_FAILURE() << "the connection ended before a message " << type << ", after\n" << others;
    } catch (const std::runtime_error& e) {
      ADD_FAILURE() << "no message " << type << ": " << e.what() << "; what came:\n" << others;
    }
    return {};
  }

  // What was answered survives a kill: with "everysec" the server puts writes off while the disk is busy.
  redis_server redis{server_options{.args = {"--appendonly", "yes", "--appendfsync", "no"}}};
};

TEST_F(hub_program_test, an_event_is_queued_as_it_was_posted) {
  hub_program hub(redis.unix_url(), {"--workers", "0"});
  const http_answer answer = hub.post("/events", R"({"camera_id": 1, "timestamp": "2024-01-01T12:00:00",
                                                     "objects": ["person"], "model": {"name": "yolo", "v": 8.50}})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"status":"queued","queue_length":1,"accepted":1})");
  EXPECT_EQ(
      redis.command({"LPOP", "detections"}).text,
      R"({"camera_id":1,"timestamp":"2024-01-01T12:00:00","objects":["person"],"model":{"name":"yolo","v":8.50}})");
}

TEST_F(hub_program_test, events_come_as_arrays_and_as_frigate_envelopes) {
  hub_program hub(redis.unix_url(), {"--workers", "0"});
  const std::string envelope = R"({"type":"new","before":{"id":"1607123955.475377-mxklsc","camera":"porch","label":)"
                               R"("person","frame_time":1607123961.8},"after":{"id":"1607123955.475377-mxklsc",)"
                               R"("camera":"porch","label":"person","frame_time":1607123961.8,"anything":[1,2]}})";
  EXPECT_EQ(hub.post("/events", envelope).body, R"({"status":"queued","queue_length":1,"accepted":1})");
  EXPECT_EQ(hub.post("/events", '[' + std::string(harmless) + ',' + envelope + ']').body,
            R"({"status":"queued","queue_length":3,"accepted":2})");
  EXPECT_EQ(redis.command({"LINDEX", "detections", "2"}).text, envelope);
}

TEST_F(hub_program_test, what_is_no_event_answers_with_its_place_and_queues_nothing) {
  hub_program hub(redis.unix_url(), {"--workers", "0"});
  const http_answer no_json = hub.post("/events", "{camera");
  EXPECT_EQ(no_json.status, 422);
  EXPECT_THAT(no_json.body, HasSubstr(R"("type":"json_invalid")"));
  const http_answer missing = hub.post("/events", R"([{"camera_id": 1, "timestamp": "2024-01-01T12:00:00"}, {}])");
  EXPECT_EQ(missing.status, 422);
  EXPECT_THAT(missing.body, HasSubstr(R"("loc":["body",1,"camera_id"])"));
  EXPECT_EQ(hub.post("/events", "").status, 422);
  EXPECT_EQ(redis.command({"LLEN", "detections"}).integer, 0);
  EXPECT_EQ(hub.stat("rejected"), 3);
}

TEST_F(hub_program_test, a_camera_is_online_until_its_time_is_up) {
  hub_program hub(redis.unix_url(), {"--camera-ttl", "0.3"});
  const http_answer put = hub.send("PUT", "/cameras/porch/status", R"({"fps": 30})");
  EXPECT_EQ(put.status, 200);
  EXPECT_THAT(put.body, HasSubstr(R"("status":"online")"));
  EXPECT_THAT(put.body, HasSubstr(R"("fps":30)"));
  EXPECT_TRUE(
      eventually([&] { return hub.get("/cameras/porch").body.find(R"("status":"offline")") != std::string::npos; }));
  EXPECT_THAT(hub.get("/cameras").body, HasSubstr(R"("camera_id":"porch")"));
  EXPECT_EQ(hub.get("/cameras/nobody").status, 404);
  EXPECT_EQ(hub.get("/cameras/no%20id").status, 422);
  EXPECT_EQ(hub.send("PUT", "/cameras/porch/status", R"({"online": "yes"})").status, 422);
}

TEST_F(hub_program_test, queues_are_looked_at_and_cleared_and_nothing_else_is) {
  hub_program hub(redis.unix_url(), {"--workers", "0"});
  for (int i = 0; i < 3; ++i) hub.post("/events", harmless);
  const json::value view = json::parse(hub.get("/queues/detections?start=1&end=1").body);
  EXPECT_EQ(view.at("length").to_number<int>(), 3);
  EXPECT_EQ(view.at("items").as_array().size(), 1u);
  EXPECT_EQ(hub.get("/queues/detections?start=2&end=1").status, 422);
  EXPECT_EQ(hub.get("/queues/detections?end=5000").status, 422);
  EXPECT_EQ(hub.send("DELETE", "/queues/detections").body, R"({"queue":"detections","cleared":true})");
  EXPECT_EQ(hub.send("DELETE", "/queues/detections").body, R"({"queue":"detections","cleared":false})");
  redis.command({"SET", "precious", "value"});
  EXPECT_EQ(hub.send("DELETE", "/queues/precious").status, 409);
  EXPECT_EQ(hub.get("/queues/precious").status, 409);
  EXPECT_EQ(redis.command({"GET", "precious"}).text, "value");
}

TEST_F(hub_program_test, it_tells_about_itself) {
  hub_program hub(redis.unix_url());
  const http_answer health = hub.get("/health");
  EXPECT_EQ(health.status, 200);
  EXPECT_THAT(health.body, HasSubstr(R"("status":"healthy","connected":true,"redis_version":")"));
  hub.post("/events", risky);
  ASSERT_TRUE(eventually([&] { return hub.stat("processed") == 1; }));
  const std::string metrics = hub.get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("redstart_hub_events_posted_total 1\n"));
  EXPECT_THAT(metrics, HasSubstr("redstart_hub_alerts_total 1\n"));
  EXPECT_THAT(metrics, HasSubstr("redstart_hub_redis_up 1\n"));
  EXPECT_THAT(metrics, HasSubstr(R"(redstart_hub_http_responses_total{method="POST",route="/events",status="200"} 1)"));
  EXPECT_THAT(hub.get("/api").body, HasSubstr(R"({"method":"POST","path":"/events","summary":")"));
  EXPECT_EQ(hub.get("/nothing").status, 404);
  EXPECT_EQ(hub.send("PATCH", "/events").header("allow"), "POST");
  const http_answer page = hub.get("/");
  EXPECT_EQ(page.header("content-type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.header("content-security-policy").value_or(""),
              HasSubstr("default-src 'none'; script-src 'self' 'sha256-"));
  EXPECT_EQ(hub.send("GET", "/", {}, "If-None-Match: " + page.header("etag").value_or("") + "\r\n").status, 304);
}

TEST_F(hub_program_test, a_token_guards_what_writes) {
  hub_program hub(redis.unix_url(), {"--token", "secret-token", "--workers", "0"});
  const http_answer refused = hub.post("/events", risky);
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.header("www-authenticate"), "Bearer");
  EXPECT_EQ(hub.post("/events", risky, "Authorization: Bearer secret-tokex\r\n").status, 401);
  EXPECT_EQ(hub.post("/events", risky, "Authorization: Bearer \r\n").status, 401);
  EXPECT_EQ(hub.post("/events", risky, "Authorization: Basic secret-token\r\n").status, 401);
  EXPECT_EQ(hub.send("PUT", "/cameras/1/status", "{}").status, 401);
  EXPECT_EQ(hub.send("DELETE", "/queues/detections").status, 401);
  EXPECT_EQ(hub.post("/events", risky, "Authorization: Bearer secret-token\r\n").status, 200);
  EXPECT_EQ(hub.get("/queues/detections").status, 200);
  EXPECT_EQ(hub.log().find("secret-token"), std::string::npos);
}

TEST_F(hub_program_test, every_screen_gets_every_alert_and_change) {
  hub_program hub(redis.unix_url(), {"--camera-ttl", "1"});
  plain_websocket_client first(hub.port());
  plain_websocket_client second(hub.port());
  ASSERT_EQ(first.open("/ws"), 101u);
  ASSERT_EQ(second.open("/ws?stats=true"), 101u);
  next(first, "hello");
  next(second, "hello");

  hub.post("/events", risky);
  const json::object alert = next(first, "risk_alert");
  EXPECT_EQ(alert.at("risk_score").to_number<int>(), 65);
  EXPECT_EQ(alert.at("camera_id").to_number<int>(), 1);
  EXPECT_EQ(next(second, "risk_alert").at("id"), alert.at("id"));
  EXPECT_EQ(json::parse(hub.get("/alerts").body).at("alerts").at(0).at("id"), alert.at("id"));

  hub.send("PUT", "/cameras/porch/status", R"({"fps": 30})");
  for (auto* screen : {&first, &second}) {
    json::object change;
    do change = next(*screen, "camera_status");
    while (!testing::Test::HasFailure() && change.at("camera_id").as_string() != "porch");
    EXPECT_EQ(change.at("status").as_string(), "online");
    // It says no more; nobody publishes that its time is up.
    do change = next(*screen, "camera_status");
    while (!testing::Test::HasFailure() && change.at("camera_id").as_string() != "porch");
    EXPECT_EQ(change.at("status").as_string(), "offline");
  }
  const json::object stats = next(second, "stats");
  EXPECT_EQ(stats.at("posted").to_number<int>(), 1);
  EXPECT_EQ(stats.at("clients").to_number<int>(), 2);

  EXPECT_EQ(redis.command({"PUBSUB", "NUMSUB", "events"}).items.at(1).integer, 1) << "one subscription for all screens";
}

TEST_F(hub_program_test, two_hubs_share_the_queue_and_both_broadcast) {
  hub_program one(redis.unix_url());
  hub_program two(redis.unix_url());
  plain_websocket_client at_one(one.port());
  plain_websocket_client at_two(two.port());
  ASSERT_EQ(at_one.open("/ws"), 101u);
  ASSERT_EQ(at_two.open("/ws"), 101u);
  next(at_one, "hello");
  next(at_two, "hello");
  constexpr int count = 200;
  for (int i = 0; i < count; ++i) (i % 2 == 0 ? one : two).post("/events", risky);
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(next(at_one, "risk_alert").at("id"), next(at_two, "risk_alert").at("id"));
    if (HasFailure()) return;
  }
  EXPECT_EQ(one.stat("posted") + two.stat("posted"), count);
  EXPECT_TRUE(eventually([&] { return one.stat("processed") + two.stat("processed") == count; }));
  EXPECT_EQ(one.stat("queued"), 0);
}

TEST_F(hub_program_test, ten_thousand_events_posted_are_ten_thousand_processed) {
  hub_program hub(redis.unix_url());
  std::string batch = "[";
  for (int i = 0; i < 100; ++i) batch += (i > 0 ? "," : "") + std::string(i % 10 == 0 ? risky : harmless);
  batch += ']';
  http_client client(hub.port());
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.post("/events", batch).status, 200);
  EXPECT_TRUE(eventually([&] { return hub.stat("processed") == 10'000; }));
  EXPECT_EQ(hub.stat("posted"), 10'000);
  EXPECT_EQ(hub.stat("alerts"), 1'000);
  EXPECT_EQ(hub.stat("queued"), 0);
}

TEST_F(hub_program_test, a_killed_redis_is_survived_and_nothing_accepted_is_lost) {
  hub_program hub(redis.unix_url());
  plain_websocket_client screen(hub.port());
  ASSERT_EQ(screen.open("/ws"), 101u);
  next(screen, "hello");
  int accepted = 0;
  int unknown = 0;
  bool refused = false;
  const auto post = [&] {
    const http_answer answer = hub.post("/events", harmless);
    accepted += answer.status == 200 ? 1 : 0;
    unknown += answer.status == 200 ? 0 : 1;
    if (answer.status == 503) {
      refused = true;
      EXPECT_EQ(answer.header("retry-after"), "1");
      EXPECT_EQ(answer.body.find("redis.sock"), std::string::npos) << "an answer says too much: " << answer.body;
    }
    return answer.status;
  };
  for (int i = 0; i < 50; ++i) post();
  ASSERT_TRUE(eventually([&] { return hub.stat("processed") == 50; }));
  redis.kill();
  EXPECT_EQ(hub.get("/health").status, 503);
  post();
  EXPECT_TRUE(refused);
  redis.start();
  EXPECT_TRUE(eventually([&] { return post() == 200; }));
  // A screen that came before the hub was subscribed had a gap of its own, at the beginning.
  while (!HasFailure() && next(screen, "gap")["outage_ms"].as_int64() < 1000) {
  }
  // A plain queue can lose elements that are on their way to the hub as the server dies: the last one or two posted.
  constexpr int on_their_way = 2;
  EXPECT_TRUE(eventually([&] { return hub.stat("processed") >= accepted - on_their_way && hub.stat("queued") == 0; }));
  EXPECT_LE(hub.stat("processed"), accepted + unknown);
  EXPECT_EQ(hub.get("/health").status, 200);
  EXPECT_EQ(hub.post("/events", risky).status, 200);
  next(screen, "risk_alert");
  if (HasFailure()) ADD_FAILURE() << hub.log();
}

TEST_F(hub_program_test, a_stopped_hub_says_goodbye_and_leaves_nothing_behind) {
  std::optional<hub_program> hub(std::in_place, redis.unix_url());
  plain_websocket_client screen(hub->port());
  ASSERT_EQ(screen.open("/ws"), 101u);
  next(screen, "hello");
  std::string batch = "[";
  for (int i = 0; i < 1000; ++i) batch += (i > 0 ? "," : "") + std::string(harmless);
  batch += ']';
  for (int i = 0; i < 20; ++i) ASSERT_EQ(hub->post("/events", batch).status, 200);
  const std::int64_t done_before = hub->stat("processed");
  EXPECT_EQ(hub->stop(), 0) << hub->log();
  for (int i = 0; i < 1000 && screen.read(); ++i) {
  }  // what was told before
  EXPECT_EQ(screen.closed_with(), 1001u);
  EXPECT_EQ(hub->log().find(" error "), std::string::npos) << hub->log();
  // What it had taken and not finished is in the queue again, for the next one.
  const std::int64_t left = redis.command({"LLEN", "detections"}).integer;
  EXPECT_LE(left, 20'000 - done_before);
  hub.emplace(redis.unix_url());
  EXPECT_TRUE(eventually([&] { return hub->stat("queued") == 0; }));
  EXPECT_TRUE(eventually([&] { return hub->stat("processed") == left; }));
}

TEST_F(hub_program_test, a_recording_is_replayed_and_accounted_for) {
  hub_program one(redis.unix_url());
  hub_program two(redis.unix_url());
  const std::string recording = std::string(REDSTART_SOURCE_DIR) + "/apps/hub/recordings/evening.jsonl";
  const program_result replayed = run_hub({"replay", recording, "--speed", "0", "--to", one.url(), "--to", two.url()});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.output;
  EXPECT_THAT(replayed.output, HasSubstr("every event is accounted for"));
  EXPECT_GT(one.stat("posted"), 0);
  EXPECT_GT(two.stat("posted"), 0);
}

TEST_F(hub_program_test, a_replay_says_what_was_refused) {
  hub_program hub(redis.unix_url(), {"--token", "secret-token"});
  const scratch_folder folder;
  std::ofstream(folder.file("one.jsonl")) << risky << '\n';
  const program_result replayed = run_hub({"replay", folder.file("one.jsonl"), "--to", hub.url()});
  EXPECT_EQ(replayed.exit_code, 1);
  EXPECT_THAT(replayed.output, HasSubstr("NOT every event is accounted for"));
  EXPECT_THAT(replayed.output, HasSubstr("401"));
  EXPECT_EQ(run_hub({"replay", folder.file("one.jsonl"), "--to", hub.url(), "--token", "secret-token"}).exit_code, 0);
}

TEST_F(hub_program_test, what_keeps_it_from_starting_is_said_in_a_line) {
  hub_program hub(redis.unix_url());
  const program_result taken =
      run_hub({"--redis", redis.unix_url(), "--listen", "127.0.0.1:" + std::to_string(hub.port())});
  EXPECT_EQ(taken.exit_code, 1);
  EXPECT_THAT(taken.output, HasSubstr("cannot listen on 127.0.0.1:" + std::to_string(hub.port())));
  const program_result bad_url = run_hub({"--redis", "http://localhost"});
  EXPECT_EQ(bad_url.exit_code, 1);
  EXPECT_THAT(bad_url.output, HasSubstr("http"));
  const program_result bad_listen = run_hub({"--listen", "localhost:eighty"});
  EXPECT_NE(bad_listen.exit_code, 0);
  EXPECT_THAT(bad_listen.output, HasSubstr("HOST:PORT"));
  const std::vector<std::pair<std::vector<std::string>, std::string>> never_meant{
      {{"--max-body", "0"}, "--max-body"},
      {{"--max-connections", "0"}, "--max-connections"},
      {{"--rate", "-1"}, "--rate"},
      {{"--tls-key", "key.pem"}, "--tls-certificate"},
      {{"--tls-certificate", "cert.pem", "--tls-key", "key.pem", "--simulate", "2"}, "--simulate"},
  };
  for (const auto& [words, named] : never_meant) {
    const program_result refused = run_hub(words);
    EXPECT_NE(refused.exit_code, 0) << named;
    EXPECT_THAT(refused.output, HasSubstr(named));
    EXPECT_THAT(refused.output, Not(HasSubstr("connected"))) << "a Redis was started for nothing";
  }
}

}  // namespace
}  // namespace redstart::test
