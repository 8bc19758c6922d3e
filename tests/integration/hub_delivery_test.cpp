// SPDX-License-Identifier: MIT
#include "hub/delivery.hpp"
#include "support/hub_fixture.hpp"

namespace redstart::test {
namespace {

class hub_delivery : public hub_test {
 protected:
  static hub::alert raised(const std::string& text, const std::string& object = {}) {
    hub::alert one;
    one.text = text;
    one.object = object;
    one.level = hub::severity::critical;
    return one;
  }
  asio::awaitable<std::vector<reply>> send(client& redis, hub::delivery& out) {
    pipeline left = out.next(hub::moment(1h));
    co_return co_await redis.exec(std::move(left));
  }
  asio::awaitable<void> finish(client& redis, hub::delivery& out) {
    while (!out.done()) {
      const auto answers = co_await send(redis, out);
      const auto trouble = out.answered(answers);
      EXPECT_EQ(trouble.to_retry, "");
      EXPECT_EQ(trouble.given_up, "");
    }
  }
};

TEST_F(hub_delivery, after_a_lost_answer_each_alert_stands_in_the_list_once) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    hub::scored_batch batch;
    batch.alerts.push_back(raised("first"));
    batch.alerts.push_back(raised("second"));
    hub::delivery out(options, batch);
    // Redis has executed it, and nobody heard so: twice.
    for (int i = 0; i < 2; ++i) {
      co_await send(redis, out);
      out.unanswered();
    }
    co_await finish(redis, out);
    const std::vector<std::string> expected{"second", "first"};
    EXPECT_EQ(elements("alerts"), expected);
    EXPECT_EQ(out.published(), 2u);
  });
}

TEST_F(hub_delivery, markers_are_set_for_what_was_published_at_that_severity_and_below) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    hub::scored_batch batch;
    batch.alerts.push_back(raised("text", "o1"));
    hub::delivery out(options, batch);
    auto answers = co_await send(redis, out);
    out.answered(answers);
    EXPECT_EQ(length("alerts"), 0);
    answers = co_await send(redis, out);
    out.answered(answers);
    EXPECT_EQ(length("alerts"), 1);
    EXPECT_EQ(server.command({"EXISTS", "alert:o1:critical"}).integer, 0) << "not before it was published";
    co_await finish(redis, out);
    for (const std::string level : {"critical", "high"}) {
      EXPECT_GT(server.command({"PTTL", "alert:o1:" + level}).integer, 3'500'000) << level;
    }
    EXPECT_EQ(server.command({"EXISTS", "alert:o1:medium"}).integer, 0);
    // The same object again, by a hub that has not seen it.
    hub::delivery again(options, batch);
    co_await finish(redis, again);
    EXPECT_EQ(again.published(), 0u);
    EXPECT_EQ(again.repeated(), 1u);
    EXPECT_EQ(length("alerts"), 1);
  });
}

TEST_F(hub_delivery, everything_goes_to_its_key) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    hub::scored_batch batch;
    batch.cameras.push_back({"porch", "what was seen"});
    batch.unreadable.push_back({0, "what was not understood"});
    hub::delivery out(options, batch);
    co_await finish(redis, out);
    EXPECT_EQ(server.command({"GET", "camera:porch:latest"}).text, "what was seen");
    EXPECT_EQ(server.command({"GET", "camera:porch:status"}).text, R"({"last_seen":"1970-01-01T01:00:00.000Z"})");
    EXPECT_EQ(server.command({"HGET", "cameras", "porch"}).text, "1970-01-01T01:00:00.000Z");
    const std::vector<std::string> expected{"what was not understood"};
    EXPECT_EQ(elements("detections:unreadable"), expected);
  });
}

TEST_F(hub_delivery, a_key_of_another_type_is_reported_and_stops_nothing) {
  server.command({"SET", "alerts", "not a list"});
  with_client([this](client& redis) -> asio::awaitable<void> {
    auto heard = co_await redis.subscribe("events");
    hub::scored_batch batch;
    batch.alerts.push_back(raised("text"));
    hub::delivery out(options, batch);
    const auto answers = co_await send(redis, out);
    const auto trouble = out.answered(answers);
    EXPECT_EQ(trouble.to_retry, "");
    EXPECT_TRUE(trouble.given_up.starts_with("WRONGTYPE")) << trouble.given_up;
    EXPECT_TRUE(out.done());
    const message one = co_await heard.next();
    EXPECT_EQ(one.payload, "text");
  });
}

}  // namespace
}  // namespace redstart::test
