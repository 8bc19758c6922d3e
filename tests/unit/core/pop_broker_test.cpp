// SPDX-License-Identifier: MIT
// Looking, waiting, bursts, ending a call. What goes wrong is in pop_broker_trouble_test.cpp.
#include "core/pop_broker.hpp"

#include "support/pop_script.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace redstart::core {
namespace {

using namespace std::chrono_literals;
using namespace pop_script;  // NOLINT(google-build-using-namespace): the vocabulary of these tests

// --- First looks -----------------------------------------------------------------------------------------------------

TEST(pop_broker, nothing_to_do_without_waiters) {
  script s;
  EXPECT_EQ(s.run(), steps{});
  EXPECT_EQ(s.broker.next_due(), std::nullopt);
  EXPECT_TRUE(s.broker.idle());
}

TEST(pop_broker, first_waiter_of_a_queue_looks_before_it_waits) {
  script s;
  s.add("a", "q");
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  EXPECT_EQ(s.run(), steps{});  // one probe at a time, and no BLPOP while it is out
  s.broker.probed("q", {"x"});
  EXPECT_EQ(s.run(), steps{"a gets x"});
  EXPECT_TRUE(s.broker.idle());
}

TEST(pop_broker, empty_queue_is_blocked_on) {
  script s;
  s.blocked("a", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  EXPECT_EQ(s.run(), steps{});
}

TEST(pop_broker, probe_asks_for_all_who_came_before_it_was_sent) {
  script s;
  s.add("a", "q");
  s.add("b", "q", 1h, 5);
  s.add("c", "q");
  EXPECT_EQ(s.run(), steps{"probe q 7"});
  s.broker.probed("q", {"1", "2", "3"});
  EXPECT_EQ(s.run(), (steps{"a gets 1", "b gets 2 3", "block q 10000ms"}));
}

TEST(pop_broker, full_probe_is_followed_by_another_while_waiters_remain) {
  script s;
  s.add("a", "q");
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  s.add("b", "q");
  s.add("c", "q");
  EXPECT_EQ(s.run(), steps{});
  s.broker.probed("q", {"1"});
  EXPECT_EQ(s.run(), (steps{"a gets 1", "probe q 2"}));
  s.broker.probed("q", {"2"});
  EXPECT_EQ(s.run(), (steps{"b gets 2", "block q 10000ms"}));
}

TEST(pop_broker, probe_asks_for_no_more_than_the_bound) {
  script s({.most_at_once = 2});
  s.add("a", "q", 1h, 3);
  s.add("b", "q");
  EXPECT_EQ(s.run(), steps{"probe q 2"});
  s.broker.probed("q", {"1", "2"});
  EXPECT_EQ(s.run(), (steps{"a gets 1 2", "probe q 1"}));
}

TEST(pop_broker, later_waiters_of_a_blocked_queue_just_line_up) {
  script s;
  s.blocked("a", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.add("b", "q");
  EXPECT_EQ(s.run(), steps{});
}

TEST(pop_broker, failed_probe_leaves_the_queue_to_the_waiting_connection) {
  script s;
  consumer& a = s.add("a", "q");
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  s.broker.probe_failed("q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  EXPECT_FALSE(pop_broker::asked(a));
}

TEST(pop_broker, probes_need_no_waiting_connection) {
  script s;
  s.broker.disconnected();
  s.add("a", "q");
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  s.broker.probed("q", {"x"});
  EXPECT_EQ(s.run(), steps{"a gets x"});
}

TEST(pop_broker, queue_that_is_no_list_turns_away_its_own_waiters_only) {
  script s;
  s.add("a", "bad");
  s.add("b", "good");
  EXPECT_EQ(s.run(), (steps{"probe bad 1", "probe good 1"}));
  s.broker.probed("good", {});
  EXPECT_EQ(s.run(), steps{"block good 10000ms"});
  s.add("c", "bad");
  s.broker.probe_refused("bad", "WRONGTYPE x");
  EXPECT_EQ(s.run(), (steps{"a refused WRONGTYPE x", "c refused WRONGTYPE x"}));
  s.add("d", "bad");
  EXPECT_EQ(s.run(), steps{"probe bad 1"});  // it may be one by now
}

// --- Waiting ---------------------------------------------------------------------------------------------------------

TEST(pop_broker, element_goes_to_the_longest_waiter) {
  script s;
  s.blocked("a", "q");
  s.add("b", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), (steps{"a gets 1", "drain q 1", "block q 10000ms"}));
  s.broker.drained("q", {});
  EXPECT_EQ(s.run(), steps{});
  s.broker.popped("q", "2");
  EXPECT_EQ(s.run(), steps{"b gets 2"});
}

TEST(pop_broker, all_queues_that_are_waited_for_are_in_one_call) {
  script s;
  for (const char* queue : {"p", "q", "r"}) s.add(queue, queue);
  EXPECT_EQ(s.run(), (steps{"probe p 1", "probe q 1", "probe r 1"}));
  for (const char* queue : {"r", "q", "p"}) s.broker.probed(queue, {});
  EXPECT_EQ(s.run(), steps{"block p q r 10000ms"});
}

TEST(pop_broker, queue_that_was_served_stands_last_in_the_next_call) {
  script s;
  for (const char* queue : {"p", "q", "r"}) {
    s.add(queue, queue);
    s.add("more", queue);
  }
  EXPECT_EQ(s.run().size(), 3U);
  for (const char* queue : {"p", "q", "r"}) s.broker.probed(queue, {});
  EXPECT_EQ(s.run(), steps{"block p q r 10000ms"});
  s.broker.popped("p", "1");
  EXPECT_EQ(s.run(), (steps{"p gets 1", "drain p 1", "block q r p 10000ms"}));
  s.broker.drained("p", {});
  s.broker.popped("r", "2");
  EXPECT_EQ(s.run(), (steps{"r gets 2", "drain r 1", "block q p r 10000ms"}));
}

TEST(pop_broker, server_is_told_the_earliest_deadline) {
  script s;
  s.blocked("a", "q", 30ms);
  EXPECT_EQ(s.run(), steps{"block q 30ms"});
}

TEST(pop_broker, server_is_never_told_a_time_that_it_may_round_to_for_ever) {
  script s;
  s.add("a", "q", 1ms);
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  s.now += 900us;
  s.broker.probed("q", {});
  EXPECT_EQ(s.run(), steps{"block q 2ms"});
}

TEST(pop_broker, nothing_popped_blocks_again_for_those_who_still_wait) {
  script s;
  s.blocked("a", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.nothing_popped();
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
}

// --- Bursts ----------------------------------------------------------------------------------------------------------

TEST(pop_broker, burst_reaches_a_thousand_waiters_in_two_round_trips) {
  script s;
  for (int i = 0; i < 1000; ++i) s.add("w" + std::to_string(i), "q");
  EXPECT_EQ(s.run(), steps{"probe q 1000"});
  s.broker.probed("q", {});
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.popped("q", "e0");
  EXPECT_EQ(s.run(), (steps{"w0 gets e0", "drain q 999", "block q 10000ms"}));
  std::vector<std::string> burst;
  for (int i = 1; i < 1000; ++i) burst.push_back("e" + std::to_string(i));
  s.broker.drained("q", burst);
  const steps lines = s.run();
  ASSERT_EQ(lines.size(), 1000U);
  for (int i = 1; i < 1000; ++i) {
    EXPECT_EQ(lines[static_cast<std::size_t>(i) - 1], "w" + std::to_string(i) + " gets e" + std::to_string(i));
  }
  EXPECT_EQ(lines.back(), "unblock");  // nobody waits any more
}

TEST(pop_broker, waiter_for_several_gets_the_popped_one_with_what_the_drain_brings) {
  script s;
  s.blocked("a", "q", 1h, 10);
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), (steps{"drain q 9", "block q 10000ms"}));
  s.broker.drained("q", {"2", "3"});
  EXPECT_EQ(s.run(), (steps{"a gets 1 2 3", "unblock"}));
}

TEST(pop_broker, waiter_for_several_waits_for_one_drain_only) {
  script s({.most_at_once = 2});
  s.blocked("x", "other");
  EXPECT_EQ(s.run(), steps{"block other 10000ms"});
  s.add("a", "q", 1h, 10);
  EXPECT_EQ(s.run(), steps{"probe q 2"});
  s.broker.probed("q", {});
  EXPECT_EQ(s.run(), steps{"unblock"});
  s.broker.nothing_popped();
  EXPECT_EQ(s.run(), steps{"block other q 10000ms"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), (steps{"drain q 2", "block other q 10000ms"}));
  s.broker.drained("q", {"2", "3"});
  EXPECT_EQ(s.run().front(), "a gets 1 2 3");
}

TEST(pop_broker, failed_drain_delivers_what_is_here) {
  script s;
  s.blocked("a", "q", 1h, 10);
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), (steps{"drain q 9", "block q 10000ms"}));
  s.broker.drain_failed("q");
  EXPECT_EQ(s.run(), (steps{"a gets 1", "unblock"}));
}

