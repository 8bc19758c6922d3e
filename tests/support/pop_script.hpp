// SPDX-License-Identifier: MIT
// Writes a conversation with a pop_broker down as lines of text, with a clock turned by hand.
#pragma once

#include "core/pop_broker.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace redstart::core::pop_script {

using namespace std::chrono_literals;
using time_point = pop_broker::time_point;
using steps = std::vector<std::string>;

const time_point start = time_point{} + 1h;

struct consumer : pop_waiter {
  std::string name;
};

// Runs the driver's loop and writes down what it was told, one line an action.
class script {
 public:
  explicit script(pop_broker_config config = {}) : broker(config, start) { broker.connected(); }

  consumer& add(const std::string& name, std::string_view queue, std::chrono::milliseconds timeout = 1h,
                std::size_t want = 1) {
    consumer& added = consumers_.emplace_back();
    added.name = name;
    added.want = want;
    added.deadline = now + timeout;
    broker.add(added, queue);
    return added;
  }

  steps run() {
    steps lines;
    for (pop_action action = broker.next(now); action.type != pop_action_type::nothing; action = broker.next(now)) {
      lines.push_back(line(action));
      EXPECT_LT(lines.size(), 100'000U) << "the loop does not end";
    }
    return lines;
  }

  // Turns the clock and runs; says nothing must happen before.
  steps run_at(time_point at) {
    now = at;
    return run();
  }

  // One consumer that waits for the queue on the BLPOP.
  consumer& blocked(const std::string& name, std::string_view queue, std::chrono::milliseconds timeout = 1h,
                    std::size_t want = 1) {
    consumer& added = add(name, queue, timeout, want);
    EXPECT_EQ(run(), steps{"probe " + std::string(queue) + " " + std::to_string(want)});
    broker.probed(queue, {});
    return added;
  }

  // One consumer a queue; all of them wait on the BLPOP.
  std::vector<consumer*> all_blocked(const std::vector<std::string>& queues, std::size_t want = 1) {
    std::vector<consumer*> added;
    for (const std::string& queue : queues) added.push_back(&add(queue, queue, 1h, want));
    EXPECT_EQ(run().size(), queues.size());
    for (const std::string& queue : queues) broker.probed(queue, {});
    return added;
  }

  time_point now = start;
  pop_broker broker;

 private:
  static std::string line(const pop_action& action) {
    const auto who = [&] { return static_cast<consumer*>(action.waiter)->name; };
    const std::string queue(action.queue);
    std::string text;
    for (std::string& element : action.elements) text += " " + std::exchange(element, "moved from");
    switch (action.type) {
      case pop_action_type::nothing:
        return "nothing";
      case pop_action_type::probe:
        return "probe " + queue + " " + std::to_string(action.count);
      case pop_action_type::drain:
        return "drain " + queue + " " + std::to_string(action.count);
      case pop_action_type::block:
        for (std::string_view name : action.queues) text += " " + std::string(name);
        return "block" + text + " " + std::to_string(action.timeout.count()) + "ms";
      case pop_action_type::unblock:
        return "unblock";
      case pop_action_type::deliver:
        return who() + " gets" + text;
      case pop_action_type::give_back:
        return "give back " + queue + text;
      case pop_action_type::timed_out:
        return who() + " timed out";
      case pop_action_type::refused:
        return who() + " refused " + std::string(action.error);
      case pop_action_type::closed:
        return who() + " closed";
    }
    return "?";
  }

  std::deque<consumer> consumers_;
};

}  // namespace redstart::core::pop_script
