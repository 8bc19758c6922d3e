// SPDX-License-Identifier: MIT
// Order, cancelling, deadlines and bounds on a connection that holds; what a loss does is in line_loss_test.cpp.
#include "core/line.hpp"

#include "support/line_fixture.hpp"

namespace redstart::test {
namespace {

class line : public line_fixture {};

const std::string get_a = command({"GET", "a"});
const std::string get_b = command({"GET", "b"});
const std::string get_c = command({"GET", "c"});
const std::string incr_a = command({"INCR", "a"});
const std::string incr_b = command({"INCR", "b"});

// --- Writing without the lock ----------------------------------------------------------------------------------------

TEST_F(line, what_is_pushed_during_a_write_follows_it) {
  open();
  get("a");
  const std::string_view bytes = line_.begin_write();
  for (int i = 0; i < 6; ++i) get("b");  // far more than the string of the output can hold in place
  EXPECT_EQ(bytes, get_a);
  line_.wrote(bytes.size());
  EXPECT_EQ(write(), get_b + get_b + get_b + get_b + get_b + get_b);
  EXPECT_EQ(feed("$1\r\n1\r\n"), "a");
  EXPECT_EQ(feed("$1\r\n1\r\n"), "b");
}

TEST_F(line, what_is_cancelled_during_its_write_counts_as_sent_and_keeps_its_slot) {
  open();
  auto& a = incr("a");
  get("b");
  const std::string_view bytes = line_.begin_write();
  EXPECT_TRUE(line_.has_begun(a));
  EXPECT_TRUE(cancel(a));
  EXPECT_TRUE(was_sent_);
  EXPECT_EQ(bytes, incr_a + get_b);
  line_.wrote(0);  // the socket took nothing: the bytes go out all the same
  EXPECT_EQ(write(), incr_a + get_b);
  EXPECT_EQ(feed(":1\r\n"), "dropped");
  EXPECT_EQ(feed("$1\r\n1\r\n"), "b");
}

TEST_F(line, what_is_pushed_and_cancelled_during_a_write_is_not_sent) {
  open();
  get("a");
  const std::string_view bytes = line_.begin_write();
  auto& b = get("b");
  get("c");
  EXPECT_TRUE(cancel(b));
  EXPECT_FALSE(was_sent_);
  line_.wrote(bytes.size());
  EXPECT_EQ(write(), get_c);
}

TEST_F(line, half_a_write_is_followed_by_its_rest_and_then_by_what_came_meanwhile) {
  open();
  get("a");
  auto& b = get("b");
  line_.begin_write();
  auto& c = get("c");
  incr("a");
  line_.wrote(5);
  // Both sides of the border between the two.
  EXPECT_TRUE(cancel(b));
  EXPECT_FALSE(was_sent_);
  EXPECT_TRUE(cancel(c));
  EXPECT_FALSE(was_sent_);
  EXPECT_EQ(write(), get_a.substr(5) + incr_a);
}

TEST_F(line, what_was_written_for_a_lost_connection_goes_with_it_wherever_it_stood) {
  open();
  get("a");
  line_.begin_write();
  incr("b");
  line_.wrote(5);
  lose();
  open();
  EXPECT_EQ(write(), get_a + incr_b);
}

// --- Pairing ---------------------------------------------------------------------------------------------------------

TEST_F(line, replies_belong_to_operations_in_the_order_of_their_bytes) {
  open();
  get("a");
  get("b");
  get("c");
  EXPECT_EQ(write(), get_a + get_b + get_c);
  EXPECT_EQ(feed("$1\r\n1\r\n"), "a");
  EXPECT_EQ(feed("$-1\r\n"), "b");
  EXPECT_EQ(feed("-WRONGTYPE of a key\r\n"), "c");
  EXPECT_TRUE(line_.empty());
}

TEST_F(line, operations_wait_in_order_for_the_connection) {
  get("a");
  incr("b");
  EXPECT_EQ(write(), "");
  EXPECT_FALSE(line_.is_open());
  open();
  get("c");
  EXPECT_EQ(write(), get_a + incr_b + get_c);
  EXPECT_EQ(write(), "");
}

TEST_F(line, a_reply_that_nobody_asked_for_is_unexpected) {
  open();
  EXPECT_EQ(feed("+OK\r\n"), "unasked");
  get("a");
  write();
  EXPECT_EQ(feed("+OK\r\n"), "a");
  EXPECT_EQ(feed("+OK\r\n"), "unasked");
}

TEST_F(line, a_reply_before_the_first_byte_was_sent_is_unexpected) {
  open();
  get("a");
  EXPECT_EQ(feed("$1\r\n1\r\n"), "unasked");
  EXPECT_EQ(line_.operations(), 1U);
  EXPECT_EQ(write(), get_a);
  EXPECT_EQ(feed("$1\r\n1\r\n"), "a");
}

TEST_F(line, an_answer_to_half_a_command_is_unexpected) {
  open();
  get("a");
  write(get_a.size() - 1);
  EXPECT_EQ(feed("$1\r\n1\r\n"), "unasked");
  write();
  EXPECT_EQ(feed("$1\r\n1\r\n"), "a");
}

TEST_F(line, an_error_in_the_middle_of_a_command_is_its_answer) {
  // A server that finds a length too large says so at once, and hangs up.
  open();
  get("a");
  write(5);
  EXPECT_EQ(feed("-ERR Protocol error: invalid bulk length\r\n"), "a");
}

TEST_F(line, half_a_command_is_never_sent_a_second_time_whatever_the_error_says) {
  open();
  incr("a", start + 5s);
  write(5);
  EXPECT_EQ(feed(loading), "a");
}

TEST_F(line, a_pipeline_collects_its_replies_and_leaves_with_the_last) {
  open();
  incr_each({"a", "b", "c"});
  get("c");
  write();
  EXPECT_EQ(feed(":1\r\n"), "part a");
  EXPECT_EQ(feed(":1\r\n"), "part a");
  EXPECT_EQ(line_.operations(), 2U);
  EXPECT_EQ(feed(":1\r\n"), "a");
  EXPECT_EQ(feed("$1\r\n1\r\n"), "c");
}

TEST_F(line, a_pipeline_may_be_answered_while_its_end_is_unsent) {
  open();
  incr_each({"a", "b"});
  write(incr_a.size() + 3);
  EXPECT_EQ(feed(":1\r\n"), "part a");
  EXPECT_EQ(feed(":1\r\n"), "unasked");
  write();
  EXPECT_EQ(feed(":1\r\n"), "a");
}

TEST_F(line, an_operation_without_a_waiter_keeps_its_slot) {
  open();
  operation& ping = make({true, {"PING"}});
  ping.waiter = nullptr;
  ASSERT_EQ(line_.push(ping), admission::accepted);
  get("a");
  write();
  EXPECT_EQ(feed("+PONG\r\n"), "dropped");
  EXPECT_EQ(feed("$1\r\n1\r\n"), "a");
}

// --- Partial writes --------------------------------------------------------------------------------------------------

TEST_F(line, the_stream_is_the_same_however_the_socket_cuts_it) {
  const std::string whole = get_a + incr_a + incr_b + get_b;
  for (std::size_t step = 1; step <= whole.size(); ++step) {
    open();
    get("a");
    incr_each({"a", "b"});
    get("b");
    std::string sent;
    while (sent.size() < whole.size()) sent += write(step);
    EXPECT_EQ(sent, whole);
    EXPECT_EQ(write(), "");
    for (const char* whose : {"a", "part a", "a", "b"}) EXPECT_EQ(feed(":1\r\n"), whose);
    lose_for_good();
  }
}

TEST_F(line, writing_nothing_changes_nothing) {
  open();
  get("a");
  EXPECT_EQ(write(0), "");
  EXPECT_EQ(feed("$1\r\n1\r\n"), "unasked");
  EXPECT_EQ(write(), get_a);
}

TEST_F(line, an_answer_is_due_from_the_last_byte_on_until_it_came) {
  open();
  EXPECT_FALSE(line_.answer_due());
  get("a");
  EXPECT_FALSE(line_.answer_due());
  write(1);
  EXPECT_FALSE(line_.answer_due());
  write();
  EXPECT_TRUE(line_.answer_due());
  feed("$1\r\n1\r\n");
  EXPECT_FALSE(line_.answer_due());
}

TEST_F(line, the_answer_of_a_blocking_command_may_take_its_time) {
  open();
  operation& pop = make({false, {"BLPOP", "q", "0"}});
  pop.blocks = true;
  ASSERT_EQ(line_.push(pop), admission::accepted);
  write();
  EXPECT_FALSE(line_.answer_due());
}

// --- Cancelling ------------------------------------------------------------------------------------------------------

TEST_F(line, an_operation_cancelled_while_it_waits_is_never_sent) {
  operation& a = incr("a");
  get("b");
  EXPECT_TRUE(cancel(a));
  EXPECT_FALSE(was_sent_);
  EXPECT_EQ(line_.operations(), 1U);
  open();
  EXPECT_EQ(write(), get_b);
}

TEST_F(line, an_operation_cancelled_while_it_is_staged_is_never_sent) {
  for (int victim = 0; victim < 3; ++victim) {
    open();
    operation* ops[] = {&get("a"), &get("b"), &get("c")};
    EXPECT_TRUE(cancel(*ops[victim]));
    EXPECT_FALSE(was_sent_);
    strings whose{"a", "b", "c"};
    strings bytes{get_a, get_b, get_c};
    whose.erase(whose.begin() + victim);
    bytes.erase(bytes.begin() + victim);
    EXPECT_EQ(write(), bytes[0] + bytes[1]);
    EXPECT_EQ(feed("$1\r\n1\r\n"), whose[0]);
    EXPECT_EQ(feed("$1\r\n1\r\n"), whose[1]);
    EXPECT_EQ(feed("$1\r\n1\r\n"), "unasked");
    lose_for_good();
  }
}

TEST_F(line, several_cancelled_in_any_order_are_taken_out_of_the_output_together) {
  open();
  get("a");
  operation& b = get("b");
  get("c");
  operation& d = get("d");
  get("e");
  write(3);  // the first one is on its way
  EXPECT_TRUE(cancel(d));
  EXPECT_TRUE(cancel(b));
  get("f");
  EXPECT_EQ(write(), get_a.substr(3) + get_c + command({"GET", "e"}) + command({"GET", "f"}));
  for (const char* whose : {"a", "c", "e", "f", "unasked"}) EXPECT_EQ(feed("$1\r\n1\r\n"), whose);
}

TEST_F(line, the_output_is_staged_anew_at_every_point_of_a_partial_write) {
  for (std::size_t sent = 0; sent < get_a.size() + get_b.size(); ++sent) {
    open();
    get("a");
    get("b");
    operation& c = get("c");
    incr("a");
    std::string stream = write(sent);
    EXPECT_TRUE(cancel(c));
    EXPECT_FALSE(was_sent_);
    stream += write_all();
    EXPECT_EQ(stream, get_a + get_b + incr_a) << sent;
    lose_for_good();
  }
}

TEST_F(line, an_operation_cancelled_after_its_first_byte_is_sent_to_its_end) {
  for (std::size_t sent = 1; sent <= incr_a.size(); ++sent) {
    open();
    operation& a = incr("a");
    get("b");
    std::string stream = write(sent);
    EXPECT_TRUE(cancel(a));
    // The rest of its bytes must follow, or nothing after them could be understood: so Redis will execute it.
    EXPECT_TRUE(was_sent_) << sent;
    stream += write_all();
    EXPECT_EQ(stream, incr_a + get_b);
    EXPECT_EQ(feed(":1\r\n"), "dropped");
    EXPECT_EQ(feed("$1\r\n1\r\n"), "b");
    lose_for_good();
  }
}

TEST_F(line, late_reply_of_a_cancelled_get_is_dropped) {
  open();
  operation& a = get("a");
  get("b");
  write();
  EXPECT_TRUE(cancel(a));
  EXPECT_EQ(line_.operations(), 2U);
  EXPECT_FALSE(cancel(a)) << "there is nobody left to tell";
  EXPECT_EQ(feed("$6\r\nsecret\r\n"), "dropped");
  EXPECT_EQ(feed("$1\r\n1\r\n"), "b");
}

TEST_F(line, late_replies_of_a_cancelled_pipeline_are_all_dropped) {
  open();
  operation& a = incr_each({"a", "b", "c"});
  get("b");
  write();
  EXPECT_EQ(feed(":1\r\n"), "part a");
  EXPECT_TRUE(cancel(a));
  EXPECT_TRUE(was_sent_);
  EXPECT_EQ(feed(":1\r\n"), "dropped");
  EXPECT_EQ(feed(":1\r\n"), "dropped");
  EXPECT_EQ(feed("$1\r\n1\r\n"), "b");
}

TEST_F(line, late_refusal_of_a_cancelled_operation_is_dropped_not_repeated) {
  open();
  operation& a = get("a", start + 5s);
  write();
  EXPECT_TRUE(cancel(a));
  EXPECT_EQ(feed(loading), "dropped");
  EXPECT_FALSE(line_.next_due());
}

TEST_F(line, an_idle_operation_has_nobody_to_tell) {
  operation& op = make({true, {"PING"}});
  EXPECT_EQ(line_.detach(op, operation_end::cancelled), nullptr);
  EXPECT_EQ(op.waiter, &waiter_);
  pool_.put(op);
}

// --- A completion that is collecting ---------------------------------------------------------------------------------

class collecting_line : public line_fixture {
 protected:
  // The driver finds out about several replies at once, then hands them over one by one, outside its lock.
  operation& claim(int replies) {
    open();
    operation& op = incr_each({"a", "b", "c", "d"});
    write();
    const parsed_reply one(":1\r\n");
    for (int i = 0; i < replies; ++i) {
      const auto [what, whose] = line_.take_reply(one.view(), now_);
      EXPECT_EQ(what, i < 3 ? action::collect : action::answer);
      EXPECT_EQ(whose, &op);
    }
    return op;
  }
  // As a driver does with the waiter that `collected` gives it.
  bool told(detail::completion* waiter) {
    EXPECT_TRUE(waiter == nullptr || waiter == &waiter_);
    return waiter != nullptr;
  }
};

TEST_F(collecting_line, a_waiter_that_is_taking_a_reply_is_told_only_afterwards) {
  operation& op = claim(1);
  EXPECT_EQ(line_.detach(op, operation_end::cancelled), nullptr);
  EXPECT_EQ(op.waiter, &waiter_) << "it is in use";
  EXPECT_TRUE(told(line_.collected(op)));
  EXPECT_EQ(op.waiter, nullptr);
  EXPECT_EQ(op.end, operation_end::cancelled);
  EXPECT_TRUE(op.was_sent);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(feed(":1\r\n"), "dropped");
}

TEST_F(collecting_line, a_waiter_with_several_replies_to_take_is_told_after_the_last_of_them) {
  operation& op = claim(3);
  EXPECT_FALSE(told(line_.collected(op)));
  EXPECT_EQ(line_.detach(op, operation_end::cancelled), nullptr) << "two more are about to be handed over";
  EXPECT_FALSE(told(line_.collected(op)));
  EXPECT_EQ(op.waiter, &waiter_);
  EXPECT_TRUE(told(line_.collected(op)));
  EXPECT_EQ(feed(":1\r\n"), "dropped");
}

TEST_F(collecting_line, the_first_reason_to_end_counts) {
  operation& op = claim(2);
  EXPECT_EQ(line_.detach(op, operation_end::timed_out), nullptr);
  EXPECT_EQ(line_.detach(op, operation_end::cancelled), nullptr);
  EXPECT_FALSE(told(line_.collected(op)));
  EXPECT_TRUE(told(line_.collected(op)));
  EXPECT_EQ(op.end, operation_end::timed_out);
}

TEST_F(collecting_line, an_operation_whose_last_reply_was_claimed_can_no_longer_be_cancelled) {
  operation& op = claim(4);
  EXPECT_EQ(line_.detach(op, operation_end::cancelled), nullptr);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(told(line_.collected(op)));
  EXPECT_EQ(op.waiter, &waiter_) << "it is told of its answer";
  EXPECT_TRUE(line_.empty());
  pool_.put(op);
}

TEST_F(collecting_line, a_deadline_that_passes_meanwhile_ends_it_afterwards) {
  open();
  operation& op = incr_each({"a", "b"}, start + 1s);
  write();
  const parsed_reply one(":1\r\n");
  EXPECT_EQ(line_.take_reply(one.view(), now_).action, action::collect);
  EXPECT_EQ(expire(start + 1s), strings{});
  EXPECT_FALSE(line_.next_due());
  EXPECT_TRUE(told(line_.collected(op)));
  EXPECT_EQ(op.end, operation_end::timed_out);
  EXPECT_TRUE(op.was_sent);
  EXPECT_EQ(feed(":1\r\n"), "dropped");
}

// --- Deadlines -------------------------------------------------------------------------------------------------------

TEST_F(line, a_waiter_is_released_at_its_deadline_and_not_before) {
  open();
  get("a", start + 5s);
  get("b", start + 7s);
  write();
  EXPECT_EQ(expire(start + 4999ms), strings{});
  EXPECT_EQ(expire(start + 5s), strings{"a timed_out sent"});
  EXPECT_EQ(line_.operations(), 2U) << "its slot stays";
  EXPECT_EQ(feed("$1\r\n1\r\n"), "dropped");
  EXPECT_EQ(feed("$1\r\n1\r\n"), "b");
  EXPECT_FALSE(line_.next_due());
}

TEST_F(line, whoever_sets_the_timer_learns_every_deadline_in_time) {
  open();
  get("a", start + 5s);
  get("b", start + 50ms);
  get("c", start + 2h);
  strings told;
  int calls = 0;
  while (line_.next_due() && ++calls < 100) {
    const time_point due = *line_.next_due();
    for (const std::string& one : expire(due)) told.push_back(one.substr(0, 1));
    if (due >= start + 50ms) {
      EXPECT_EQ(told.at(0), "b");
    }
  }
  EXPECT_EQ(told, (strings{"b", "a", "c"}));
  EXPECT_EQ(now_, start + 2h);
}

TEST_F(line, nothing_of_an_operation_is_sent_after_its_deadline) {
  incr("a", start + 1s);
  incr("b", start + 2s);
  EXPECT_EQ(expire(start + 1s), strings{"a timed_out"});
  open();
  get("c", start + 1500ms);
  EXPECT_EQ(expire(start + 1500ms), strings{"c timed_out"});
  EXPECT_EQ(write(), incr_b);
  EXPECT_EQ(line_.operations(), 1U);
}

TEST_F(line, what_was_begun_before_the_deadline_is_sent_to_its_end) {
  open();
  incr("a", start + 1s);
  get("b");
  std::string stream = write(4);
  EXPECT_EQ(expire(start + 1s), strings{"a timed_out sent"});
  stream += write_all();
  EXPECT_EQ(stream, incr_a + get_b);
  EXPECT_EQ(feed(":1\r\n"), "dropped");
  EXPECT_EQ(feed("$1\r\n1\r\n"), "b");
}

TEST_F(line, a_deadline_that_has_passed_already_ends_the_operation_at_the_next_look) {
  open();
  expire(start + 1s);
  incr("a", start);
  EXPECT_EQ(expire(start + 1s), strings{"a timed_out"});
  EXPECT_EQ(write(), "");
}

TEST_F(line, an_answer_takes_the_deadline_along) {
  open();
  get("a", start + 1s);
  write();
  EXPECT_EQ(feed("$1\r\n1\r\n"), "a");
  EXPECT_FALSE(line_.next_due());
  EXPECT_EQ(expire(start + 1h), strings{});
}

TEST_F(line, an_operation_without_a_deadline_waits_for_ever) {
  open();
  get("a");
  write();
  EXPECT_FALSE(line_.next_due());
  EXPECT_EQ(expire(start + 24h * 365), strings{});
  EXPECT_EQ(feed("$1\r\n1\r\n"), "a");
}

}  // namespace
}  // namespace redstart::test
