// SPDX-License-Identifier: MIT
// A simulated server for tests of pop_broker: lists, and one client that may be blocked on them.
#pragma once

#include "core/pop_broker.hpp"

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace redstart::core::pop_server {

using time_point = pop_broker::time_point;
using elements = std::vector<std::string>;

// What is on its way, in either direction; `kind` says which command or whose answer.
struct message {
  pop_action_type kind = pop_action_type::nothing;
  std::string queue{};
  std::size_t count = 0;
  elements values{};
  std::vector<std::string> queues{};
  std::chrono::milliseconds timeout{};
  unsigned connection = 0;
  bool did = false;
};

using channel = std::deque<message>;

// Lists, and the one client that may be blocked on them.
class server {
 public:
  void push_back(const std::string& queue, std::string element, channel& answers) {
    lists[queue].push_back(std::move(element));
    serve(answers);
  }

  void push_front(const message& command, channel& answers) {
    auto& list = lists[command.queue];
    list.insert(list.begin(), command.values.begin(), command.values.end());
    serve(answers);
  }

  elements pop(const std::string& queue, std::size_t count) {
    auto& list = lists[queue];
    elements popped;
    for (; count != 0 && !list.empty(); --count) {
      popped.push_back(std::move(list.front()));
      list.pop_front();
    }
    return popped;
  }

  void block(message command, time_point now, channel& answers) {
    ends = now + command.timeout;
    blocked = std::move(command);
    serve(answers);
  }

  // Also for time-outs. True when somebody was blocked.
  bool unblock(channel& answers) {
    if (!blocked) return false;
    blocked.reset();
    answers.push_back({.kind = pop_action_type::block});
    return true;
  }

  std::map<std::string, std::deque<std::string>> lists;
  std::optional<message> blocked;
  time_point ends;

 private:
  void serve(channel& answers) {
    if (!blocked) return;
    for (const std::string& queue : blocked->queues) {
      elements one = pop(queue, 1);
      if (one.empty()) continue;
      answers.push_back({.kind = pop_action_type::block, .queue = queue, .values = std::move(one)});
      blocked.reset();
      return;
    }
  }
};

}  // namespace redstart::core::pop_server
