// SPDX-License-Identifier: MIT
// Subscribing to channels: messages in order, and a notice whenever some may be missing.
#include "redstart/client.hpp"
#include "support.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

using namespace boost::asio::experimental::awaitable_operators;
namespace asio = boost::asio;

// [listen
// Receives as many messages as are due. Notices say when some are missing.
asio::awaitable<void> listen(redstart::subscription& events, int due) {
  while (due > 0) {
    const redstart::message message = co_await events.next();
    switch (message.kind) {
      case redstart::message::kind_type::message:
        std::cout << "Received: " << message.payload << " on " << message.channel << '\n';
        --due;
        break;
      case redstart::message::kind_type::gap:
        std::cout << "Messages of " << message.outage.count() << " ms may be missing\n";
        break;
      case redstart::message::kind_type::overflow:
        std::cout << message.dropped << " messages came faster than they were read\n";
        break;
    }
  }
}
// ]

asio::awaitable<void> publish_some(redstart::client& redis) {
  co_await redis.publish("camera_events", "motion");
  co_await redis.publish("system_alerts", "disk is full");
}

asio::awaitable<void> subscribing_to_channels() {
  redstart::client redis{co_await asio::this_coro::executor, example::settings()};
  co_await redis.connect();

  // [subscribe
  // Subscribe to channels; Redis has confirmed them when this returns
  auto events = co_await redis.subscribe("camera_events", "system_alerts");
  // ]
  auto everything = co_await redis.psubscribe("camera_*");  // independent of the first one
  co_await (listen(events, 2) && publish_some(redis));

  // [unsubscribe
  // Unsubscribe when done. Destroying a subscription does it too, for that one alone
  co_await redis.unsubscribe("camera_events", "system_alerts");
  // ]
  bool ended = false;
  try {
    co_await events.next();
  } catch (const redstart::cancelled&) {
    ended = true;
  }
  example::check(ended && !events.is_open(), "without channels the subscription has ended");

  const redstart::message by_pattern = co_await everything.next();
  example::check(by_pattern.channel == "camera_events" && by_pattern.pattern == "camera_*",
                 "the pattern's subscription got its own copy");
  co_await redis.disconnect();
}

int main() { return example::run(subscribing_to_channels); }
