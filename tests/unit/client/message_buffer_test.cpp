// SPDX-License-Identifier: MIT
#include "client/message_buffer.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace redstart::detail {
namespace {

using std::chrono::milliseconds;
using kind_type = message::kind_type;
using time_point = message_buffer::time_point;

constexpr std::size_t plenty = 1'000'000;

time_point at(int ms) { return time_point(milliseconds(ms)); }

std::string show(const message& what) {
  switch (what.kind) {
    case kind_type::message:
      return what.payload;
    case kind_type::gap:
      return "gap " + std::to_string(what.outage.count());
    case kind_type::overflow:
      return "dropped " + std::to_string(what.dropped);
  }
  return "?";
}

struct script {
  message_buffer buffer;

  explicit script(std::size_t max_messages = plenty, overflow_policy policy = overflow_policy::drop_oldest,
                  std::size_t max_bytes = plenty)
      : buffer(max_messages, max_bytes, policy) {}

  void push(std::initializer_list<const char*> payloads) {
    for (const char* payload : payloads) EXPECT_TRUE(buffer.push({"c", "", payload}));
  }
  std::string next() {
    const auto item = buffer.pop();
    return item ? show(*item) : "nothing";
  }
  std::vector<std::string> all() {
    std::vector<std::string> shown;
    while (auto item = buffer.pop()) shown.push_back(show(*item));
    return shown;
  }
};

using list = std::vector<std::string>;

// --- Messages --------------------------------------------------------------------------------------------------------

TEST(message_buffer, messages_come_out_whole_and_in_order) {
  message_buffer buffer(10, plenty, overflow_policy::drop_oldest);
  ASSERT_TRUE(buffer.push({"camera.1", "camera.*", std::string_view("a\0b", 3)}));
  ASSERT_TRUE(buffer.push({"alerts", "", ""}));
  const auto first = buffer.pop();
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->is_message());
  EXPECT_EQ(first->channel, "camera.1");
  EXPECT_EQ(first->pattern, "camera.*");
  EXPECT_EQ(first->payload, std::string("a\0b", 3));
  const auto second = buffer.pop();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->channel, "alerts");
  EXPECT_EQ(second->payload, "");
  EXPECT_FALSE(buffer.pop());
}

TEST(message_buffer, bytes_count_names_and_payloads_and_come_down_to_zero) {
  message_buffer buffer(10, plenty, overflow_policy::drop_oldest);
  ASSERT_TRUE(buffer.push({"12", "345", "6789"}));
  EXPECT_EQ(buffer.bytes(), 9u);
  EXPECT_EQ(buffer.messages(), 1u);
  ASSERT_TRUE(buffer.push({"1", "", "2"}));
  EXPECT_EQ(buffer.bytes(), 11u);
  EXPECT_TRUE(buffer.pop());
  EXPECT_EQ(buffer.bytes(), 2u);
  EXPECT_TRUE(buffer.pop());
  EXPECT_EQ(buffer.bytes(), 0u);
}

// --- Overflow --------------------------------------------------------------------------------------------------------

TEST(message_buffer, drop_oldest_keeps_the_newest_and_counts_at_the_place_of_the_loss) {
  script s(3);
  s.push({"1", "2", "3", "4", "5"});
  EXPECT_EQ(s.all(), (list{"dropped 2", "3", "4", "5"}));
}

TEST(message_buffer, drop_newest_keeps_the_oldest_and_counts_at_the_place_of_the_loss) {
  script s(3, overflow_policy::drop_newest);
  s.push({"1", "2", "3", "4", "5"});
  EXPECT_EQ(s.next(), "1");
  s.push({"6"});
  EXPECT_EQ(s.all(), (list{"2", "3", "dropped 2", "6"}));
}

TEST(message_buffer, close_refuses_and_changes_nothing) {
  script s(2, overflow_policy::close);
  s.push({"1", "2"});
  EXPECT_FALSE(s.buffer.push({"c", "", "3"}));
  EXPECT_EQ(s.all(), (list{"1", "2"}));
}

TEST(message_buffer, one_overflow_notice_while_nothing_is_read_and_another_after_reading) {
  script s(2);
  s.push({"1", "2", "3", "4"});
  EXPECT_EQ(s.next(), "dropped 2");
  s.push({"5"});
  EXPECT_EQ(s.next(), "dropped 1");
  EXPECT_EQ(s.next(), "4");
  EXPECT_EQ(s.all(), (list{"5"}));
}

TEST(message_buffer, a_buffer_that_was_emptied_takes_a_full_load_again) {
  script s(2);
  for (int round = 0; round < 3; ++round) {
    s.push({"1", "2"});
    EXPECT_EQ(s.all(), (list{"1", "2"}));
  }
}

