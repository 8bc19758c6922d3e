// SPDX-License-Identifier: MIT
#include "support/client_fixture.hpp"

#include <boost/describe.hpp>

namespace redstart::test {

struct camera_status {
  bool online = false;
  int fps = 0;
  std::optional<std::string> zone;
  bool operator==(const camera_status&) const = default;
};
BOOST_DESCRIBE_STRUCT(camera_status, (), (online, fps, zone))

namespace {

using cache = verbs_test;
INSTANTIATE_TEST_SUITE_P(every_way, cache, ::testing::ValuesIn(every_way), name_of);

TEST_P(cache, a_described_struct_comes_back_as_it_was) {
  with_client([](client& redis) -> asio::awaitable<void> {
    const camera_status stored{true, 30, "garden"};
    EXPECT_TRUE(co_await redis.set("camera:1:status", stored));
    const auto found = co_await redis.get<camera_status>("camera:1:status");
    EXPECT_EQ(found, stored);
  });
}

TEST_P(cache, bytes_are_never_touched) {
  with_client([](client& redis) -> asio::awaitable<void> {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    bytes += "\r\n$3\r\n";
    co_await redis.set("bytes", bytes);
    const auto found = co_await redis.get<std::string>("bytes");
    EXPECT_EQ(found, bytes);
  });
}

TEST_P(cache, json_without_a_type_follows_the_specification) {
  with_client([](client& redis) -> asio::awaitable<void> {
    const json::value status{{"online", true}, {"fps", 30}};
    co_await redis.set("status", status);
    EXPECT_EQ(co_await redis.get("status"), status);
    co_await redis.set("text", "plain text");
    EXPECT_EQ(co_await redis.get("text"), json::value("plain text"));
    EXPECT_EQ(co_await redis.get<std::string>("text"), "plain text");
  });
}

TEST_P(cache, a_range_is_as_many_arguments_as_it_has) {
  with_client([](client& redis) -> asio::awaitable<void> {
    const std::vector<std::string> keys{"a", "b", "missing"};
    co_await redis.exec("MSET", "a", 1, "b", 2);
    const auto found = co_await redis.exec<std::vector<std::optional<int>>>("MGET", each(keys));
    EXPECT_EQ(found, (std::vector<std::optional<int>>{1, 2, std::nullopt}));

    // Texts that the range makes as it is walked through, too long to lie within a string.
    const auto long_key = [](int number) {
      return "a key that is made for the moment only: " + std::to_string(number);
    };
    const auto made = std::views::iota(0, 100) | std::views::transform(long_key);
    for (int i = 0; i < 100; ++i) co_await redis.set(long_key(i), i);
    pipeline batch;
    batch.add("EXISTS", each(made)).add("DEL", each(made), "a");
    const auto answers = co_await redis.exec(std::move(batch));
    EXPECT_EQ(answers.at(0).integer(), 100);
    EXPECT_EQ(answers.at(1).integer(), 101);
  });
}

TEST_P(cache, a_handler_may_own_what_cannot_be_copied) {
  with_client([](client& redis) -> asio::awaitable<void> {
    co_await redis.set("key", "value");
    std::optional<std::string> got;
    redis.get<std::string>("key", [&got, owned = std::make_unique<int>(1)](std::exception_ptr, auto value) {
      if (*owned == 1) got = std::move(value);
    });
    co_await redis.exec("PING");  // answered after it
    EXPECT_EQ(got, "value");
  });
}

TEST_P(cache, a_missing_key_is_empty) {
  with_client([](client& redis) -> asio::awaitable<void> {
    EXPECT_FALSE((co_await redis.get("nothing")).has_value());
    EXPECT_FALSE((co_await redis.get<std::string>("nothing")).has_value());
  });
}

TEST_P(cache, a_value_that_does_not_fit_fails_alone_and_carries_its_bytes) {
  with_client([](client& redis) -> asio::awaitable<void> {
    co_await redis.set("status", "not json");
    try {
      co_await redis.get<camera_status>("status");
      ADD_FAILURE() << "no error";
    } catch (const decode_error& e) {
      EXPECT_EQ(e.payload(), "not json");
      EXPECT_NE(std::string(e.what()).find("GET status"), std::string::npos) << e.what();
    }
    EXPECT_EQ(co_await redis.get<std::string>("status"), "not json");
  });
}

TEST_P(cache, an_expiry_is_set_kept_and_removed) {
  with_client([](client& redis) -> asio::awaitable<void> {
    const set_options five_minutes{.expire = 300s};
    co_await redis.set("key", "value", five_minutes);
    auto left = co_await redis.ttl("key");
    EXPECT_GT(left.value_or(0ms), 290s);
    EXPECT_LE(left.value_or(0ms), 300s);

    const set_options keep{.keep_ttl = true};
    co_await redis.set("key", "other", keep);
    left = co_await redis.ttl("key");
    EXPECT_GT(left.value_or(0ms), 290s);
    EXPECT_NE(left, std::chrono::milliseconds::max());

    co_await redis.set("key", "third");
    EXPECT_EQ(co_await redis.ttl("key"), std::chrono::milliseconds::max());
    EXPECT_TRUE(co_await redis.expire("key", 60s));
    EXPECT_LE((co_await redis.ttl("key")).value_or(0ms), 60s);
    EXPECT_FALSE(co_await redis.expire("nothing", 60s));
    EXPECT_FALSE((co_await redis.ttl("nothing")).has_value());
  });
}

TEST_P(cache, a_key_vanishes_when_its_time_is_over) {
  with_client([this](client& redis) -> asio::awaitable<void> {
    const set_options short_time{.expire = 50ms};
    co_await redis.set("key", "value", short_time);
    EXPECT_TRUE((co_await redis.get("key")).has_value());
    co_await pause(80ms);
    EXPECT_FALSE((co_await redis.get("key")).has_value());
  });
}

TEST_P(cache, conditions_decide_whether_a_value_is_stored) {
  with_client([](client& redis) -> asio::awaitable<void> {
    const set_options absent{.if_absent = true};
    const set_options exists{.if_exists = true};
    EXPECT_FALSE(co_await redis.set("key", "a", exists));
    EXPECT_TRUE(co_await redis.set("key", "b", absent));
    EXPECT_FALSE(co_await redis.set("key", "c", absent));
    EXPECT_TRUE(co_await redis.set("key", "d", exists));
    EXPECT_EQ(co_await redis.get<std::string>("key"), "d");
  });
}

TEST_P(cache, contradicting_options_are_refused_before_anything_is_sent) {
  with_client([](client& redis) -> asio::awaitable<void> {
    const set_options both{.if_absent = true, .if_exists = true};
    EXPECT_THROW((void)redis.set("key", "a", both), config_error);
    const set_options two_times{.expire = 1s, .keep_ttl = true};
    EXPECT_THROW((void)redis.set("key", "a", two_times), config_error);
    const set_options never{.expire = 0s};
    EXPECT_THROW((void)redis.set("key", "a", never), config_error);
    EXPECT_EQ(co_await redis.exists("key"), 0u);
  });
}

TEST_P(cache, several_keys_are_counted_and_removed) {
  with_client([](client& redis) -> asio::awaitable<void> {
    co_await redis.set("a", 1);
    co_await redis.set("b", 2);
    EXPECT_EQ(co_await redis.exists("a", "b", "c"), 2u);
    EXPECT_EQ(co_await redis.exists("a", "a"), 2u);
    EXPECT_EQ(co_await redis.del("a", "b", "c"), 2u);
    EXPECT_EQ(co_await redis.exists("a", "b"), 0u);
  });
}

TEST_P(cache, a_megabyte_goes_both_ways) {
  with_client([](client& redis) -> asio::awaitable<void> {
    std::string large(5 * 1024 * 1024 + 7, 'x');
    for (std::size_t i = 0; i < large.size(); i += 997) large[i] = static_cast<char>('a' + i % 26);
    co_await redis.set("large", large);
    const auto found = co_await redis.get<std::string>("large");
    EXPECT_TRUE(found == large);
  });
}

}  // namespace
}  // namespace redstart::test
