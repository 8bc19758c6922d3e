// SPDX-License-Identifier: MIT
#include "core/subscription_set.hpp"

#include "resp/reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

namespace redstart::core {
namespace {

using namespace std::chrono_literals;
using names = std::vector<std::string>;
using enum subscription_kind;

const subscription_set::time_point start = subscription_set::time_point{} + 1h;

names sorted(const std::vector<std::string_view>& views) {
  names texts(views.begin(), views.end());
  std::sort(texts.begin(), texts.end());
  return texts;
}

names add(subscription_set& set, const names& which, subscription_kind kind = channel) {
  return sorted(set.add(kind, which));
}

names remove(subscription_set& set, const names& which, subscription_kind kind = channel) {
  return sorted(set.remove(kind, which));
}

bool confirm(subscription_set& set, const std::string& name, bool subscribed = true, subscription_kind kind = channel,
             subscription_set::time_point now = start) {
  return set.confirmed(kind, name, subscribed, now).has_value();
}

subscription_set connected() {
  subscription_set set;
  set.resubscribe();
  return set;
}

TEST(subscription_set, first_holder_subscribes_and_the_last_one_unsubscribes) {
  subscription_set set = connected();
  EXPECT_EQ(add(set, {"a", "b"}), (names{"a", "b"}));
  EXPECT_EQ(add(set, {"b", "c"}), names{"c"});
  EXPECT_EQ(remove(set, {"a", "b"}), names{"a"});
  EXPECT_EQ(remove(set, {"b", "c"}), (names{"b", "c"}));
  EXPECT_TRUE(set.empty());
}

TEST(subscription_set, same_name_twice_is_held_twice) {
  subscription_set set = connected();
  EXPECT_EQ(add(set, {"a", "a"}), names{"a"});
  EXPECT_EQ(remove(set, {"a"}), names{});
  EXPECT_EQ(remove(set, {"a"}), names{"a"});
}

TEST(subscription_set, channels_patterns_and_shards_of_one_name_are_three) {
  subscription_set set = connected();
  for (const auto kind : {channel, pattern, shard}) EXPECT_EQ(add(set, {"a"}, kind), names{"a"});
  confirm(set, "a", true, pattern);
  EXPECT_FALSE(set.is_confirmed(channel, "a"));
  EXPECT_TRUE(set.is_confirmed(pattern, "a"));
  EXPECT_EQ(remove(set, {"a"}, shard), names{"a"});
  EXPECT_FALSE(set.empty());
}

TEST(subscription_set, removing_what_nobody_holds_changes_nothing) {
  subscription_set set = connected();
  EXPECT_EQ(remove(set, {"a"}), names{});
  add(set, {"a"});
  EXPECT_EQ(remove(set, {"a"}), names{"a"});
  EXPECT_EQ(remove(set, {"a"}), names{});
}

TEST(subscription_set, subscribing_is_complete_when_every_name_is_confirmed) {
  subscription_set set = connected();
  add(set, {"a", "b"});
  EXPECT_FALSE(set.all_confirmed(channel, names{"a", "b"}));
  confirm(set, "a");
  EXPECT_TRUE(set.is_confirmed(channel, "a"));
  EXPECT_FALSE(set.all_confirmed(channel, names{"a", "b"}));
  confirm(set, "b");
  EXPECT_TRUE(set.all_confirmed(channel, names{"a", "b"}));
}

TEST(subscription_set, refused_name_is_not_confirmed) {
  subscription_set set = connected();
  add(set, {"a"});
  confirm(set, "a", false);
  EXPECT_FALSE(set.is_confirmed(channel, "a"));
}

TEST(subscription_set, further_holder_of_a_refused_name_tries_anew) {
  subscription_set set = connected();
  add(set, {"a"});
  EXPECT_EQ(add(set, {"a"}), names{});
  confirm(set, "a", false);
  EXPECT_EQ(add(set, {"a"}), names{"a"});
  confirm(set, "a");
  EXPECT_TRUE(set.is_confirmed(channel, "a"));
}

TEST(subscription_set, second_holder_of_a_confirmed_name_has_nothing_to_wait_for) {
  subscription_set set = connected();
  add(set, {"a"});
  confirm(set, "a");
  EXPECT_EQ(add(set, {"a"}), names{});
  EXPECT_TRUE(set.is_confirmed(channel, "a"));
}

TEST(subscription_set, resubscribed_before_the_first_confirmation_is_confirmed_by_the_last) {
  subscription_set set = connected();
  add(set, {"a"});
  EXPECT_EQ(remove(set, {"a"}), names{"a"});
  EXPECT_EQ(add(set, {"a"}), names{"a"});
  confirm(set, "a", true);
  EXPECT_FALSE(set.is_confirmed(channel, "a"));  // the answer to the first SUBSCRIBE; an UNSUBSCRIBE comes after it
  confirm(set, "a", false);
  EXPECT_FALSE(set.is_confirmed(channel, "a"));
  confirm(set, "a", true);
  EXPECT_TRUE(set.is_confirmed(channel, "a"));
}

TEST(subscription_set, unsubscribed_name_is_gone_although_its_late_confirmation_comes) {
  subscription_set set = connected();
  add(set, {"a"});
  remove(set, {"a"});
  confirm(set, "a", true);
  EXPECT_FALSE(set.is_confirmed(channel, "a"));
  confirm(set, "a", false);
  EXPECT_EQ(add(set, {"a"}), names{"a"});
}

TEST(subscription_set, confirmation_nobody_asked_for_is_ignored) {
  subscription_set set = connected();
  EXPECT_FALSE(confirm(set, "a"));
  EXPECT_FALSE(set.is_confirmed(channel, "a"));
  add(set, {"a"});
  confirm(set, "a");
  confirm(set, "a", false);
  EXPECT_TRUE(set.is_confirmed(channel, "a"));
}

TEST(subscription_set, without_a_connection_nothing_is_sent_until_there_is_one) {
  subscription_set set;
  EXPECT_EQ(add(set, {"a", "b"}), names{});
  EXPECT_EQ(remove(set, {"b"}), names{});
  const auto commands = set.resubscribe();
  ASSERT_EQ(commands.size(), 1U);
  EXPECT_EQ(sorted(commands[0].names), names{"a"});
  EXPECT_FALSE(set.is_confirmed(channel, "a"));
  confirm(set, "a");
  EXPECT_TRUE(set.is_confirmed(channel, "a"));
}

TEST(subscription_set, lost_connection_takes_all_confirmations_with_it) {
  subscription_set set = connected();
  add(set, {"a", "b"});
  confirm(set, "a");
  remove(set, {"b"});
  set.lost(start);
  EXPECT_FALSE(set.is_confirmed(channel, "a"));
  const auto commands = set.resubscribe();
  ASSERT_EQ(commands.size(), 1U);
  EXPECT_EQ(sorted(commands[0].names), names{"a"});
  confirm(set, "a");  // one answer is enough: what the old connection owed is void
  EXPECT_TRUE(set.is_confirmed(channel, "a"));
}

TEST(subscription_set, everything_is_asked_for_again_in_chunks_of_one_kind) {
  subscription_set set;
  for (int i = 0; i < 25; ++i) add(set, {"c" + std::to_string(i)});
  for (int i = 0; i < 5; ++i) add(set, {"p" + std::to_string(i)}, pattern);
  std::map<subscription_kind, std::multiset<std::size_t>> sizes;
  std::map<subscription_kind, std::set<std::string_view>> asked;
  const auto commands = set.resubscribe(10);
  for (const subscription_command& command : commands) {
    sizes[command.kind].insert(command.names.size());
    asked[command.kind].insert(command.names.begin(), command.names.end());
  }
  EXPECT_EQ(sizes[channel], (std::multiset<std::size_t>{10, 10, 5}));
  EXPECT_EQ(sizes[pattern], std::multiset<std::size_t>{5});
  EXPECT_EQ(asked[channel].size(), 25U);
  EXPECT_TRUE(asked[pattern].contains("p4"));
}

// --- Gaps ------------------------------------------------------------------------------------------------------------

TEST(subscription_set, gap_lasts_until_all_is_confirmed_again) {
  subscription_set set = connected();
  EXPECT_EQ(set.generation(), 1U);
  add(set, {"a", "b"});
  EXPECT_FALSE(confirm(set, "a"));
  EXPECT_FALSE(confirm(set, "b"));
  set.lost(start);
  EXPECT_EQ(set.lost_at(), start);
  set.resubscribe();
  EXPECT_FALSE(confirm(set, "a", true, channel, start + 1s));
  const auto gap = set.confirmed(channel, "b", true, start + 3s);
  ASSERT_TRUE(gap.has_value());
  EXPECT_EQ(gap->generation, 2U);
  EXPECT_EQ(gap->lost_at, start);
  EXPECT_EQ(gap->lasted, 3s);
  EXPECT_EQ(set.lost_at(), std::nullopt);
}

TEST(subscription_set, losing_a_connection_twice_before_it_is_mended_is_one_gap) {
  subscription_set set = connected();
  add(set, {"a", "b"});
  set.lost(start);
  set.resubscribe();
  confirm(set, "a");
  set.lost(start + 1s);
  EXPECT_EQ(set.lost_at(), start);
  set.resubscribe();
  EXPECT_FALSE(confirm(set, "a"));
  const auto gap = set.confirmed(channel, "b", true, start + 5s);
  ASSERT_TRUE(gap.has_value());
  EXPECT_EQ(gap->generation, 3U);
  EXPECT_EQ(gap->lasted, 5s);
}

TEST(subscription_set, losing_a_connection_that_nobody_needs_is_no_gap) {
  subscription_set set = connected();
  set.lost(start);
  EXPECT_EQ(set.lost_at(), std::nullopt);
  add(set, {"a"});
  set.lost(start + 1s);  // the attempt to connect failed: nobody has missed anything yet
  EXPECT_EQ(set.lost_at(), std::nullopt);
  set.resubscribe();
  EXPECT_FALSE(confirm(set, "a"));
}

TEST(subscription_set, gap_does_not_wait_for_what_was_added_meanwhile) {
  subscription_set set = connected();
  add(set, {"a"});
  set.lost(start);
  set.resubscribe();
  add(set, {"late"});
  EXPECT_TRUE(confirm(set, "a"));
  EXPECT_FALSE(confirm(set, "late"));
}

TEST(subscription_set, gap_ends_although_a_name_is_refused_or_given_up) {
  subscription_set set = connected();
  add(set, {"refused", "given up", "kept"});
  set.lost(start);
  set.resubscribe();
  EXPECT_FALSE(confirm(set, "kept"));
  EXPECT_FALSE(confirm(set, "refused", false));
  remove(set, {"given up"});
  EXPECT_FALSE(confirm(set, "given up", true));
  EXPECT_TRUE(confirm(set, "given up", false));
}

TEST(subscription_set, gap_that_nobody_is_left_to_hear_of_is_forgotten) {
  subscription_set set = connected();
  add(set, {"a"});
  set.lost(start);
  remove(set, {"a"});
  EXPECT_TRUE(set.resubscribe().empty());
  EXPECT_EQ(set.lost_at(), std::nullopt);
}

// A server that answers in order, and holders that come and go: once all is answered, both agree.
TEST(subscription_set, agrees_with_the_server_once_everything_is_answered) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    subscription_set set = connected();
    std::map<std::string, int> holders;
    std::set<std::string> at_server;
    std::deque<std::pair<std::string, bool>> answers;
    const auto send = [&](const names& which, bool subscribe) {
      for (const std::string& name : which) {
        subscribe ? void(at_server.insert(name)) : void(at_server.erase(name));
        answers.emplace_back(name, subscribe);
      }
    };
    const auto answer = [&] {
      confirm(set, answers.front().first, answers.front().second);
      answers.pop_front();
    };
    for (int i = 0; i < 3000; ++i) {
      const std::string name(1, static_cast<char>('a' + random() % 5));
      const auto what = random() % 100;
      if (what < 40) {
        ++holders[name];
        send(add(set, {name}), true);
      } else if (what < 75) {
        holders[name] = std::max(0, holders[name] - 1);
        send(remove(set, {name}), false);
      } else if (what < 99) {
        if (!answers.empty()) answer();
      } else {
        set.lost(start);
        at_server.clear();
        answers.clear();
        for (const subscription_command& command : set.resubscribe(2)) send(sorted(command.names), true);
      }
    }
    while (!answers.empty()) answer();
    for (const auto& [name, count] : holders) {
      EXPECT_EQ(set.is_confirmed(channel, name), count != 0) << name;
      EXPECT_EQ(at_server.contains(name), count != 0) << name;
    }
  }
}

