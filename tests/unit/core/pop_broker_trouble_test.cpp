// SPDX-License-Identifier: MIT
// Waiters that leave, deadlines, lost connections, refusals, the end.
#include "core/pop_broker.hpp"
#include "support/pop_script.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace redstart::core {
namespace {

using namespace std::chrono_literals;
using namespace pop_script;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

// --- Elements that nobody waits for any more -------------------------------------------------------------------------

TEST(pop_broker, element_for_a_waiter_that_left_goes_to_the_next_one) {
  script s;
  consumer& a = s.blocked("a", "q");
  s.add("b", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.remove(a);
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), steps{"b gets 1"});
}

TEST(pop_broker, element_for_a_waiter_that_left_after_it_arrived_goes_to_the_next_one) {
  script s;
  consumer& a = s.blocked("a", "q");
  s.add("b", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.popped("q", "1");
  s.broker.remove(a);
  EXPECT_EQ(s.run(), steps{"b gets 1"});
}

TEST(pop_broker, element_for_nobody_is_given_back) {
  script s;
  consumer& a = s.blocked("a", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.remove(a);
  EXPECT_EQ(s.run(), steps{"unblock"});
  s.broker.popped("q", "1");
  s.broker.unblocked(false, s.now);
  EXPECT_EQ(s.run(), steps{"give back q 1"});
  EXPECT_TRUE(s.broker.idle());
}

TEST(pop_broker, probe_for_nobody_is_given_back_whole) {
  script s;
  consumer& a = s.add("a", "q", 1h, 3);
  EXPECT_EQ(s.run(), steps{"probe q 3"});
  s.broker.remove(a);
  EXPECT_EQ(s.run(), steps{});
  EXPECT_FALSE(s.broker.idle());
  s.broker.probed("q", {"1", "2"});
  EXPECT_EQ(s.run(), steps{"give back q 1 2"});
  EXPECT_TRUE(s.broker.idle());
}

TEST(pop_broker, elements_go_back_in_one_command_when_nothing_of_their_queue_is_in_flight) {
  script s;
  consumer& a = s.blocked("a", "q", 1h, 3);
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), (steps{"drain q 2", "block q 10000ms"}));
  s.broker.remove(a);
  EXPECT_EQ(s.run(), steps{"unblock"});
  s.broker.drained("q", {"2", "3"});
  EXPECT_EQ(s.run(), steps{});  // a fourth may be on its way, and would go in front of them
  s.broker.popped("q", "4");
  EXPECT_EQ(s.run(), steps{"give back q 1 2 3 4"});
}

TEST(pop_broker, new_waiter_gets_what_waits_to_be_given_back) {
  script s;
  consumer& a = s.blocked("a", "q", 1h, 3);
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), (steps{"drain q 2", "block q 10000ms"}));
  s.broker.remove(a);
  s.broker.drained("q", {"2"});
  EXPECT_EQ(s.run(), steps{"unblock"});
  s.add("b", "q");
  EXPECT_EQ(s.run(), steps{"b gets 1"});
  s.broker.nothing_popped();
  EXPECT_EQ(s.run(), steps{"give back q 2"});
}

TEST(pop_broker, probe_of_a_waiter_that_left_serves_the_one_who_came_after) {
  script s;
  consumer& a = s.add("a", "q");
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  s.broker.remove(a);
  s.add("b", "q", 1h, 2);
  EXPECT_EQ(s.run(), steps{});  // one probe per queue
  s.broker.probed("q", {"1"});
  EXPECT_EQ(s.run(), steps{"b gets 1"});
}

TEST(pop_broker, late_answer_of_a_probe_that_was_given_up_is_not_lost) {
  script s;
  consumer& a = s.add("a", "q");
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  s.broker.probe_failed("q");
  s.broker.remove(a);
  EXPECT_EQ(s.run(), steps{});
  ASSERT_TRUE(s.broker.idle());
  s.broker.probed("q", {"1"});
  EXPECT_EQ(s.run(), steps{"give back q 1"});
}

// --- Deadlines -------------------------------------------------------------------------------------------------------

