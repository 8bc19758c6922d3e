// SPDX-License-Identifier: MIT
// What happens to operations when their connection is lost, and when the server refuses them before execution.
#include "core/line.hpp"
#include "support/line_fixture.hpp"

namespace redstart::test {
namespace {

class line_loss : public line_fixture {
 protected:
  operation& transaction(time_point deadline = time_point::max()) {
    detail::request request;
    for (const char* verb : {"MULTI", "EXEC"}) request.add(std::vector<std::string_view>{verb}, false);
    request.declare_atomic();
    return name(push(std::move(request), deadline), "t");
  }
};

const std::string get_a = command({"GET", "a"});
const std::string get_b = command({"GET", "b"});
const std::string incr_a = command({"INCR", "a"});
const std::string incr_b = command({"INCR", "b"});
const std::string incr_c = command({"INCR", "c"});
const std::string multi = command({"MULTI"});
const std::string exec = command({"EXEC"});

// --- Lost ------------------------------------------------------------------------------------------------------------

TEST_F(line_loss, unsent_operations_wait_for_the_next_connection_in_their_order) {
  open();
  incr("a");
  incr("b");
  lose();
  EXPECT_EQ(write(), "");
  incr("c");
  EXPECT_EQ(line_.operations(), 3U);
  open();
  EXPECT_EQ(write(), incr_a + incr_b + incr_c);
  for (const char* whose : {"a", "b", "c"}) EXPECT_EQ(feed(":1\r\n"), whose);
}

TEST_F(line_loss, what_waited_behind_the_high_water_mark_keeps_its_place) {
  open();
  push({false, {"SET", "k", std::string(1500, 'x')}});
  incr("b");
  EXPECT_EQ(lose(), strings{});
  open();
  const std::string stream = write_all();
  EXPECT_TRUE(stream.starts_with("*3"));
  EXPECT_TRUE(stream.ends_with(incr_b));
}

TEST_F(line_loss, a_sent_read_is_sent_again_before_what_came_later) {
  open();
  get("a");
  incr("a");
  write(get_a.size());
  EXPECT_EQ(lose(), strings{});
  open();
  EXPECT_EQ(write(), get_a + incr_a);
  EXPECT_EQ(feed("$1\r\n0\r\n"), "a");
}

TEST_F(line_loss, a_sent_write_ends_because_it_may_have_run) {
  open();
  incr("a");
  get("b");
  write();
  EXPECT_EQ(lose(), strings{"a lost sent"});
  open();
  EXPECT_EQ(write(), get_b);
  EXPECT_EQ(line_.operations(), 1U);
}

TEST_F(line_loss, a_write_is_repeated_exactly_when_its_last_byte_was_not_sent) {
  for (std::size_t sent = 0; sent <= incr_a.size(); ++sent) {
    open();
    incr("a");
    write(sent);
    const bool complete = sent == incr_a.size();
    EXPECT_EQ(lose(), complete ? strings{"a lost sent"} : strings{}) << sent;
    open();
    EXPECT_EQ(write(), complete ? "" : incr_a) << "whole, from its first byte";
    if (!complete) {
      EXPECT_EQ(feed(":1\r\n"), "a");
    }
    lose();
  }
}

TEST_F(line_loss, a_pipeline_of_writes_is_repeated_only_when_its_first_command_is_incomplete) {
  for (std::size_t sent = 0; sent <= 2 * incr_a.size(); ++sent) {
    open();
    incr_each({"a", "b"});
    write(sent);
    const bool begun = sent >= incr_a.size();
    EXPECT_EQ(lose(), begun ? strings{"a lost sent"} : strings{}) << sent;
    open();
    EXPECT_EQ(write_all(), begun ? "" : incr_a + incr_b);
    if (!begun) {
      EXPECT_EQ(feed(":1\r\n"), "part a");
    }
    lose();
  }
}

TEST_F(line_loss, a_transaction_is_repeated_until_its_exec_is_complete) {
  const std::string whole = multi + exec;
  for (std::size_t sent = 0; sent <= whole.size(); ++sent) {
    open();
    transaction();
    write(sent);
    const bool complete = sent == whole.size();
    EXPECT_EQ(lose(), complete ? strings{"t lost sent"} : strings{}) << sent;
    open();
    EXPECT_EQ(write_all(), complete ? "" : whole);
    if (!complete) {
      EXPECT_EQ(feed("+OK\r\n"), "part t");
      EXPECT_EQ(feed("*0\r\n"), "t");
    }
    lose();
  }
}

TEST_F(line_loss, a_transaction_that_was_answered_in_part_ends_but_has_not_run) {
  open();
  transaction();
  write(multi.size() + 3);
  EXPECT_EQ(feed("+OK\r\n"), "part t");
  EXPECT_EQ(lose(), strings{"t lost"}) << "its completion has taken a reply and cannot begin anew; EXEC was not sent";
}

TEST_F(line_loss, a_partly_answered_pipeline_ends_even_when_it_only_reads) {
  detail::request reads;
  for (const char* key : {"a", "b"}) reads.add(std::vector<std::string_view>{"GET", key}, true);
  open();
  name(push(std::move(reads)), "a");
  get("b");
  write();
  EXPECT_EQ(feed("$1\r\n1\r\n"), "part a");
  EXPECT_EQ(lose(), strings{"a lost sent"}) << "its completion has taken a reply and cannot begin anew";
  open();
  EXPECT_EQ(write(), get_b);
}

TEST_F(line_loss, an_abandoned_operation_leaves_with_its_connection) {
  open();
  operation& a = get("a", start + 5s);
  write();
  EXPECT_TRUE(cancel(a));
  EXPECT_EQ(lose(), strings{});
  EXPECT_TRUE(line_.empty());
  open();
  EXPECT_EQ(write(), "");
}

TEST_F(line_loss, a_late_reply_does_not_cross_over_to_the_next_connection) {
  open();
  operation& a = get("a");
  write();
  cancel(a);
  lose();
  open();
  get("b");
  write();
  EXPECT_EQ(feed("$1\r\n2\r\n"), "b");
}

TEST_F(line_loss, what_was_cancelled_before_the_loss_is_not_in_the_next_output) {
  open();
  operation& a = incr("a");
  incr("b");
  cancel(a);
  lose();
  open();
  EXPECT_EQ(write(), incr_b);
}

TEST_F(line_loss, deadlines_hold_through_an_outage) {
  open();
  get("a", start + 5s);
  incr("b", start + 6s);
  write(get_a.size());
  lose();
  EXPECT_EQ(expire(start + 4999ms), strings{});
  EXPECT_EQ(expire(start + 5s).size(), 1U);
  EXPECT_EQ(expire(start + 6s), strings{"b timed_out"});
  open();
  EXPECT_EQ(write(), "");
  EXPECT_TRUE(line_.empty());
}

TEST_F(line_loss, a_repeated_operation_remembers_that_it_was_sent_once) {
  // Declared repeatable, yet a write: whoever gives it up must hear that Redis may have executed it.
  open();
  detail::request set(false, {"SET", "k", "v"});
  set.declare_repeatable();
  operation& op = name(push(std::move(set), start + 5s), "set");
  detail::request other(false, {"SET", "k", "w"});
  other.declare_repeatable();
  name(push(std::move(other), start + 5s), "unsent");
  write(op.request.bytes().size());
  EXPECT_EQ(lose(), strings{});
  EXPECT_EQ(expire(start + 5s), (strings{"set timed_out sent", "unsent timed_out"}));
}

TEST_F(line_loss, a_read_is_repeated_as_often_as_the_connection_breaks) {
  get("a", start + 5s);
  for (int i = 0; i < 100; ++i) {
    open();
    EXPECT_EQ(write(), get_a);
    EXPECT_EQ(lose(), strings{});
    EXPECT_EQ(line_.operations(), 1U);
  }
  EXPECT_EQ(expire(start + 5s), strings{"a timed_out sent"});
}

TEST_F(line_loss, losing_twice_is_losing_once) {
  open();
  incr("a");
  lose();
  EXPECT_EQ(lose(), strings{});
  EXPECT_EQ(line_.operations(), 1U);
}

TEST_F(line_loss, closing_for_good_ends_everything_and_says_what_was_sent) {
  open();
  get("a", start + 5s);
  operation& refused = incr("r", start + 5s);
  incr("sent", start + 5s);
  write();
  EXPECT_EQ(feed("$1\r\n1\r\n"), "a");
  EXPECT_EQ(feed(loading), "again r");
  EXPECT_EQ(refused.state, operation_state::delayed);
  incr("staged", start + 5s);
  push({false, {"SET", "k", std::string(2000, 'x')}}, start + 5s);
  incr("waiting", start + 5s);
  EXPECT_EQ(lose_for_good(),
            (strings{"sent shut_down sent", "staged shut_down", " shut_down", "waiting shut_down", "r shut_down"}));
  EXPECT_TRUE(line_.empty());
  EXPECT_FALSE(line_.next_due());
}

TEST_F(line_loss, closing_for_good_ends_reads_too) {
  open();
  get("a");
  write();
  EXPECT_EQ(lose_for_good(), strings{"a shut_down sent"});
}

// --- Refused before execution ----------------------------------------------------------------------------------------

TEST_F(line_loss, a_refused_write_waits_and_is_sent_again) {
  open();
  operation& a = incr("a", start + 5s);
  write();
  EXPECT_EQ(feed(loading), "again a");
  EXPECT_EQ(line_.operations(), 1U);
  EXPECT_EQ(write(), "") << "not at once";
  EXPECT_EQ(expire(start + 48ms), strings{});
  EXPECT_EQ(a.state, operation_state::delayed);
  EXPECT_EQ(write(), "");
  EXPECT_EQ(expire(start + 50ms), strings{});
  EXPECT_EQ(write(), incr_a);
  EXPECT_EQ(feed(":1\r\n"), "a");
}

TEST_F(line_loss, every_refusal_that_comes_before_execution_is_repeated) {
  for (const char* code : {"LOADING", "BUSY", "READONLY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN"}) {
    open();
    incr("a", now_ + 5s);
    write();
    EXPECT_EQ(feed("-" + std::string(code) + " try later\r\n"), "again a");
    EXPECT_EQ(expire(now_ + 50ms), strings{});
    EXPECT_EQ(write(), incr_a);
    EXPECT_EQ(feed(":1\r\n"), "a") << code;
    lose();
  }
}

TEST_F(line_loss, the_wait_doubles_with_each_refusal_up_to_its_bound) {
  open();
  incr("a", start + 1h);
  std::vector<std::chrono::milliseconds> waits;
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(write(), incr_a);
    EXPECT_EQ(feed(loading), "again a");
    const time_point before = now_;
    for (int looks = 0; looks < 10 && !line_.has_output(); ++looks) expire(*line_.next_due());
    waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(now_ - before));
  }
  EXPECT_EQ(waits, (std::vector{50ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 2000ms}));
}