// --- What the server says --------------------------------------------------------------------------------------------

class reading {
 public:
  explicit reading(std::string bytes) : bytes_(std::move(bytes)) {
    EXPECT_EQ(reader_.read(bytes_, nodes_), resp::read_status::complete) << bytes_;
  }
  [[nodiscard]] std::optional<pubsub_event> event(int protocol) const {
    return read_pubsub(reply_view(nodes_.data() + reader_.root(), bytes_.data()), protocol);
  }

 private:
  std::string bytes_;
  resp::reader reader_;
  std::vector<reply_node> nodes_;
};

// The same reply as RESP2 sends it and as RESP3 does.
void expect_event(const std::string& rest, const pubsub_event& expected) {
  for (const int protocol : {2, 3}) {
    SCOPED_TRACE(rest);
    const reading reply((protocol == 2 ? "*" : ">") + rest);
    const auto event = reply.event(protocol);
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(event->type, expected.type);
    EXPECT_EQ(event->kind, expected.kind);
    EXPECT_EQ(event->channel, expected.channel);
    EXPECT_EQ(event->pattern, expected.pattern);
    EXPECT_EQ(event->payload, expected.payload);
    EXPECT_EQ(event->count, expected.count);
  }
}

using enum pubsub_event_type;

TEST(read_pubsub, messages) {
  expect_event("3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n", {.type = message, .channel = "c", .payload = "hi"});
  expect_event("3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$0\r\n\r\n", {.type = message, .channel = "c"});
  expect_event("4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\ncc\r\n$2\r\nhi\r\n",
               {.type = message, .kind = pattern, .channel = "cc", .pattern = "c*", .payload = "hi"});
  expect_event("3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n",
               {.type = message, .kind = shard, .channel = "c", .payload = "hi"});
}

