// SPDX-License-Identifier: MIT
// Real-time event broadcasting: one message reaches every connected WebSocket client.
#include "redstart/client.hpp"
#include "support.hpp"

#include <boost/describe.hpp>

namespace asio = boost::asio;

// [alert
struct risk_alert {
  std::string type;
  int risk_score = 0;
  int camera_id = 0;
  std::string message;
};
BOOST_DESCRIBE_STRUCT(risk_alert, (), (type, risk_score, camera_id, message))
// ]

// [bounded
// What one WebSocket client may hold up: a slow one loses its oldest messages and is told how many.
redstart::subscription_options one_client() {
  redstart::subscription_options options;
  options.channels = {"events"};
  options.max_messages = 100;
  options.when_full = redstart::overflow_policy::drop_oldest;
  return options;
}
// ]

asio::awaitable<void> event_broadcasting() {
  redstart::client redis{co_await asio::this_coro::executor, example::settings()};
  co_await redis.connect();
  std::vector<redstart::subscription> web_clients;
  for (int i = 0; i < 10; ++i) web_clients.push_back(co_await redis.subscribe(one_client()));

  // [broadcast
  // Publish event to all connected WebSocket clients
  const risk_alert alert{"risk_alert", 85, 1, "Suspicious activity detected"};
  co_await redis.publish("events", alert);
  // ]
  for (redstart::subscription& web_client : web_clients) {
    const redstart::message message = co_await web_client.next();
    example::check(message.data<risk_alert>().risk_score == 85, "each client gets the alert");
  }

  // One that does not read holds up nobody, and learns what it missed.
  auto reader = co_await redis.subscribe("events");
  for (int i = 0; i < 250; ++i) {
    co_await redis.publish("events", alert);
    co_await reader.next();
  }
  const redstart::message notice = co_await web_clients.back().next();
  example::check(notice.kind == redstart::message::kind_type::overflow && notice.dropped == 150,
                 "a slow client is told that it lost 150, but it says " + std::to_string(notice.dropped));
  co_await redis.disconnect();
}

int main() { return example::run(event_broadcasting); }