TEST(pop_broker, each_waiter_honours_its_own_deadline) {
  script s;
  s.add("a", "q", 50ms);
  s.add("b", "q", 20ms);
  s.add("c", "p", 30ms);
  EXPECT_EQ(s.run(), (steps{"probe q 2", "probe p 1"}));
  s.broker.probed("q", {});
  EXPECT_EQ(s.run(), steps{"block q 20ms"});
  EXPECT_EQ(s.run_at(start + 19ms), steps{});
  EXPECT_EQ(s.run_at(start + 20ms), steps{"b timed out"});
  EXPECT_EQ(s.run_at(start + 30ms), steps{"c timed out"});
  EXPECT_EQ(s.run_at(start + 50ms).front(), "a timed out");
}

TEST(pop_broker, nothing_is_asked_for_waiters_whose_deadline_has_passed) {
  script s;
  s.add("a", "q", 10ms);
  EXPECT_EQ(s.run_at(start + 10ms), steps{"a timed out"});
  EXPECT_TRUE(s.broker.idle());
}

TEST(pop_broker, timed_out_waiter_gets_no_element) {
  script s;
  s.blocked("a", "q", 10ms);
  EXPECT_EQ(s.run(), steps{"block q 10ms"});
  EXPECT_EQ(s.run_at(start + 10ms), steps{"a timed out"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), steps{"give back q 1"});
}

