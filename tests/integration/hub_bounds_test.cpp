// SPDX-License-Identifier: MIT
// What the hub bears of those who may post: asked over HTTP and WebSocket.
#include "support/hub_program.hpp"
#include "support/server.hpp"
#include "support/waiting.hpp"
#include "support/websocket_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace redstart::test {
namespace {

using testing::HasSubstr;

std::string event_of(const std::string& camera) {
  return R"({"camera_id": ")" + camera + R"(", "timestamp": "2024-01-01T23:00:00", "objects": ["person", "car"]})";
}

class hub_bounds : public testing::Test {
 protected:
  redis_server redis;
};

TEST_F(hub_bounds, a_camera_that_is_gone_can_be_forgotten_and_screens_hear_of_it) {
  hub_program hub(redis.unix_url(), {"--token", "secret"});
  const std::string token = "Authorization: Bearer secret\r\n";
  EXPECT_EQ(hub.send("PUT", "/cameras/porch/status", "{}", token).status, 200);
  plain_websocket_client screen(hub.port());
  ASSERT_EQ(screen.open("/ws"), 101u);
  EXPECT_EQ(hub.send("DELETE", "/cameras/porch").status, 401);
  EXPECT_EQ(hub.get("/cameras/porch").status, 200);
  const http_answer forgotten = hub.send("DELETE", "/cameras/porch", {}, token);
  EXPECT_EQ(forgotten.status, 200);
  EXPECT_EQ(forgotten.body, R"({"camera_id":"porch","forgotten":true})");
  EXPECT_EQ(hub.get("/cameras").body, R"({"cameras":[]})");
  EXPECT_EQ(hub.get("/cameras/porch").status, 404);
  EXPECT_EQ(hub.send("DELETE", "/cameras/porch", {}, token).status, 404);
  EXPECT_EQ(hub.send("DELETE", "/cameras/no%20id", {}, token).status, 422);
  std::string heard;
  while (heard.find("camera_forgotten") == std::string::npos) {
    const auto text = screen.read();
    ASSERT_TRUE(text) << "the screen was never told";
    heard = *text;
  }
  EXPECT_EQ(heard, R"({"type":"camera_forgotten","camera_id":"porch"})");
}

TEST_F(hub_bounds, a_forgotten_camera_that_is_seen_at_once_is_told_of_again) {
  hub_program hub(redis.unix_url());
  plain_websocket_client screen(hub.port());
  ASSERT_EQ(screen.open("/ws"), 101u);
  const auto hears = [&](std::string_view what) {
    for (auto text = screen.read(); text; text = screen.read()) {
      if (text->find(what) != std::string::npos) return true;
    }
    return false;
  };
  EXPECT_TRUE(
      eventually([&] { return redis.command({"INFO", "commandstats"}).text.find("hgetall") != std::string::npos; }));
  EXPECT_EQ(hub.post("/events", event_of("porch")).status, 200);
  ASSERT_TRUE(hears("camera_status"));
  // Its next event comes before the hub looks at its cameras again.
  EXPECT_EQ(hub.send("DELETE", "/cameras/porch").status, 200);
  EXPECT_EQ(hub.post("/events", event_of("porch")).status, 200);
  ASSERT_TRUE(hears("camera_forgotten"));
  EXPECT_TRUE(hears("camera_status"));
}

TEST_F(hub_bounds, a_status_of_one_camera_too_many_answers_507_and_its_events_are_heard) {
  hub_program hub(redis.unix_url(), {"--max-cameras", "1"});
  EXPECT_EQ(hub.send("PUT", "/cameras/1/status", "{}").status, 200);
  const http_answer refused = hub.send("PUT", "/cameras/2/status", "{}");
  EXPECT_EQ(refused.status, 507);
  EXPECT_THAT(refused.body, HasSubstr("1 cameras are known already"));
  EXPECT_EQ(hub.send("PUT", "/cameras/1/status", "{}").status, 200);
  EXPECT_EQ(hub.post("/events", event_of("2")).status, 200);
  EXPECT_TRUE(eventually([&] { return hub.stat("alerts") == 1; }));
  EXPECT_EQ(hub.get("/cameras").body.find(R"("camera_id":"2")"), std::string::npos);
  EXPECT_THAT(hub.get("/metrics").body, HasSubstr("redstart_hub_cameras_unlisted_total 1\n"));
  EXPECT_EQ(hub.send("DELETE", "/cameras/1").status, 200);
  EXPECT_EQ(hub.send("PUT", "/cameras/2/status", "{}").status, 200);
}

TEST_F(hub_bounds, a_camera_that_was_not_seen_for_long_disappears) {
  redis.command({"HSET", "cameras", "gone", "2024-01-01T12:00:00.000Z"});
  hub_program hub(redis.unix_url());
  EXPECT_EQ(hub.send("PUT", "/cameras/here/status", "{}").status, 200);
  EXPECT_TRUE(eventually([&] { return redis.command({"HKEYS", "cameras"}).items.size() == 1; }));
  EXPECT_THAT(hub.get("/cameras").body, HasSubstr(R"("camera_id":"here")"));
}

}  // namespace
}  // namespace redstart::test
