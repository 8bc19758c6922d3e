// SPDX-License-Identifier: MIT
// The broker against a simulated server, with every message delayed at random: nothing is lost, doubled or stuck.
#include "core/pop_broker.hpp"
#include "support/pop_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace redstart::core {
namespace {

using namespace std::chrono_literals;
using time_point = pop_broker::time_point;
using pop_server::channel;
using pop_server::message;
using pop_server::server;

struct consumer : pop_waiter {
  std::string on;
};

struct world_config {
  unsigned seed = 0;
  unsigned queue_count = 4;
  bool breaks = false;   // connections are lost
  bool leaves = true;    // consumers are removed and time out
  bool instant = false;  // every message arrives at once
};

class world {
 public:
  explicit world(const world_config& config)
      : config_(config), random_(config.seed), now_(time_point{} + 1h), broker_(bounds(), now_) {
    broker_.connected();
  }

  void play(int step_count) {
    for (int i = 0; i < step_count && !testing::Test::HasFailure(); ++i) {
      // Plenty leaves elements in the lists, want lets consumers wait.
      plenty_ = (i / 700) % 2 == 1 && !config_.instant;
      step();
      run();
      if (config_.instant) settle();
      if (i % 500 == 499) quiet();
    }
  }

  // No further surprises: the network delivers everything, and whoever can have something must have it.
  void quiet() {
    settle();
    for (const auto& [queue, list] : server_.lists) {
      EXPECT_TRUE(list.empty() || waiting_[queue].empty()) << queue << " has elements and waiters at " << since_start();
    }
    account();
  }

  void close() {
    config_.instant = false;  // pauses between two unblocks take their time
    broker_.close();
    run();
    settle();
    EXPECT_TRUE(broker_.idle());
    EXPECT_EQ(broker_.waiters(), 0U);
    for (const auto& [queue, waiters] : waiting_) EXPECT_TRUE(waiters.empty()) << queue;
    account();
    EXPECT_EQ(pushed_, delivered_.size() + lost_.size() + in_lists());
  }

  [[nodiscard]] std::size_t delivered() const { return delivered_.size(); }
  // How often each way was taken, so that a test knows that it tests something.
  void expect_all_ways_taken() {
    for (const auto type : {pop_action_type::probe, pop_action_type::drain, pop_action_type::block}) {
      EXPECT_GT(brought_[type], 10U) << static_cast<int>(type);
    }
    for (const auto type : {pop_action_type::unblock, pop_action_type::give_back}) {
      EXPECT_GT(performed_[type], 0U) << static_cast<int>(type);
    }
  }
  [[nodiscard]] std::size_t timed_out() const { return timed_out_; }
  [[nodiscard]] std::size_t timed_out_unasked() const { return unasked_; }

 private:
  static pop_broker_config bounds() { return {.longest_block = 500ms, .most_at_once = 5, .confirm_before = 20ms}; }

  unsigned chance(unsigned below) { return static_cast<unsigned>(random_() % below); }
  std::string any_queue() { return "q" + std::to_string(chance(config_.queue_count)); }
  long since_start() const { return (now_ - (time_point{} + 1h)) / 1ms; }

  // --- What happens --------------------------------------------------------------------------------------------------
  void step() {
    switch (chance(12)) {
      case 0:
      case 1:
        return push();
      case 2:
      case 3:
        return arrive();
      case 4:
        if (config_.leaves) leave();
        return;
      case 5:
        return advance(std::chrono::milliseconds(chance(4)));
      case 6:
        return execute_lane();
      case 7:
        return answer_lane();
      case 8:
        return execute_waiting();
      case 9:
        return answer_waiting();
      default:
        if (config_.breaks && chance(60) == 0) return chance(2) == 0 ? break_lane() : break_waiting();
        if (!connected_) connect();
    }
  }

  void push() {
    if (!plenty_ && chance(2) == 0) return;
    const std::string queue = any_queue();
    for (unsigned burst = chance(plenty_ ? 10 : 40) == 0 ? 20 : 1; burst != 0; --burst) {
      // Numbered per queue, with leading zeros so that texts compare as numbers.
      const std::string number = std::to_string(1'000'000 + ++numbers_[queue]);
      server_.push_back(queue, queue + ":" + number, waiting_answers_);
      ++pushed_;
    }
  }