TEST(pop_broker, element_that_is_here_beats_the_deadline) {
  script s;
  s.blocked("a", "q", 10ms);
  EXPECT_EQ(s.run(), steps{"block q 10ms"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run_at(start + 10ms), steps{"a gets 1"});
}

TEST(pop_broker, elements_that_are_here_beat_the_deadlines_of_all_whom_they_reach) {
  script s;
  for (const char* name : {"a", "b", "c"}) s.add(name, "q", 10ms);
  EXPECT_EQ(s.run(), steps{"probe q 3"});
  s.broker.probed("q", {"1", "2"});
  EXPECT_EQ(s.run_at(start + 10ms), (steps{"a gets 1", "b gets 2", "c timed out"}));
}

TEST(pop_broker, waiter_can_be_removed_between_its_time_out_and_the_telling) {
  script s;
  consumer& a = s.add("a", "q", 10ms);
  consumer& b = s.add("b", "q", 10ms);
  s.now += 10ms;
  EXPECT_EQ(s.broker.next(s.now).waiter, &a);
  EXPECT_TRUE(s.broker.remove(b));
  EXPECT_EQ(s.run(), steps{});
}

TEST(pop_broker, waiter_is_usable_again_once_it_is_out) {
  script s;
  consumer& a = s.add("a", "q", 10ms);
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  EXPECT_EQ(s.run_at(start + 10ms), steps{"a timed out"});
  a.deadline = start + 1h;
  s.broker.add(a, "q");
  s.broker.probed("q", {"1"});
  EXPECT_EQ(s.run(), steps{"a gets 1"});
}

// --- Honest answers --------------------------------------------------------------------------------------------------

TEST(pop_broker, empty_probe_is_an_answer_for_all_who_wait) {
  script s;
  consumer& a = s.add("a", "q", 10ms);
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  consumer& b = s.add("b", "q", 10ms);
  EXPECT_FALSE(pop_broker::asked(a));
  s.broker.probed("q", {});
  EXPECT_TRUE(pop_broker::asked(a));
  EXPECT_TRUE(pop_broker::asked(b));
  EXPECT_EQ(s.run_at(start + 10ms).front(), "a timed out");
  EXPECT_TRUE(pop_broker::asked(a));  // also after it left
}

TEST(pop_broker, time_out_without_any_answer_is_told_apart) {
  script s;
  consumer& a = s.add("a", "q", 10ms);
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  EXPECT_EQ(s.run_at(start + 10ms), steps{"a timed out"});
  EXPECT_FALSE(pop_broker::asked(a));
}

TEST(pop_broker, answer_before_a_waiter_came_is_none_for_it) {
  script s;
  s.blocked("a", "q");
  consumer& b = s.add("b", "q");
  EXPECT_FALSE(pop_broker::asked(b));
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.nothing_popped();
  EXPECT_TRUE(pop_broker::asked(b));
}

TEST(pop_broker, full_answer_does_not_say_that_there_was_nothing) {
  script s;
  s.add("a", "q");
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  consumer& b = s.add("b", "q");
  s.broker.probed("q", {"1"});
  EXPECT_FALSE(pop_broker::asked(b));
  EXPECT_EQ(s.run(), (steps{"a gets 1", "probe q 1"}));
  s.broker.probed("q", {});
  EXPECT_TRUE(pop_broker::asked(b));
}

TEST(pop_broker, pop_from_one_queue_says_that_those_before_it_were_empty) {
  script s;
  s.all_blocked({"p", "q", "r"});
  EXPECT_EQ(s.run(), steps{"block p q r 10000ms"});
  consumer& p = s.add("p", "p");
  consumer& q = s.add("q", "q");
  consumer& r = s.add("r", "r");
  s.broker.popped("q", "1");
  EXPECT_TRUE(pop_broker::asked(p));
  EXPECT_FALSE(pop_broker::asked(q));
  EXPECT_FALSE(pop_broker::asked(r));
}

TEST(pop_broker, who_lined_up_unanswered_makes_the_server_be_asked_before_its_deadline) {
  script s({.confirm_before = 200ms});
  s.blocked("a", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  consumer& b = s.add("b", "q", 1s);
  EXPECT_EQ(s.run_at(start + 799ms), steps{});
  EXPECT_LE(s.broker.next_due(), start + 800ms);
  EXPECT_EQ(s.run_at(start + 800ms), steps{"unblock"});
  s.broker.unblocked(true, s.now);
  s.broker.nothing_popped();
  EXPECT_TRUE(pop_broker::asked(b));
  EXPECT_EQ(s.run().size(), 1U);  // blocks again
  EXPECT_EQ(s.run_at(start + 999ms), steps{});
  EXPECT_EQ(s.run_at(start + 1s), steps{"b timed out"});
  EXPECT_TRUE(pop_broker::asked(b));
}

TEST(pop_broker, who_lines_up_for_a_moment_makes_the_server_be_asked_at_once) {
  script s;
  s.blocked("a", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.add("b", "q", 10ms);
  s.add("c", "q", 12ms);
  EXPECT_EQ(s.run(), steps{"unblock"});
}

TEST(pop_broker, answer_of_a_call_without_their_queue_does_not_spare_the_asking) {
  script s;
  s.blocked("a", "p");
  EXPECT_EQ(s.run(), steps{"block p 10000ms"});
  s.blocked("b", "q");
  s.add("c", "q", 1s);
  EXPECT_EQ(s.run(), steps{"unblock"});
  s.broker.unblocked(true, s.now);
  s.broker.nothing_popped();
  EXPECT_EQ(s.run().size(), 1U);  // the first call with q in it
  EXPECT_EQ(s.run_at(start + 799ms), steps{});
  EXPECT_EQ(s.run_at(start + 800ms), steps{"unblock"});
}

TEST(pop_broker, who_counted_on_a_probe_that_failed_is_asked_for_before_its_deadline) {
  script s({.longest_block = 1h});
  s.add("a", "q", 150ms);
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  s.broker.probe_failed("q");
  const steps lines = s.run();
  ASSERT_EQ(lines.size(), 2U);  // the block, and that it be answered before the deadline
  EXPECT_EQ(lines[1], "unblock");
}

TEST(pop_broker, answer_within_the_call_spares_the_asking) {
  script s;
  s.blocked("a", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.add("b", "q", 20s);
  s.now += 10s;
  s.broker.nothing_popped();
  s.run();
  const auto due = s.broker.next_due();
  ASSERT_TRUE(due.has_value());
  EXPECT_EQ(s.run_at(start + 19'900ms), steps{});
}

// --- Trouble ---------------------------------------------------------------------------------------------------------

TEST(pop_broker, waiters_stay_through_a_lost_connection) {
  script s;
  s.blocked("a", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.disconnected();
  EXPECT_EQ(s.run(), steps{});
  s.broker.connected();
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), steps{"a gets 1"});
}

TEST(pop_broker, held_element_is_delivered_when_the_drain_is_lost) {
  script s;
  s.all_blocked({"p", "q"}, 5);
  EXPECT_EQ(s.run(), steps{"block p q 10000ms"});
  s.broker.popped("p", "1");
  EXPECT_EQ(s.run(), (steps{"drain p 4", "block q p 10000ms"}));
  s.broker.disconnected();
  EXPECT_EQ(s.run(), steps{"p gets 1"});
  s.broker.connected();
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
}

TEST(pop_broker, held_element_of_nobody_is_given_back_when_the_drain_is_lost) {
  script s;
  consumer& a = s.blocked("a", "q", 1h, 5);
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), (steps{"drain q 4", "block q 10000ms"}));
  s.broker.remove(a);
  EXPECT_EQ(s.run(), steps{"unblock"});
  s.broker.disconnected();
  EXPECT_EQ(s.run(), steps{"give back q 1"});
  s.broker.unblocked(false, s.now);
  EXPECT_EQ(s.run(), steps{});
  EXPECT_TRUE(s.broker.idle());
}

TEST(pop_broker, unblock_meant_for_a_lost_connection_does_not_count_for_the_next) {
  script s;
  const auto both = s.all_blocked({"p", "q"});
  EXPECT_EQ(s.run(), steps{"block p q 10000ms"});
  s.broker.remove(*both[0]);
  EXPECT_EQ(s.run(), steps{"unblock"});
  s.broker.disconnected();
  s.broker.connected();
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.unblocked(true, s.now);
  s.broker.remove(*both[1]);
  EXPECT_EQ(s.run(), steps{"unblock"});
}

TEST(pop_broker, refused_call_finds_the_guilty_queue_by_asking_each) {
  script s;
  s.all_blocked({"good", "bad"});
  EXPECT_EQ(s.run(), steps{"block good bad 10000ms"});
  s.broker.block_refused(s.now);
  EXPECT_EQ(s.run(), (steps{"probe good 1", "probe bad 1"}));
  s.broker.probe_refused("bad", "WRONGTYPE");
  s.broker.probed("good", {});
  EXPECT_EQ(s.run(), steps{"bad refused WRONGTYPE"});
  EXPECT_EQ(s.broker.next_due(), start + 10ms);
  EXPECT_EQ(s.run_at(start + 10ms), steps{"block good 10000ms"});
}

TEST(pop_broker, call_that_is_refused_for_no_queue_of_its_own_is_tried_more_and_more_rarely) {
  script s;
  s.blocked("a", "q");
  for (const auto pause : {10ms, 20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1000ms, 1000ms}) {
    EXPECT_EQ(s.run(), steps{"block q 10000ms"});
    s.broker.block_refused(s.now);
    EXPECT_EQ(s.run(), steps{"probe q 1"});
    s.broker.probed("q", {});
    EXPECT_EQ(s.run_at(s.now + pause - 1ms), steps{});
    s.now += 1ms;
  }
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.nothing_popped();
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.block_refused(s.now);
  s.run();
  s.broker.probed("q", {});
  EXPECT_EQ(s.run_at(s.now + 10ms), steps{"block q 10000ms"});
}

// --- The end ---------------------------------------------------------------------------------------------------------

TEST(pop_broker, closing_sends_everybody_away_and_gives_back_what_is_in_flight) {
  script s;
  s.blocked("a", "q");
  s.add("b", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.add("c", "p", 1h, 2);
  EXPECT_EQ(s.run(), steps{"probe p 2"});
  s.broker.close();
  EXPECT_EQ(s.run(), (steps{"a closed", "b closed", "c closed", "unblock"}));
  EXPECT_FALSE(s.broker.idle());
  s.broker.probed("p", {"1", "2"});
  s.broker.popped("q", "3");
  EXPECT_EQ(s.run(), (steps{"give back p 1 2", "give back q 3"}));
  EXPECT_TRUE(s.broker.idle());
  s.add("d", "q");
  EXPECT_EQ(s.run(), steps{"d closed"});
  EXPECT_TRUE(s.broker.idle());
}

TEST(pop_broker, closing_delivers_what_is_here) {
  script s;
  s.blocked("a", "q", 1h, 5);
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), (steps{"drain q 4", "block q 10000ms"}));
  s.broker.close();
  EXPECT_EQ(s.run(), (steps{"a gets 1", "unblock"}));
}

// --- Cost ------------------------------------------------------------------------------------------------------------

TEST(pop_broker, queues_leave_no_trace) {
  script s;
  for (int i = 0; i < 100; ++i) {
    consumer& waiter = s.add("w", "queue-" + std::to_string(i));
    s.run();
    s.broker.probed("queue-" + std::to_string(i), {});
    s.run();
    s.broker.remove(waiter);
    s.run();
    s.broker.unblocked(true, s.now);
    s.broker.nothing_popped();
    s.run();
    EXPECT_EQ(s.broker.queues(), 0U);
  }
  EXPECT_EQ(s.broker.waiters(), 0U);
}

TEST(pop_broker, waiter_takes_little_memory) { EXPECT_LE(sizeof(pop_waiter), 96U); }

}  // namespace
}  // namespace redstart::core
