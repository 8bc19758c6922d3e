// SPDX-License-Identifier: MIT
// Plays the driver of a `line` without any I/O: what is written is kept as text, replies are fed as text, the clock is
// turned by hand, and what ended is written down.
#pragma once

#include "core/line.hpp"
#include "core/operation_pool.hpp"
#include "resp/reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <initializer_list>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redstart::test {

using namespace std::chrono_literals;
using core::operation_end;
using core::operation_state;
using strings = std::vector<std::string>;

/// One reply and the bytes it was read from.
class parsed_reply {
 public:
  explicit parsed_reply(std::string_view bytes) : bytes_(bytes) {
    resp::reader reader;
    EXPECT_EQ(reader.read(bytes_, nodes_), resp::read_status::complete) << bytes;
    EXPECT_EQ(reader.consumed(), bytes_.size()) << "more than one reply: " << bytes;
  }
  [[nodiscard]] reply_view view() const { return {nodes_.data(), bytes_.data()}; }

 private:
  std::string bytes_;
  std::vector<reply_node> nodes_;
};

/// A waiter to compare addresses with. The line never calls it: that is its driver's part.
class silent_waiter final : public detail::completion {
 public:
  silent_waiter() = default;
  ~silent_waiter() override = default;
  void collect(reply_view /*reply*/) noexcept override { ADD_FAILURE() << "the line called a waiter"; }
  void answer(reply_view /*reply*/, const detail::operation_context& /*context*/,
              detail::outbox& /*away*/) noexcept override {
    ADD_FAILURE() << "the line called a waiter";
  }
  void fail(std::exception_ptr /*failure*/, detail::completion_site /*site*/) noexcept override {
    ADD_FAILURE() << "the line called a waiter";
  }
  void discard() noexcept override { ADD_FAILURE() << "the line called a waiter"; }
};

/// The bytes of one command.
inline std::string command(std::initializer_list<std::string_view> args) {
  return std::string(detail::request(true, args).bytes());
}

/// Redis's own words for a command that it did not begin to execute.
inline constexpr std::string_view loading = "-LOADING Redis is loading the dataset in memory\r\n";

/// Random bits that make a wait with jitter as long as it can be, to a nanosecond or two.
inline constexpr std::uint64_t longest_wait = std::numeric_limits<std::uint64_t>::max();

class line_fixture : public ::testing::Test {
 protected:
  using action = core::line::reply_action;
  using admission = core::line::admission;
  using operation = core::operation;
  using time_point = core::time_point;

  static constexpr core::line_config small = {.max_operations = 8, .max_output_bytes = 4096, .high_water = 1024};

  explicit line_fixture(const core::line_config& config = small) : line_(config, random_, start) {}

  /// Every test ends by closing for good: whatever it did, nothing may be left in the line, the wheel or the pool.
  void TearDown() override {
    lose_for_good();
    EXPECT_TRUE(line_.empty());
    EXPECT_EQ(line_.operations(), 0U);
    EXPECT_FALSE(line_.next_due()) << "a deadline is still linked";
    EXPECT_EQ(pool_.in_use(), 0U) << "an operation was lost";
  }

  // --- Callers -------------------------------------------------------------------------------------------------------
  operation& make(detail::request request, time_point deadline = time_point::max()) {
    operation& op = *pool_.take();
    op.request = std::move(request);
    op.deadline = deadline;
    op.waiter = &waiter_;
    return op;
  }
  operation& push(detail::request request, time_point deadline = time_point::max()) {
    operation& op = make(std::move(request), deadline);
    EXPECT_EQ(line_.push(op), admission::accepted);
    return op;
  }
  /// A command that only reads.
  operation& get(std::string_view key, time_point deadline = time_point::max()) {
    return name(push({true, {"GET", key}}, deadline), key);
  }
  /// A command that must not run twice.
  operation& incr(std::string_view key, time_point deadline = time_point::max()) {
    return name(push({false, {"INCR", key}}, deadline), key);
  }
  /// `INCR` of each key, as one request.
  operation& incr_each(std::initializer_list<std::string_view> keys, time_point deadline = time_point::max()) {
    detail::request request;
    for (const std::string_view key : keys) request.add(std::vector<std::string_view>{"INCR", key}, false);
    return name(push(std::move(request), deadline), *keys.begin());
  }
  operation& name(operation& op, std::string_view as) {
    names_[&op] = as;
    return op;
  }