TEST_F(line_loss, the_wait_is_drawn_by_lot) {
  bits_ = longest_wait / 2;
  open();
  incr("a", start + 1h);
  write();
  feed(loading);
  EXPECT_EQ(expire(start + 24ms), strings{});
  EXPECT_FALSE(line_.has_output());
  EXPECT_EQ(expire(start + 26ms), strings{});
  EXPECT_TRUE(line_.has_output());
}

TEST_F(line_loss, a_refusal_is_the_answer_when_the_next_try_would_come_after_the_deadline) {
  open();
  incr("a", start + 40ms);
  write();
  EXPECT_EQ(feed(loading), "a") << "the server's own words say more than a timeout";
  EXPECT_FALSE(line_.next_due());
}

TEST_F(line_loss, a_delayed_operation_ends_at_its_deadline_when_the_clock_leaps) {
  open();
  incr("a", start + 60ms);
  write();
  EXPECT_EQ(feed(loading), "again a");
  EXPECT_EQ(expire(start + 1s), strings{"a timed_out"});
  EXPECT_EQ(write(), "");
}

TEST_F(line_loss, the_deadline_holds_after_a_refusal) {
  open();
  incr("a", start + 500ms);
  write();
  feed(loading);
  expire(start + 50ms);
  EXPECT_EQ(write(), incr_a);
  EXPECT_EQ(expire(start + 499ms), strings{});
  EXPECT_EQ(expire(start + 500ms), strings{"a timed_out sent"});
  EXPECT_EQ(feed(":1\r\n"), "dropped");
}

