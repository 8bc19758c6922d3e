// SPDX-License-Identifier: MIT
// Publishing messages: to whoever listens now.
#include "redstart/client.hpp"
#include "support.hpp"

#include <boost/describe.hpp>

namespace asio = boost::asio;

// [event
struct camera_event {
  std::string type;
  int camera_id = 0;
  std::string timestamp;
};
BOOST_DESCRIBE_STRUCT(camera_event, (), (type, camera_id, timestamp))
// ]

asio::awaitable<void> publishing_messages() {
  redstart::client redis{co_await asio::this_coro::executor, example::settings()};
  co_await redis.connect();
  auto listener = co_await redis.subscribe("camera_events");

  // [publish
  // Publish event (written as JSON); how many subscribers of the server got it comes back
  const camera_event motion{"motion_detected", 1, "2024-01-01T12:00:00"};
  const std::size_t receivers = co_await redis.publish("camera_events", motion);
  // ]
  example::check(receivers >= 1, "the listener got it");
  const redstart::message received = co_await listener.next();
  example::check(received.data<camera_event>().type == "motion_detected",
                 "it is the event, but got " + received.payload);

  const std::size_t nobody = co_await redis.publish("a_channel_without_listeners", "lost");
  example::check(nobody == 0, "a message without listeners goes nowhere, and the count says so");
  co_await redis.disconnect();
}

int main() { return example::run(publishing_messages); }
