// SPDX-License-Identifier: MIT
#include "client/pubsub_line.hpp"

#include <gtest/gtest.h>

#include <string>

namespace redstart::detail {
namespace {

using verb = pubsub_line::verb;
using kind = core::subscription_kind;

void push(pubsub_line& line, verb what, kind of, std::initializer_list<std::string_view> names) {
  line.push(what, of, {names.begin(), names.size()});
}

TEST(pubsub_line, commands_are_written_as_redis_reads_them) {
  pubsub_line line;
  push(line, verb::subscribe, kind::channel, {"a", "bc"});
  push(line, verb::unsubscribe, kind::pattern, {"d*"});
  line.push(verb::ping);
  EXPECT_EQ(line.output(),
            "*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$2\r\nbc\r\n"
            "*2\r\n$12\r\nPUNSUBSCRIBE\r\n$2\r\nd*\r\n"
            "*1\r\n$4\r\nPING\r\n");
}

TEST(pubsub_line, output_shrinks_by_what_was_written_and_grows_behind_it) {
  pubsub_line line;
  line.push(verb::ping);
  line.wrote(10);
  EXPECT_EQ(line.output(), "NG\r\n");
  line.push(verb::ping);
  EXPECT_EQ(line.output(), "NG\r\n*1\r\n$4\r\nPING\r\n");
  line.wrote(line.output().size());
  EXPECT_EQ(line.output(), "");
}

TEST(pubsub_line, a_command_is_answered_when_each_of_its_names_is) {
  pubsub_line line;
  push(line, verb::subscribe, kind::channel, {"a", "b"});
  EXPECT_TRUE(line.answer(verb::subscribe, kind::channel));
  EXPECT_FALSE(line.empty());
  EXPECT_EQ(line.answered(), 0u);
  EXPECT_TRUE(line.answer(verb::subscribe, kind::channel));
  EXPECT_TRUE(line.empty());
  EXPECT_EQ(line.answered(), 1u);
}

TEST(pubsub_line, answers_belong_to_the_oldest_command_only) {
  pubsub_line line;
  push(line, verb::subscribe, kind::channel, {"a"});
  push(line, verb::subscribe, kind::pattern, {"b*"});
  push(line, verb::unsubscribe, kind::channel, {"a"});
  line.push(verb::ping);
  EXPECT_FALSE(line.answer(verb::subscribe, kind::pattern));
  EXPECT_FALSE(line.answer(verb::unsubscribe, kind::channel));
  EXPECT_FALSE(line.answer(verb::ping));
  EXPECT_TRUE(line.answer(verb::subscribe, kind::channel));
  EXPECT_TRUE(line.answer(verb::subscribe, kind::pattern));
  EXPECT_TRUE(line.answer(verb::unsubscribe, kind::channel));
  EXPECT_TRUE(line.answer(verb::ping));
  EXPECT_FALSE(line.answer(verb::ping));
}

TEST(pubsub_line, an_error_takes_the_oldest_command_out_whole) {
  pubsub_line line;
  push(line, verb::subscribe, kind::channel, {"a", "b"});
  line.push(verb::ping);
  const auto refused = line.refuse();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->what, verb::subscribe);
  EXPECT_EQ(refused->names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(line.answered(), 1u);
  EXPECT_EQ(line.refuse()->what, verb::ping);
  EXPECT_FALSE(line.refuse());
}

TEST(pubsub_line, a_lost_connection_counts_all_that_was_due_as_answered) {
  pubsub_line line;
  line.push(verb::ping);
  push(line, verb::unsubscribe, kind::channel, {"a"});
  const auto last = line.pushed();
  EXPECT_EQ(last, 2u);
  line.wrote(3);
  line.clear();
  EXPECT_EQ(line.answered(), last);
  EXPECT_EQ(line.output(), "");
  EXPECT_FALSE(line.answer(verb::ping));
  line.push(verb::ping);
  EXPECT_EQ(line.output(), "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(line.pushed(), 3u);
}

}  // namespace
}  // namespace redstart::detail