TEST(read_pubsub, confirmations) {
  expect_event("3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:2\r\n", {.type = subscribed, .channel = "c", .count = 2});
  expect_event("3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n", {.type = unsubscribed, .channel = "c"});
  expect_event("3\r\n$10\r\npsubscribe\r\n$2\r\nc*\r\n:1\r\n",
               {.type = subscribed, .kind = pattern, .pattern = "c*", .count = 1});
  expect_event("3\r\n$12\r\npunsubscribe\r\n$2\r\nc*\r\n:1\r\n",
               {.type = unsubscribed, .kind = pattern, .pattern = "c*", .count = 1});
  expect_event("3\r\n$10\r\nssubscribe\r\n$1\r\nc\r\n:1\r\n",
               {.type = subscribed, .kind = shard, .channel = "c", .count = 1});
  expect_event("3\r\n$12\r\nsunsubscribe\r\n$1\r\nc\r\n:0\r\n", {.type = unsubscribed, .kind = shard, .channel = "c"});
}

TEST(read_pubsub, unsubscribing_from_nothing_names_nothing) {
  expect_event("3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n", {.type = unsubscribed});
}

TEST(read_pubsub, pong_of_a_subscribed_connection) {
  expect_event("2\r\n$4\r\npong\r\n$0\r\n\r\n", {.type = pong});
  expect_event("2\r\n$4\r\npong\r\n$2\r\nhi\r\n", {.type = pong, .payload = "hi"});
}