  /// Cancels and says whether there was a waiter to tell. Gives the operation back when it left the line.
  bool cancel(operation& op) {
    const detail::completion* told = line_.detach(op, operation_end::cancelled);
    if (told) {
      EXPECT_EQ(told, &waiter_);
      EXPECT_EQ(op.waiter, nullptr);
      was_sent_ = op.was_sent;
      give_back(op);
    }
    return told != nullptr;
  }

  // --- The driver ----------------------------------------------------------------------------------------------------
  void open() { line_.opened(); }

  /// Hands over at most `count` bytes and returns them.
  std::string write(std::size_t count = std::numeric_limits<std::size_t>::max()) {
    const std::string taken(line_.output().substr(0, count));
    line_.wrote(taken.size());
    return taken;
  }
  /// Writes until nothing is left.
  std::string write_all() {
    std::string all;
    for (std::string part = write(); !part.empty(); part = write()) all += part;
    return all;
  }

  /// Feeds one reply and says in a word whose it was: "a", "dropped", "again a", "unasked", "part a".
  std::string feed(std::string_view reply) {
    const parsed_reply parsed(reply);
    const auto [what, op] = line_.take_reply(parsed.view(), now_);
    switch (what) {
      case action::unexpected:
        EXPECT_EQ(op, nullptr);
        return "unasked";
      case action::retry:
        return "again " + names_[op];
      case action::collect:
        if (op->waiter) {
          EXPECT_EQ(line_.collected(*op), nullptr);
        }
        return op->waiter ? "part " + names_[op] : "dropped";
      case action::answer:
        break;
    }
    EXPECT_EQ(op->state, operation_state::idle);
    EXPECT_FALSE(op->linked());
    std::string whose = std::exchange(op->waiter, nullptr) ? names_[op] : "dropped";
    give_back(*op);
    return whose;
  }

  /// Ends what is due at `at`, one text an operation: "a timed_out sent".
  strings expire(time_point at) {
    now_ = at;
    core::ended_list ended;
    line_.expire(now_, ended);
    return drain(ended);
  }
  strings lose() { return lose(false, operation_end::lost); }
  strings lose_for_good() { return lose(true, operation_end::shut_down); }

  strings drain(core::ended_list& ended) {
    strings told;
    while (operation* op = ended.pop_front()) {
      if (std::exchange(op->waiter, nullptr))
        told.push_back(names_[op] + text(op->end) + (op->was_sent ? " sent" : ""));
      give_back(*op);
    }
    return told;
  }
  void give_back(operation& op) {
    if (op.state == operation_state::idle) pool_.put(op);
  }

  const time_point start = time_point{} + 1h;
  time_point now_ = start;
  std::uint64_t bits_ = longest_wait;  ///< what the random source says
  core::random_source random_ = [this] { return bits_; };
  silent_waiter waiter_;
  core::operation_pool pool_;
  core::line line_;
  bool was_sent_ = false;  ///< of the operation that was cancelled last

 private:
  strings lose(bool for_good, operation_end why) {
    core::ended_list ended;
    line_.lost(for_good, why, ended);
    EXPECT_FALSE(line_.is_open());
    return drain(ended);
  }
  static std::string text(operation_end end) {
    switch (end) {
      case operation_end::none:
        return " none";
      case operation_end::cancelled:
        return " cancelled";
      case operation_end::timed_out:
        return " timed_out";
      case operation_end::lost:
        return " lost";
      case operation_end::shut_down:
        return " shut_down";
    }
    return " ?";
  }

  std::map<const operation*, std::string> names_;
};

}  // namespace redstart::test
