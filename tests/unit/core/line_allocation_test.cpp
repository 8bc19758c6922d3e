// SPDX-License-Identifier: MIT
// One allocation after the other fails, on the way of operations through encoding, the line and parsing, without any
// I/O: whatever fails, every answer reaches the operation it belongs to, nothing is left behind, and it goes on.
#include "core/line.hpp"
#include "core/operation_pool.hpp"
#include "core/reply_batch.hpp"
#include "redstart/detail/outbox.hpp"
#include "support/allocations.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace redstart::core {
namespace {

using namespace std::chrono_literals;
using test::sheltered;

// Long enough for the heap, and every answer names its question.
std::string key_of(std::size_t number) { return "key:" + std::to_string(number) + ":" + std::string(200, 'k'); }
std::string answer_to(std::string_view key) {
  const std::string value = "value of " + std::string(key);
  return "*2\r\n$" + std::to_string(value.size()) + "\r\n" + value + "\r\n+end\r\n";
}

// Answers each GET with its own key, however the bytes are cut. Its memory is not the subject.
class echo_server {
 public:
  void receive(std::string_view bytes) {
    const sheltered own;
    input_ += bytes;
    for (;;) {
      const std::size_t key = input_.find("key:");
      const std::size_t end = key == std::string::npos ? key : input_.find("\r\n", key);
      if (end == std::string::npos) return;
      output_ += answer_to(std::string_view(input_).substr(key, end - key));
      input_.erase(0, end + 2);
    }
  }
  std::size_t send(std::span<char> into) {
    const sheltered own;
    const std::size_t count = std::min({into.size(), output_.size(), std::size_t{777}});
    std::copy_n(output_.begin(), count, into.begin());
    output_.erase(0, count);
    return count;
  }
  [[nodiscard]] bool has_output() const { return !output_.empty(); }

 private:
  std::string input_;
  std::string output_;
};

class counting_waiter final : public detail::completion {
 public:
  void collect(reply_view /*reply*/) noexcept override {}
  void answer(reply_view reply, const detail::operation_context& /*context*/,
              detail::outbox& /*away*/) noexcept override {
    const sheltered own;
    ++answers;
    value = reply.size() == 2 ? reply[0].text() : "?";
  }
  void fail(std::exception_ptr /*failure*/, detail::completion_site /*site*/) noexcept override { ++failures; }
  void discard() noexcept override { ++failures; }

  void forget() {
    answers = failures = 0;
    value.clear();
  }

  int answers = 0;
  int failures = 0;
  std::string value;
};

struct nothing_to_say final : detail::operation_context {
  [[nodiscard]] std::string describe() const override { return {}; }
  [[nodiscard]] std::string advise(std::string_view /*error_text*/) const override { return {}; }
};

// A driver and its callers. Each of its steps does what those of `net` do when memory runs out.
class story {
 public:
  static constexpr std::size_t operations = 100;  // more than a slab of the pool
  story() : line_({.high_water = 4096}, random_, start_), waiters(operations), keys(operations) {
    for (std::size_t i = 0; i < operations; ++i) keys[i] = key_of(i);
  }

  void play() {
    for (std::size_t i = 0; i < operations; ++i) {
      // The first ones wait for a connection, which comes in between.
      if (i == operations / 4) line_.opened();
      call(i);
      if (i % 10 == 9) write();
    }
    for (int turns = 0; !line_.empty() && turns < 1000; ++turns) {
      write();
      read();
    }
  }