TEST(message_buffer, bytes_are_a_bound_of_their_own) {
  script s(plenty, overflow_policy::drop_oldest, 10);  // each message: one byte of name, four of payload
  s.push({"aaaa", "bbbb"});
  EXPECT_EQ(s.buffer.bytes(), 10u);
  s.push({"cccc"});
  EXPECT_EQ(s.buffer.bytes(), 10u);
  EXPECT_EQ(s.all(), (list{"dropped 1", "bbbb", "cccc"}));
}

TEST(message_buffer, as_many_old_messages_go_as_the_new_one_needs) {
  script s(plenty, overflow_policy::drop_oldest, 10);
  s.push({"a", "b", "c", "d", "e", "123456"});
  EXPECT_EQ(s.all(), (list{"dropped 4", "e", "123456"}));
}

TEST(message_buffer, a_message_larger_than_the_bound_is_taken_when_nothing_waits) {
  for (const auto policy : {overflow_policy::drop_oldest, overflow_policy::drop_newest, overflow_policy::close}) {
    script s(plenty, policy, 5);
    s.push({"much larger than five bytes"});
    EXPECT_EQ(s.all(), (list{"much larger than five bytes"}));
  }
}

TEST(message_buffer, a_message_larger_than_the_bound_replaces_all_that_is_older) {
  script s(plenty, overflow_policy::drop_oldest, 5);
  s.push({"a", "b", "much larger than five bytes", "c"});
  EXPECT_EQ(s.all(), (list{"dropped 3", "c"}));
}

TEST(message_buffer, a_bound_of_zero_messages_holds_one) {
  script s(0);
  s.push({"1", "2"});
  EXPECT_EQ(s.all(), (list{"dropped 1", "2"}));
}

// --- Gaps ------------------------------------------------------------------------------------------------------------

TEST(message_buffer, a_gap_is_told_once_with_its_length) {
  script s;
  s.buffer.interrupt(at(100));
  EXPECT_EQ(s.next(), "nothing");
  s.buffer.resume(at(350));
  EXPECT_EQ(s.next(), "gap 250");
  EXPECT_EQ(s.next(), "nothing");
}

TEST(message_buffer, messages_from_before_the_loss_can_be_read_during_the_outage) {
  script s;
  s.push({"1", "2"});
  s.buffer.interrupt(at(0));
  EXPECT_EQ(s.next(), "1");
  EXPECT_EQ(s.next(), "2");
  EXPECT_EQ(s.next(), "nothing");
  s.buffer.resume(at(5));
  EXPECT_EQ(s.all(), (list{"gap 5"}));
}

TEST(message_buffer, messages_of_a_half_restored_subscription_wait_behind_the_gap) {
  script s;
  s.push({"old"});
  s.buffer.interrupt(at(0));
  s.push({"new 1", "new 2"});
  EXPECT_EQ(s.next(), "old");
  EXPECT_EQ(s.next(), "nothing");
  s.buffer.resume(at(7));
  EXPECT_EQ(s.all(), (list{"gap 7", "new 1", "new 2"}));
}

TEST(message_buffer, the_outage_runs_from_the_first_loss_when_nothing_came_in_between) {
  script s;
  s.buffer.interrupt(at(0));
  s.buffer.interrupt(at(40));
  s.buffer.interrupt(at(80));
  s.buffer.resume(at(100));
  EXPECT_EQ(s.all(), (list{"gap 100"}));
}

TEST(message_buffer, a_message_between_two_losses_separates_two_gaps) {
  script s;
  s.buffer.interrupt(at(0));
  s.push({"between"});
  s.buffer.interrupt(at(30));
  s.push({"after"});
  EXPECT_EQ(s.next(), "gap 30");
  EXPECT_EQ(s.next(), "between");
  EXPECT_EQ(s.next(), "nothing");
  s.buffer.resume(at(100));
  EXPECT_EQ(s.all(), (list{"gap 70", "after"}));
}

TEST(message_buffer, unread_gaps_without_a_message_in_between_merge) {
  script s;
  for (int i = 0; i < 1000; ++i) {
    s.buffer.interrupt(at(10 * i));
    s.buffer.resume(at(10 * i + 3));
  }
  EXPECT_EQ(s.all(), (list{"gap 3000"}));
}

TEST(message_buffer, resume_without_an_interruption_tells_nothing) {
  script s;
  s.buffer.resume(at(5));
  s.push({"1"});
  EXPECT_EQ(s.all(), (list{"1"}));
}

TEST(message_buffer, the_shortest_outage_is_not_told_as_zero) {
  script s;
  s.buffer.interrupt(at(0));
  s.buffer.resume(at(0) + std::chrono::microseconds(1));
  EXPECT_EQ(s.all(), (list{"gap 1"}));
}