TEST(read_pubsub, name_is_what_was_subscribed_to) {
  const reading by_channel("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
  const reading by_pattern(">4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\ncc\r\n$2\r\nhi\r\n");
  EXPECT_EQ(by_channel.event(2)->name(), "c");
  EXPECT_EQ(by_pattern.event(3)->name(), "c*");
}

TEST(read_pubsub, array_of_a_resp3_connection_is_the_answer_to_a_command) {
  const reading reply("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
  EXPECT_TRUE(reply.event(2).has_value());
  EXPECT_FALSE(reply.event(3).has_value());
}

TEST(read_pubsub, everything_else_is_no_event) {
  for (const char* bytes :
       {"+PONG\r\n", "-ERR x\r\n", ":1\r\n", "$-1\r\n", "*0\r\n", "*1\r\n$7\r\nmessage\r\n",
        "*2\r\n$7\r\nmessage\r\n$1\r\nc\r\n", "*3\r\n:1\r\n:2\r\n:3\r\n",
        "*3\r\n$7\r\nMESSAGE\r\n$1\r\nc\r\n$1\r\nx\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n*0\r\n",
        "*3\r\n$7\r\nmessage\r\n:1\r\n$1\r\nx\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n$1\r\n1\r\n",
        "*3\r\n$9\r\nsubscribe\r\n:1\r\n:1\r\n", "*4\r\n$8\r\npmessage\r\n:1\r\n$2\r\ncc\r\n$2\r\nhi\r\n",
        ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"}) {
    for (const int protocol : {2, 3}) EXPECT_FALSE(reading(bytes).event(protocol).has_value()) << bytes;
  }
}

}  // namespace
}  // namespace redstart::core