  void call(std::size_t number) {
    operation* op = nullptr;
    try {
      detail::request request(true, {"GET", keys[number]});
      op = pool_.take();
      op->request = std::move(request);
      op->deadline = start_ + std::chrono::seconds(number);
      op->waiter = &waiters[number];
      const std::size_t before = line_.operations();
      try {
        if (line_.push(*op) != line::admission::accepted) ADD_FAILURE() << "no room";
      } catch (const std::bad_alloc&) {
        EXPECT_EQ(line_.operations(), before) << "neither in the line nor in the output";
        EXPECT_EQ(op->state, operation_state::idle);
        EXPECT_FALSE(op->linked()) << "no deadline of it is kept";
        throw;
      }
    } catch (const std::bad_alloc&) {
      ++refused;
      ++waiters[number].failures;
      if (op) pool_.put(*op);
    }
  }
  void write() {
    try {
      for (std::string_view bytes = line_.output(); !bytes.empty(); bytes = line_.output()) {
        const std::size_t count = std::min<std::size_t>(bytes.size(), 1000);
        server_->receive(bytes.substr(0, count));
        line_.wrote(count);
      }
    } catch (const std::bad_alloc&) {
      // Tried again at the next turn.
    }
  }
  void read() {
    if (!server_->has_output()) return;
    try {
      const std::size_t count = server_->send(replies_->prepare());
      EXPECT_TRUE(replies_->commit(count));
    } catch (const std::bad_alloc&) {
      // What was complete before is answered; then the connection is given up.
      hand_out();
      return reconnect();
    }
    hand_out();
    replies_->clear();
  }
  void hand_out() {
    detail::outbox away;
    for (std::size_t i = 0; i < replies_->size(); ++i) {
      const auto [what, op] = line_.take_reply((*replies_)[i], start_);
      EXPECT_EQ(what, line::reply_action::answer);
      op->waiter->answer((*replies_)[i], nothing_to_say(), away);
      pool_.put(*op);
    }
  }
  void reconnect() {
    const sheltered own;
    ++reconnects;
    ended_list ended;
    line_.lost(false, operation_end::lost, ended);
    EXPECT_TRUE(ended.empty()) << "reads are sent again";
    server_.emplace();
    replies_.emplace(resp::limits{});
    line_.opened();
  }

 private:
  const time_point start_ = time_point{} + 1h;
  const random_source random_ = [] { return std::uint64_t{0}; };
  operation_pool pool_;
  line line_;
  std::optional<echo_server> server_{std::in_place};
  std::optional<reply_batch> replies_{std::in_place, resp::limits{}};

 public:
  [[nodiscard]] bool is_clean() const { return line_.empty() && pool_.in_use() == 0 && !line_.next_due(); }

  std::vector<counting_waiter> waiters;
  std::vector<std::string> keys;
  std::size_t refused = 0;
  int reconnects = 0;
};

// Fails `count` allocations from the `first` on; returns how many did fail.
std::size_t play_with_failures(std::size_t first, std::size_t count, story& played) {
  const std::size_t before = test::failed_allocations();
  const test::failing_allocations failing(first, count);
  played.play();
  return test::failed_allocations() - before;
}

void check(story& played) {
  EXPECT_TRUE(played.is_clean());
  for (std::size_t i = 0; i < story::operations; ++i) {
    const counting_waiter& waiter = played.waiters[i];
    ASSERT_EQ(waiter.answers + waiter.failures, 1) << "operation " << i;
    if (waiter.answers == 1) {
      ASSERT_EQ(waiter.value, "value of " + played.keys[i]);
    }
  }
}

TEST(line_allocation, a_story_without_failures_answers_everybody) {
  story played;
  played.play();
  check(played);
  EXPECT_EQ(played.refused, 0U);
  EXPECT_EQ(played.reconnects, 0);
}

TEST(line_allocation, whichever_allocation_fails_nobody_gets_a_wrong_answer_and_nothing_is_left) {
  std::size_t refused = 0;
  int reconnects = 0;
  std::size_t first = 1;
  for (bool failed = true; failed; ++first) {
    const std::ptrdiff_t live = test::live_blocks();
    {
      story played;
      failed = play_with_failures(first, 1, played) != 0;
      check(played);
      EXPECT_LE(played.refused, 1U);
      refused += played.refused;
      reconnects += played.reconnects;
      // The same line goes on as if nothing had happened.
      played.waiters[0].forget();
      played.call(0);
      for (int turns = 0; turns < 100; ++turns) {
        played.write();
        played.read();
      }
      EXPECT_EQ(played.waiters[0].value, "value of " + played.keys[0]);
      EXPECT_TRUE(played.is_clean());
    }
    ASSERT_EQ(test::live_blocks(), live) << "allocation " << first;
    if (testing::Test::HasFailure()) FAIL() << "when allocation " << first << " failed";
  }
  // Every step had its turn.
  EXPECT_GT(first, story::operations);
  EXPECT_GT(refused, story::operations);
  EXPECT_GT(reconnects, 0);
}

TEST(line_allocation, a_time_without_any_memory_is_survived_wherever_it_begins) {
  for (std::size_t first = 1; first < 150; ++first) {
    const std::ptrdiff_t live = test::live_blocks();
    {
      story played;
      play_with_failures(first, 25, played);
      check(played);
    }
    ASSERT_EQ(test::live_blocks(), live) << "allocation " << first;
    if (testing::Test::HasFailure()) FAIL() << "when 25 allocations failed from " << first << " on";
  }
}

}  // namespace
}  // namespace redstart::core