TEST(pop_broker, waiter_for_several_leaves_at_its_deadline_with_what_is_here) {
  script s;
  s.blocked("a", "q", 60ms, 10);
  s.add("b", "q");
  EXPECT_EQ(s.run(), steps{"block q 60ms"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), (steps{"drain q 10", "block q 60ms"}));
  EXPECT_EQ(s.run_at(start + 59ms), steps{});
  EXPECT_EQ(s.run_at(start + 60ms), steps{"a gets 1"});
  s.broker.drained("q", {"2"});
  EXPECT_EQ(s.run().front(), "b gets 2");
}

TEST(pop_broker, long_backlog_is_drained_through_the_next_call) {
  script s({.most_at_once = 2});
  s.blocked("a", "q");
  for (const char* name : {"b", "c", "d"}) s.add(name, "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.popped("q", "1");
  EXPECT_EQ(s.run(), (steps{"a gets 1", "drain q 2", "block q 10000ms"}));
  s.broker.drained("q", {"2", "3"});
  EXPECT_EQ(s.run(), (steps{"b gets 2", "c gets 3"}));
  s.broker.popped("q", "4");
  EXPECT_EQ(s.run(), steps{"d gets 4"});
}

// --- Ending a BLPOP that no longer fits ------------------------------------------------------------------------------

TEST(pop_broker, new_queue_ends_the_outstanding_call) {
  script s;
  s.blocked("a", "p");
  EXPECT_EQ(s.run(), steps{"block p 10000ms"});
  s.blocked("b", "q");
  EXPECT_EQ(s.run(), steps{"unblock"});
  s.broker.unblocked(true, s.now);
  EXPECT_EQ(s.run(), steps{});
  s.broker.nothing_popped();
  EXPECT_EQ(s.run(), steps{"block p q 10000ms"});
}

TEST(pop_broker, queue_whose_probe_brought_enough_does_not_disturb_the_call) {
  script s;
  s.blocked("a", "p");
  EXPECT_EQ(s.run(), steps{"block p 10000ms"});
  s.add("b", "q");
  EXPECT_EQ(s.run(), steps{"probe q 1"});
  s.broker.probed("q", {"x"});
  EXPECT_EQ(s.run(), steps{"b gets x"});
}

TEST(pop_broker, many_changes_make_one_unblock) {
  script s;
  s.blocked("a", "p");
  EXPECT_EQ(s.run(), steps{"block p 10000ms"});
  s.blocked("b", "q");
  EXPECT_EQ(s.run(), steps{"unblock"});
  s.blocked("c", "r");
  s.blocked("d", "t");
  EXPECT_EQ(s.run(), steps{});
  s.broker.nothing_popped();
  EXPECT_EQ(s.run(), steps{"block p q r t 10000ms"});
  s.broker.unblocked(true, s.now);
  EXPECT_EQ(s.run(), steps{});
}

TEST(pop_broker, queue_without_waiters_ends_the_call) {
  script s;
  consumer& p = *s.all_blocked({"p", "q"})[0];
  EXPECT_EQ(s.run(), steps{"block p q 10000ms"});
  EXPECT_TRUE(s.broker.remove(p));
  EXPECT_EQ(s.run(), steps{"unblock"});
  s.broker.nothing_popped();
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
}

TEST(pop_broker, waiter_that_leaves_before_the_call_is_made_is_not_in_it) {
  script s;
  s.broker.remove(*s.all_blocked({"p", "q"})[0]);
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
}

TEST(pop_broker, one_of_several_waiters_leaves_without_disturbing_the_call) {
  script s;
  s.blocked("a", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  consumer& b = s.add("b", "q");
  EXPECT_TRUE(s.broker.remove(b));
  EXPECT_EQ(s.run(), steps{});
  EXPECT_FALSE(s.broker.remove(b));
}

TEST(pop_broker, waiter_joins_a_call_that_is_being_ended) {
  script s;
  consumer& a = s.blocked("a", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.remove(a);
  EXPECT_EQ(s.run(), steps{"unblock"});
  s.add("b", "q");
  EXPECT_EQ(s.run(), steps{});
  s.broker.nothing_popped();
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
}

TEST(pop_broker, unblock_that_came_too_early_is_repeated_with_growing_pauses) {
  script s;
  consumer& a = s.blocked("a", "q");
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.remove(a);
  EXPECT_EQ(s.run(), steps{"unblock"});
  for (const auto pause : {1ms, 2ms, 4ms, 8ms, 16ms, 32ms, 50ms, 50ms}) {
    s.broker.unblocked(false, s.now);
    EXPECT_EQ(s.broker.next_due(), s.now + pause);
    EXPECT_EQ(s.run_at(s.now + pause - 1us), steps{});
    EXPECT_EQ(s.run_at(s.now + 1us), steps{"unblock"});
  }
  s.broker.unblocked(true, s.now);
  EXPECT_EQ(s.run_at(s.now + 1s), steps{});
  s.broker.nothing_popped();
  EXPECT_EQ(s.run(), steps{});
  EXPECT_TRUE(s.broker.idle());
}

TEST(pop_broker, late_answer_to_an_unblock_says_nothing_about_the_next_call) {
  script s;
  const auto both = s.all_blocked({"p", "q"});
  EXPECT_EQ(s.run(), steps{"block p q 10000ms"});
  s.broker.remove(*both[0]);
  EXPECT_EQ(s.run(), steps{"unblock"});
  s.broker.nothing_popped();
  EXPECT_EQ(s.run(), steps{"block q 10000ms"});
  s.broker.remove(*both[1]);
  EXPECT_EQ(s.run(), steps{});  // one unblock at a time
  s.broker.unblocked(true, s.now);
  EXPECT_EQ(s.run(), steps{"unblock"});
}

TEST(pop_broker, call_that_ends_with_its_last_deadline_is_left_to_end_by_itself) {
  script s;
  s.blocked("a", "q", 30ms);
  EXPECT_EQ(s.run(), steps{"block q 30ms"});
  EXPECT_EQ(s.run_at(start + 30ms), steps{"a timed out"});
  EXPECT_EQ(s.broker.next_due(), start + 35ms);
  EXPECT_EQ(s.run_at(start + 34ms), steps{});
  EXPECT_EQ(s.run_at(start + 35ms), steps{"unblock"});  // it did not
}

TEST(pop_broker, new_queue_does_not_wait_for_a_call_to_end_by_itself) {
  script s;
  s.blocked("a", "q", 30ms);
  EXPECT_EQ(s.run(), steps{"block q 30ms"});
  EXPECT_EQ(s.run_at(start + 30ms), steps{"a timed out"});
  s.blocked("b", "r");
  EXPECT_EQ(s.run(), steps{"unblock"});
}

}  // namespace
}  // namespace redstart::core
