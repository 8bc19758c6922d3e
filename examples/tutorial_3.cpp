// SPDX-License-Identifier: MIT
// Step 3 of docs/tutorial.md.
// [program
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/describe.hpp>

#include <redstart/client.hpp>

#include <cstdlib>
#include <iostream>

using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;
namespace asio = boost::asio;

struct camera_status {
  bool online = false;
  int fps = 0;
};
BOOST_DESCRIBE_STRUCT(camera_status, (), (online, fps))

struct detection {
  int camera_id = 0;
  std::string timestamp;
  std::vector<std::string> objects;
};
BOOST_DESCRIBE_STRUCT(detection, (), (camera_id, timestamp, objects))

// [alert
struct alert {
  int camera_id = 0;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(alert, (), (camera_id, text))
// ]

// A camera: says that it is there, and what it has seen.
asio::awaitable<void> camera(redstart::client& redis, int id, std::string object) {
  const camera_status online{true, 30};
  const redstart::set_options for_five_minutes{.expire = 5min};
  co_await redis.set("camera:" + std::to_string(id) + ":status", online, for_five_minutes);

  const detection seen{id, "2024-01-01T12:00:00", {object}};
  co_await redis.add_to_queue("detections", seen);
}

// [worker
// A worker: takes detections until none came for a while, and sends an alert for each person.
asio::awaitable<void> work(redstart::client& redis) {
  while (const auto next = co_await redis.get_from_queue<detection>("detections", 200ms)) {
    if (next->objects.at(0) != "person") continue;
    const alert raised{next->camera_id, "a person at camera " + std::to_string(next->camera_id)};
    co_await redis.publish("alerts", raised);
  }
  co_await redis.unsubscribe("alerts");
}
// ]

// [listener
// A listener: shows alerts until its channel is taken away. Returns how many there were.
asio::awaitable<int> show(redstart::subscription alerts) {
  int shown = 0;
  try {
    for (;;) {
      const redstart::message message = co_await alerts.next();
      if (message.is_message()) {
        std::cout << "ALERT: " << message.data<alert>().text << '\n';
        ++shown;
      } else {
        std::cout << "alerts may be missing\n";  // the connection was away, or this listener too slow
      }
    }
  } catch (const redstart::cancelled&) {
    // The subscription has ended.
  }
  co_return shown;
}
// ]

asio::awaitable<void> hub() {
  auto settings = redstart::config::from_env();
  if (std::getenv("REDIS_URL") == nullptr) settings.url = "embedded:";
  redstart::client redis{co_await asio::this_coro::executor, settings};
  co_await redis.connect();
  co_await redis.clear_queue("detections");

  co_await camera(redis, 1, "person");
  co_await camera(redis, 2, "cat");
  // [run
  auto alerts = co_await redis.subscribe("alerts");
  const int shown = co_await (work(redis) && show(std::move(alerts)));
  if (shown != 1) throw std::runtime_error("one alert was due");
  // ]

  co_await redis.disconnect();
}

int main() {
  try {
    asio::io_context context;
    auto done = asio::co_spawn(context, hub(), asio::use_future);
    context.run();
    done.get();  // throws what the hub threw
  } catch (const std::exception& problem) {
    std::cerr << problem.what() << '\n';
    return 1;
  }
}
// ]
