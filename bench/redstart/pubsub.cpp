// SPDX-License-Identifier: MIT
// Publishing to many subscriptions of one client.
#include "redstart/workloads.hpp"

#include <boost/asio/detached.hpp>

#include <deque>

namespace bench {

namespace {

/// Keeps a number of messages under way. The next one is published when the last subscription has one, so that nobody
/// falls behind and nothing is dropped. An operation is a message that arrived at one subscription.
class fan_out {
 public:
  fan_out(redstart::client& redis, const task& asked, meter& counted)
      : redis_(redis), subscriptions_(asked.size), counted_(counted) {
    for (int i = 0; i < asked.in_flight; ++i) under_way_.push_back({message_of(i)});
  }

  void publish_all() {
    for (flight& each : under_way_) publish(each);
  }

  asio::awaitable<void> listen(redstart::subscription& source) {
    while (landed_ < under_way_.size()) {
      const redstart::message arrived = co_await source.next();
      if (!arrived.is_message()) throw std::runtime_error("messages were lost");
      receive(under_way_[std::stoul(arrived.payload)]);
    }
  }

 private:
  struct flight {
    std::string payload;
    std::size_t to_come = 0;
    std::int64_t begun = 0;
  };

  static std::string message_of(int number) {
    std::string payload = std::to_string(number);
    payload.resize(64, ' ');
    return payload;
  }

  void publish(flight& each) {
    each.to_come = subscriptions_;
    each.begun = counted_.begin();
    redis_.publish("bench:channel", each.payload, [](std::exception_ptr failure, std::size_t /*receivers*/) {
      if (failure) std::rethrow_exception(failure);
    });
  }

  void receive(flight& each) {
    // The slowest one is timed: when a message has reached all.
    const bool last = --each.to_come == 0;
    counted_.end(last ? each.begun : 0);
    if (!last) return;
    if (counted_.more()) {
      publish(each);
    } else {
      ++landed_;
    }
  }

  redstart::client& redis_;
  std::size_t subscriptions_;
  meter& counted_;
  std::vector<flight> under_way_;
  std::size_t landed_ = 0;
};

}  // namespace

asio::awaitable<void> run_publish(redstart::client& redis, const task& asked) {
  meter counted(asked);
  window measured({&counted});
  fan_out messages(redis, asked, counted);
  std::deque<redstart::subscription> subscriptions;
  for (std::size_t i = 0; i < asked.size; ++i) {
    subscriptions.push_back(co_await redis.subscribe("bench:channel"));
  }
  coroutine_group listeners(co_await asio::this_coro::executor);
  for (redstart::subscription& each : subscriptions) listeners.spawn(messages.listen(each));
  messages.publish_all();
  co_await pass_time(asked, measured);
  // Those that have read their last message before the others had theirs wait for one that never comes.
  co_await sleep_for(0.1);
  for (redstart::subscription& each : subscriptions) each.close();
  try {
    co_await listeners.ended();
  } catch (const redstart::cancelled&) {
  }
  measured.print();
}

}  // namespace bench
