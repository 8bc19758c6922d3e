// SPDX-License-Identifier: MIT
// How much a line takes, and how much of it is copied into the output ahead of the socket.
#include "core/line.hpp"
#include "support/line_fixture.hpp"

namespace redstart::test {
namespace {

class line_bounds : public line_fixture {
 protected:
  using line_fixture::line_fixture;

  // A command of exactly `size` bytes.
  static detail::request sized(std::size_t size, char filler = 'x') {
    std::string value(size, filler);
    for (std::string bytes; (bytes = command({"SET", "k", value})).size() > size;) value.pop_back();
    detail::request request(false, {"SET", "k", value});
    EXPECT_EQ(request.bytes().size(), size);
    return request;
  }
  // Pushes and says whether it was taken; what was not is given back.
  bool taken(detail::request request) {
    operation& op = make(std::move(request));
    const std::size_t before = line_.operations();
    const bool accepted = line_.push(op) == admission::accepted;
    EXPECT_EQ(line_.operations(), before + (accepted ? 1 : 0));
    if (!accepted) {
      EXPECT_EQ(op.waiter, &waiter_) << "a refused operation is untouched";
      EXPECT_FALSE(op.linked());
      give_back(op);
    }
    return accepted;
  }
  bool taken(std::string_view key) { return taken({true, {"GET", key}}); }
};

TEST_F(line_bounds, the_number_of_operations_is_bounded_whether_they_wait_or_were_sent) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(taken("waiting"));
  open();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(taken("staged"));
  EXPECT_FALSE(taken("one more"));
  write_all();
  EXPECT_FALSE(taken("one more")) << "sent ones still hold their place";
  feed("+OK\r\n");
  EXPECT_TRUE(taken("one more"));
  EXPECT_FALSE(taken("and another"));
}

TEST_F(line_bounds, an_abandoned_operation_counts_until_its_reply_came) {
  open();
  operation& a = get("a");
  for (int i = 0; i < 7; ++i) taken("others");
  write_all();
  EXPECT_TRUE(cancel(a));
  EXPECT_FALSE(taken("one more"));
  EXPECT_EQ(feed("$1\r\n1\r\n"), "dropped");
  EXPECT_TRUE(taken("one more"));
}

TEST_F(line_bounds, the_bytes_that_wait_are_bounded_to_the_byte) {
  EXPECT_TRUE(taken(sized(4000)));
  EXPECT_FALSE(taken(sized(97)));
  EXPECT_TRUE(taken(sized(96)));
  EXPECT_FALSE(taken("a"));
}

TEST_F(line_bounds, staged_bytes_count_until_the_socket_has_them) {
  open();
  EXPECT_TRUE(taken(sized(4000)));
  EXPECT_FALSE(taken(sized(100)));
  write(4);
  EXPECT_TRUE(taken(sized(100)));
  EXPECT_FALSE(taken("a"));
  write(4000 - 4);
  write(95);
  EXPECT_TRUE(taken(sized(4096 - 5)));
}

// A server that reads and does not answer: what was sent is kept for its answer, or for another try.
TEST_F(line_bounds, bytes_that_were_sent_count_until_they_are_answered) {
  open();
  EXPECT_TRUE(taken(sized(4095)));
  EXPECT_EQ(write_all().size(), 4095U);
  operation& last = push(sized(100), start + 1s);
  write_all();
  EXPECT_FALSE(taken("a"));
  EXPECT_EQ(expire(start + 1s).size(), 1U);
  EXPECT_FALSE(taken("a")) << "its answer is due although nobody waits for it";
  EXPECT_EQ(last.state, operation_state::staged);
  EXPECT_EQ(feed("+OK\r\n"), "");
  EXPECT_TRUE(taken(sized(4096)));
}

// Elements of queues on their way back are among them.
TEST_F(line_bounds, bytes_do_not_bound_what_the_library_itself_sends) {
  open();
  EXPECT_TRUE(taken(sized(4095)));
  write_all();
  push(sized(100));
  write_all();
  EXPECT_FALSE(taken("a"));
  operation& own = make(sized(4096));
  own.internal = true;
  EXPECT_EQ(line_.push(own), admission::accepted);
}

TEST_F(line_bounds, bytes_that_were_sent_over_a_lost_connection_are_not_unanswered) {
  open();
  push(sized(4096));
  write_all();
  EXPECT_FALSE(taken("a"));
  EXPECT_EQ(lose().size(), 1U);
  EXPECT_TRUE(taken(sized(4096)));
}

TEST_F(line_bounds, one_operation_however_large_is_taken_when_nothing_waits) {
  EXPECT_TRUE(taken(sized(10'000)));
  EXPECT_FALSE(taken("a"));
  open();
  EXPECT_EQ(write_all().size(), 10'000U);
  EXPECT_EQ(feed("+OK\r\n"), "");
  EXPECT_TRUE(taken("a"));
  write_all();
  EXPECT_TRUE(taken(sized(10'000))) << "little is unanswered";
}

TEST_F(line_bounds, cancelling_what_waits_makes_room) {
  operation& large = push(sized(4096));
  EXPECT_FALSE(taken("a"));
  EXPECT_TRUE(cancel(large));
  EXPECT_TRUE(taken(sized(4096)));
}

TEST_F(line_bounds, what_was_cancelled_makes_room_at_once_although_its_bytes_are_staged) {
  // A connection that takes no more bytes is not asked for its output either.
  open();
  get("a");
  write(1);
  operation& large = push(sized(4000));
  EXPECT_FALSE(taken(sized(3000)));
  EXPECT_TRUE(cancel(large));
  EXPECT_TRUE(taken(sized(3000)));
  EXPECT_EQ(write_all().size(), command({"GET", "a"}).size() - 1 + 3000);
}

TEST_F(line_bounds, what_expired_makes_room) {
  push(sized(4096), start + 1s);
  EXPECT_FALSE(taken("a"));
  EXPECT_EQ(expire(start + 1s).size(), 1U);
  EXPECT_TRUE(taken("a"));
}

TEST_F(line_bounds, bytes_of_a_lost_connection_count_once) {
  open();
  EXPECT_TRUE(taken(sized(3000)));
  lose();  // nothing of it was sent, so it waits for the next connection
  EXPECT_TRUE(taken(sized(1000)));
  EXPECT_FALSE(taken(sized(1000)));
}

TEST_F(line_bounds, what_ended_with_its_connection_makes_room) {
  open();
  EXPECT_TRUE(taken(sized(1000)));
  EXPECT_TRUE(taken(sized(3000)));
  write(4000);
  EXPECT_TRUE(taken(sized(4000)));
  EXPECT_FALSE(taken(sized(1000)));
  operation& unsent = push({true, {"GET", "a"}});
  EXPECT_EQ(lose().size(), 2U);
  EXPECT_FALSE(taken(sized(1000)));
  EXPECT_TRUE(cancel(unsent));
  EXPECT_TRUE(taken(sized(96)));
}

TEST_F(line_bounds, refused_operations_that_will_be_sent_again_count) {
  open();
  operation& op = push(sized(4096), start + 5s);
  write_all();
  EXPECT_EQ(feed(loading), "again ");
  EXPECT_EQ(op.state, operation_state::delayed);
  EXPECT_FALSE(taken("a"));
  EXPECT_TRUE(cancel(op));
  EXPECT_TRUE(taken(sized(4096)));
}

// --- High water ------------------------------------------------------------------------------------------------------

TEST_F(line_bounds, beyond_the_high_water_mark_operations_wait_and_are_staged_in_order) {
  open();
  const operation& first = push(sized(1000, '1'));
  const operation& second = push(sized(1000, '2'));
  const operation& third = push(sized(1000, '3'));
  EXPECT_EQ(first.state, operation_state::staged);
  EXPECT_EQ(second.state, operation_state::staged) << "the mark was not reached";
  EXPECT_EQ(third.state, operation_state::waiting);
  EXPECT_EQ(line_.output().size(), 2000U);

  line_.wrote(975);  // 1025 are left, one too many
  EXPECT_EQ(line_.output().size(), 1025U);
  EXPECT_EQ(third.state, operation_state::waiting);
  EXPECT_EQ(get("late").state, operation_state::waiting) << "it must not overtake";
  line_.wrote(2);
  EXPECT_EQ(line_.output().size(), 2023U);
  EXPECT_EQ(third.state, operation_state::staged);

  const std::string rest = write_all();
  EXPECT_EQ(rest.substr(1023, 1000), sized(1000, '3').bytes());
  EXPECT_EQ(rest.substr(2023), command({"GET", "late"}));
}

TEST_F(line_bounds, what_waits_behind_the_mark_is_cancelled_without_a_trace) {
  open();
  push(sized(2000, '1'));
  operation& second = push(sized(1000, '2'));
  push(sized(900, '3'));
  EXPECT_TRUE(cancel(second));
  EXPECT_EQ(write_all(), std::string(sized(2000, '1').bytes()) + std::string(sized(900, '3').bytes()));
}

class line_with_large_bounds : public line_bounds {
 protected:
  static constexpr std::size_t high_water = 4096;
  line_with_large_bounds()
      : line_bounds({.max_operations = 100, .max_output_bytes = 64 * 1024 * 1024, .high_water = high_water}) {}

  // How many bytes moved within the output while all of it was written in pieces of `step`.
  std::size_t bytes_moved(std::size_t step) {
    std::size_t moved = 0;
    const char* expected = line_.output().data();
    for (std::string_view left = line_.output(); !left.empty(); left = line_.output()) {
      if (left.data() != expected) moved += left.size();
      const std::size_t count = std::min(step, left.size());
      expected = left.data() + count;
      line_.wrote(count);
    }
    return moved;
  }
};

TEST_F(line_with_large_bounds, a_large_command_is_written_in_linear_time) {
  constexpr std::size_t size = 4 * 1024 * 1024;
  open();
  push(sized(size));
  EXPECT_LE(bytes_moved(high_water), size);
}

TEST_F(line_with_large_bounds, the_memory_of_an_output_that_never_empties_is_bounded) {
  open();
  // The peer takes all but the last command; the stream must not be kept from its first byte on.
  const char* expected = nullptr;
  std::size_t kept = 0;  // bytes behind which the stream goes on in the same place of memory
  push(sized(1000));
  for (int i = 0; i < 1000; ++i) {
    push(sized(1000));
    const std::string_view bytes = line_.output();
    ASSERT_EQ(bytes.size(), 2000U);
    kept = bytes.data() == expected ? kept + 1000 : 0;
    ASSERT_LE(kept, 4 * high_water);
    line_.wrote(1000);
    expected = bytes.data() + 1000;
    feed("+OK\r\n");
  }
}

}  // namespace
}  // namespace redstart::test