// --- Gaps and overflow -----------------------------------------------------------------------------------------------

TEST(message_buffer, dropping_all_that_is_older_keeps_the_gap_before_what_remains) {
  script s(2);
  s.push({"old 1", "old 2"});
  s.buffer.interrupt(at(0));
  s.push({"new 1"});
  EXPECT_EQ(s.next(), "dropped 1");
  s.push({"new 2"});  // drops the last message from before the loss: what remains is held back
  EXPECT_EQ(s.next(), "nothing");
  s.push({"new 3"});  // drops one from behind the gap
  s.buffer.resume(at(9));
  EXPECT_EQ(s.all(), (list{"gap 9", "dropped 2", "new 2", "new 3"}));
}

TEST(message_buffer, drop_newest_during_an_outage_counts_behind_the_gap) {
  script s(1, overflow_policy::drop_newest);
  s.buffer.interrupt(at(0));
  s.push({"1", "2", "3"});
  EXPECT_EQ(s.next(), "nothing");
  s.buffer.resume(at(4));
  EXPECT_EQ(s.all(), (list{"gap 4", "1", "dropped 2"}));
}

TEST(message_buffer, a_gap_behind_messages_that_are_dropped_later_stays_where_it_is) {
  script s(3);
  s.push({"1", "2"});
  s.buffer.interrupt(at(0));
  s.buffer.resume(at(6));
  s.push({"3", "4"});
  EXPECT_EQ(s.all(), (list{"dropped 1", "2", "gap 6", "3", "4"}));
}

TEST(message_buffer, clear_forgets_messages_notices_and_the_outage) {
  script s(2);
  s.push({"1", "2", "3"});
  s.buffer.interrupt(at(0));
  s.push({"4"});
  s.buffer.clear();
  EXPECT_EQ(s.buffer.bytes(), 0u);
  EXPECT_EQ(s.next(), "nothing");
  s.push({"5"});
  EXPECT_EQ(s.all(), (list{"5"}));
}

// Whatever happens in whatever order: nothing is duplicated or reordered, every message that does not arrive is
// counted, no message from after a loss is read before the notice of it, and the bounds hold.
class any_history : public ::testing::TestWithParam<unsigned> {
 protected:
  struct loss {
    int before;  // the number of the first message after it
    milliseconds outage{};
  };

  void lose() {
    if (away && losses.back().before == pushed) return;
    losses.push_back({pushed});
    away = true;
  }
  void take_all(message_buffer& buffer, std::size_t most) {
    for (; most != 0; --most) {
      const auto item = buffer.pop();
      if (!item) return;
      told += item->outage;
      dropped += item->dropped;
      if (item->is_message()) check(std::stoi(item->payload));
    }
  }
  void check(int number) {
    EXPECT_GT(number, last_read);
    last_read = number;
    ++read;
    milliseconds due{};
    for (const loss& each : losses) {
      if (each.before <= number) due += each.outage;
    }
    EXPECT_LE(due, told) << "before message " << number;
    if (away) {
      EXPECT_LT(number, losses.back().before);
    }
  }

  std::vector<loss> losses;
  bool away = false;
  int pushed = 0;
  int last_read = -1;
  std::uint64_t read = 0;
  std::uint64_t dropped = 0;
  milliseconds told{};
};

TEST_P(any_history, delivers_every_message_in_order_or_accounts_for_it) {
  std::mt19937 random(GetParam());
  const auto policy = GetParam() % 2 == 0 ? overflow_policy::drop_oldest : overflow_policy::drop_newest;
  const std::size_t bound = 1 + random() % 6;
  message_buffer buffer(bound, plenty, policy);
  int time = 0;
  for (int step = 0; step < 3000; ++step) {
    ++time;
    if (away) losses.back().outage += milliseconds(1);
    switch (random() % 8) {
      case 0:
        buffer.interrupt(at(time));
        lose();
        break;
      case 1:
        buffer.resume(at(time));
        away = false;
        break;
      case 2:
      case 3:
        take_all(buffer, 1 + random() % 3);
        break;
      default:
        ASSERT_TRUE(buffer.push({"c", "", std::to_string(pushed++)}));
        break;
    }
    ASSERT_LE(buffer.messages(), bound);
  }
  buffer.resume(at(time));
  away = false;
  take_all(buffer, plenty);
  EXPECT_EQ(read + dropped, static_cast<std::uint64_t>(pushed));
  milliseconds all{};
  for (const loss& each : losses) all += each.outage;
  EXPECT_EQ(told, all);
  EXPECT_EQ(buffer.bytes(), 0u);
}

INSTANTIATE_TEST_SUITE_P(seeds, any_history, ::testing::Range(1u, 41u));

}  // namespace
}  // namespace redstart::detail