TEST_F(line_loss, an_operation_without_a_deadline_is_refused_for_ever) {
  open();
  incr("a");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(write(), incr_a);
    EXPECT_EQ(feed(loading), "again a");
    expire(now_ + 2s);
  }
  EXPECT_EQ(write(), incr_a);
}

TEST_F(line_loss, a_delayed_operation_can_be_cancelled) {
  open();
  operation& a = incr("a", start + 5s);
  write();
  feed(loading);
  EXPECT_TRUE(cancel(a));
  EXPECT_FALSE(was_sent_) << "the server said that it did not begin";
  EXPECT_TRUE(line_.empty());
  EXPECT_EQ(expire(start + 1s), strings{});
  EXPECT_EQ(write(), "");
}

TEST_F(line_loss, a_delayed_operation_survives_the_loss_of_the_connection) {
  open();
  incr("a", start + 5s);
  write();
  feed(loading);
  EXPECT_EQ(lose(), strings{});
  EXPECT_EQ(expire(start + 50ms), strings{});
  open();
  EXPECT_EQ(write(), incr_a);
}

TEST_F(line_loss, other_operations_are_not_held_up_by_a_refused_one) {
  open();
  incr("a", start + 5s);
  write();
  feed(loading);
  get("b");
  EXPECT_EQ(write(), get_b);
  expire(start + 50ms);
  EXPECT_EQ(write(), incr_a);
  EXPECT_EQ(feed("$1\r\n1\r\n"), "b");
  EXPECT_EQ(feed(":1\r\n"), "a");
}

TEST_F(line_loss, refusals_of_pipelines_and_blocking_commands_are_answers) {
  open();
  incr_each({"a", "b"}, start + 5s);
  operation& pop = make({false, {"BLPOP", "q", "0"}}, start + 5s);
  pop.blocks = true;
  ASSERT_EQ(line_.push(pop), admission::accepted);
  name(pop, "pop");
  write();
  EXPECT_EQ(feed(loading), "part a");
  EXPECT_EQ(feed(loading), "a");
  EXPECT_EQ(feed(loading), "pop");
}

TEST_F(line_loss, other_errors_and_texts_that_look_like_refusals_are_answers) {
  open();
  for (const char* reply :
       {"-ERR unknown command\r\n", "-MISCONF disk\r\n", "-OOM used memory\r\n", "+LOADING\r\n", "$7\r\nLOADING\r\n"}) {
    incr("a", start + 5s);
    write();
    EXPECT_EQ(feed(reply), "a");
  }
}

}  // namespace
}  // namespace redstart::test