  void arrive() {
    consumer& waiter = *consumers_.emplace_back(std::make_unique<consumer>());
    waiter.on = any_queue();
    waiter.want = chance(3) == 0 ? 1 + chance(8) : 1;
    waiter.deadline = now_ + (config_.leaves ? std::chrono::milliseconds(1 + chance(400)) : 24h);
    waiting_[waiter.on].push_back(&waiter);
    broker_.add(waiter, waiter.on);
  }

  void leave() {
    auto& line = waiting_[any_queue()];
    if (line.empty()) return;
    auto who = line.begin();
    std::advance(who, chance(static_cast<unsigned>(line.size())));
    EXPECT_TRUE(broker_.remove(**who));
    line.erase(who);
  }

  void advance(std::chrono::milliseconds by) {
    now_ += by;
    if (server_.blocked && now_ >= server_.ends) server_.unblock(waiting_answers_);
  }

  void execute_lane() {
    if (lane_requests_.empty()) return;
    message command = std::move(lane_requests_.front());
    lane_requests_.pop_front();
    if (command.kind == pop_action_type::give_back) return server_.push_front(command, waiting_answers_);
    if (command.kind == pop_action_type::probe) command.values = server_.pop(command.queue, command.count);
    if (command.kind == pop_action_type::unblock) {
      command.did = command.connection == connection_ && server_.unblock(waiting_answers_);
    }
    lane_answers_.push_back(std::move(command));
  }

  void answer_lane() {
    if (lane_answers_.empty()) return;
    message answer = std::move(lane_answers_.front());
    lane_answers_.pop_front();
    if (answer.kind == pop_action_type::unblock) {
      unblocking_ = false;
      return broker_.unblocked(answer.did, now_);
    }
    probing_.erase(answer.queue);
    brought_[answer.kind] += answer.values.size();
    broker_.probed(answer.queue, std::move(answer.values));
  }

  void execute_waiting() {
    if (waiting_requests_.empty() || server_.blocked) return;
    message command = std::move(waiting_requests_.front());
    waiting_requests_.pop_front();
    if (command.kind == pop_action_type::block) return server_.block(std::move(command), now_, waiting_answers_);
    command.values = server_.pop(command.queue, command.count);
    waiting_answers_.push_back(std::move(command));
  }

  void answer_waiting() {
    if (waiting_answers_.empty()) return;
    message answer = std::move(waiting_answers_.front());
    waiting_answers_.pop_front();
    brought_[answer.kind] += answer.values.size();
    if (answer.kind == pop_action_type::drain) {
      draining_.erase(answer.queue);
      return broker_.drained(answer.queue, std::move(answer.values));
    }
    blocked_on_.clear();
    if (answer.values.empty()) return broker_.nothing_popped();
    broker_.popped(answer.queue, std::move(answer.values.front()));
  }

  void lose(const channel& answers) {
    for (const message& answer : answers) lost_.insert(answer.values.begin(), answer.values.end());
  }

  // Answers on their way are lost with what they carry; what is to be given back is sent again.
  void break_lane() {
    lose(lane_answers_);
    channel failed;
    failed.swap(lane_answers_);
    channel again;
    for (message& command : lane_requests_) {
      (command.kind == pop_action_type::give_back ? again : failed).push_back(std::move(command));
    }
    lane_requests_ = std::move(again);
    for (const message& command : failed) {
      if (command.kind == pop_action_type::unblock) {
        unblocking_ = false;
        broker_.unblocked(false, now_);
      } else {
        probing_.erase(command.queue);
        broker_.probe_failed(command.queue);
      }
    }
  }

  void break_waiting() {
    lose(waiting_answers_);
    waiting_answers_.clear();
    waiting_requests_.clear();
    server_.blocked.reset();
    blocked_on_.clear();
    draining_.clear();
    connected_ = false;
    broker_.disconnected();
  }

  void connect() {
    ++connection_;
    connected_ = true;
    broker_.connected();
  }

  void settle() {
    if (!connected_) connect();
    // Longer than the longest pause between two unblocks, shorter than most deadlines.
    for (int calm = 0; calm < 8;) {
      run();
      const bool busy = !lane_requests_.empty() || !lane_answers_.empty() || !waiting_answers_.empty() ||
                        (!waiting_requests_.empty() && !server_.blocked);
      execute_lane();
      answer_lane();
      execute_waiting();
      answer_waiting();
      if (busy) continue;
      ++calm;
      if (const auto due = broker_.next_due(); due && *due <= now_ + 60ms) calm = 0, advance_to(*due);
      if (config_.instant) break;
    }
    run();
  }

  void advance_to(time_point at) {
    if (config_.instant) return;
    advance(std::max(std::chrono::ceil<std::chrono::milliseconds>(at - now_), 0ms));
  }

  // --- The driver ----------------------------------------------------------------------------------------------------
  void run() {
    for (int i = 0; i < 10'000; ++i) {
      pop_action action = broker_.next(now_);
      if (action.type == pop_action_type::nothing) break;
      perform(action);
      ASSERT_LT(i, 9'999) << "the loop does not end";
    }
    EXPECT_FALSE(broker_.next_due() && *broker_.next_due() <= now_) << "due, but there was nothing to do";
    if (now_ == checked_) return;
    checked_ = now_;
    for (const auto& [queue, line] : waiting_) {
      for (const consumer* waiter : line) EXPECT_GT(waiter->deadline, now_) << "outlived its deadline in " << queue;
    }
  }

  void perform(pop_action& action) {
    const std::string queue(action.queue);
    auto* waiter = static_cast<consumer*>(action.waiter);
    message command{.kind = action.type, .queue = queue, .count = action.count};
    ++performed_[action.type];
    switch (action.type) {
      case pop_action_type::nothing:
      case pop_action_type::refused:
        FAIL();
      case pop_action_type::probe:
        EXPECT_TRUE(probing_.insert(queue).second) << "a second probe of " << queue;
        EXPECT_FALSE(blocked_on_.contains(queue) || draining_.contains(queue)) << "two who pop from " << queue;
        EXPECT_FALSE(waiting_[queue].empty()) << "a probe for nobody";
        lane_requests_.push_back(std::move(command));
        return;
      case pop_action_type::drain:
        EXPECT_TRUE(connected_ && blocked_on_.empty()) << "a drain behind a BLPOP";
        EXPECT_TRUE(draining_.insert(queue).second);
        waiting_requests_.push_back(std::move(command));
        return;
      case pop_action_type::block:
        return send_block(action);
      case pop_action_type::unblock:
        EXPECT_FALSE(std::exchange(unblocking_, true)) << "a second unblock";
        EXPECT_FALSE(blocked_on_.empty());
        command.connection = connection_;
        lane_requests_.push_back(std::move(command));
        return;
      case pop_action_type::give_back:
        EXPECT_TRUE(waiting_[queue].empty()) << "given back although somebody waits for " << queue;
        EXPECT_FALSE(action.elements.empty());
        for (std::string& element : action.elements) command.values.push_back(std::move(element));
        lane_requests_.push_back(std::move(command));
        return;
      case pop_action_type::deliver:
        return deliver(*waiter, action.elements);
      case pop_action_type::timed_out:
        EXPECT_LE(waiter->deadline, now_);
        ++timed_out_;
        unasked_ += pop_broker::asked(*waiter) ? 0U : 1U;
        waiting_[waiter->on].remove(waiter);
        return;
      case pop_action_type::closed:
        waiting_[waiter->on].remove(waiter);
    }
  }

  void send_block(const pop_action& action) {
    EXPECT_TRUE(connected_ && blocked_on_.empty()) << "a second BLPOP";
    EXPECT_FALSE(action.queues.empty());
    EXPECT_GE(action.timeout, 2ms);
    EXPECT_LE(action.timeout, 500ms);
    message command{.kind = action.type, .timeout = action.timeout};
    for (std::string_view queue : action.queues) {
      command.queues.emplace_back(queue);
      EXPECT_TRUE(blocked_on_.insert(std::string(queue)).second);
      EXPECT_FALSE(probing_.contains(std::string(queue))) << "two who pop from " << queue;
      EXPECT_FALSE(waiting_[std::string(queue)].empty()) << "a BLPOP for nobody";
    }
    waiting_requests_.push_back(std::move(command));
  }

  void deliver(consumer& waiter, std::span<std::string> values) {
    auto& line = waiting_[waiter.on];
    ASSERT_FALSE(line.empty());
    EXPECT_EQ(line.front(), &waiter) << "overtaken on " << waiter.on << " at " << since_start();
    line.remove(&waiter);
    EXPECT_GE(values.size(), 1U);
    EXPECT_LE(values.size(), waiter.want);
    for (std::string& value : values) {
      EXPECT_EQ(value.substr(0, value.find(':')), waiter.on);
      EXPECT_TRUE(delivered_.insert(value).second) << value << " twice";
      // Only a break, which separates what goes back from what is looked at next, may disturb the order.
      if (!config_.breaks) {
        EXPECT_GT(value, last_[waiter.on]) << "out of order at " << since_start();
      }
      last_[waiter.on] = std::move(value);
    }
  }

  // --- The books -----------------------------------------------------------------------------------------------------
  std::size_t in_lists() const {
    std::size_t count = 0;
    for (const auto& [queue, list] : server_.lists) count += list.size();
    return count;
  }

  void account() {
    for (const auto& [queue, list] : server_.lists) {
      for (const std::string& element : list) {
        EXPECT_FALSE(delivered_.contains(element) || lost_.contains(element)) << element << " is there twice";
      }
      if (!config_.breaks) {
        EXPECT_TRUE(std::is_sorted(list.begin(), list.end())) << queue << " went back out of order";
      }
    }
    for (const std::string& element : lost_) EXPECT_FALSE(delivered_.contains(element));
    if (!config_.breaks) {
      EXPECT_TRUE(lost_.empty());
    }
    // Those for whom an answer is still due, or who wait for a drain, were settled before.
    EXPECT_EQ(pushed_, delivered_.size() + lost_.size() + in_lists());
  }

  world_config config_;
  std::mt19937_64 random_;
  time_point now_;
  time_point checked_;
  server server_;
  channel lane_requests_, lane_answers_, waiting_requests_, waiting_answers_;
  std::vector<std::unique_ptr<consumer>> consumers_;
  std::map<std::string, std::list<consumer*>> waiting_;  // as it should be
  std::map<std::string, unsigned> numbers_;
  std::map<std::string, std::string> last_;
  std::set<std::string> delivered_, lost_, probing_, draining_, blocked_on_;
  std::size_t pushed_ = 0, timed_out_ = 0, unasked_ = 0;
  unsigned connection_ = 0;
  std::map<pop_action_type, std::size_t> performed_, brought_;
  bool plenty_ = false;
  bool connected_ = true;
  bool unblocking_ = false;
  pop_broker broker_;
};

class pop_broker_model : public testing::TestWithParam<unsigned> {};

TEST_P(pop_broker_model, patient_consumers_get_everything_in_order) {
  world all({.seed = GetParam(), .leaves = false});
  all.play(10'000);
  EXPECT_GT(all.delivered(), 1000U);
  EXPECT_EQ(all.timed_out(), 0U);
  all.expect_all_ways_taken();
  all.close();
}

TEST_P(pop_broker_model, leaving_consumers_lose_nothing_and_keep_the_order) {
  world all({.seed = GetParam()});
  all.play(10'000);
  EXPECT_GT(all.delivered(), 500U);
  EXPECT_GT(all.timed_out(), 10U);
  all.expect_all_ways_taken();
  all.close();
}

TEST_P(pop_broker_model, broken_connections_lose_only_what_was_in_the_socket) {
  world all({.seed = GetParam(), .breaks = true});
  all.play(10'000);
  EXPECT_GT(all.delivered(), 500U);
  all.expect_all_ways_taken();
  all.close();
}

TEST_P(pop_broker_model, many_queues_do_not_get_in_each_others_way) {
  world all({.seed = GetParam(), .queue_count = 60});
  all.play(10'000);
  EXPECT_GT(all.delivered(), 300U);
  all.expect_all_ways_taken();
  all.close();
}

TEST_P(pop_broker_model, with_an_instant_network_every_time_out_is_an_answer) {
  world all({.seed = GetParam(), .instant = true});
  all.play(5'000);
  EXPECT_GT(all.timed_out(), 10U);
  EXPECT_EQ(all.timed_out_unasked(), 0U);
  all.close();
}

INSTANTIATE_TEST_SUITE_P(seeds, pop_broker_model, testing::Range(1U, 9U));

}  // namespace
}  // namespace redstart::core
