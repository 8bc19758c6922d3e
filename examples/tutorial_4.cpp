// SPDX-License-Identifier: MIT
// Step 4 of docs/tutorial.md.
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

struct alert {
  int camera_id = 0;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(alert, (), (camera_id, text))

// [camera
// A camera: says that it is there, and what it has seen. Returns what became of it.
asio::awaitable<std::string> camera(redstart::client& redis, int id, std::string object) {
  const camera_status online{true, 30};
  const redstart::set_options for_five_minutes{.expire = 5min};
  const detection seen{id, "2024-01-01T12:00:00", {object}};
  const redstart::call_options within_a_second{.timeout = 1s};
  const redstart::commands quick = redis.with(within_a_second);
  try {
    co_await quick.set("camera:" + std::to_string(id) + ":status", online, for_five_minutes);
    co_await quick.add_to_queue("detections", seen);
    co_return "queued";
  } catch (const redstart::error& problem) {
    std::cout << problem.what() << '\n';
    // When only the answer was lost Redis may have it already: sent again, it could be there twice.
    co_return problem.maybe_applied() ? "perhaps queued" : "not queued";
  }
}
// ]

// [worker
// The next detection. What is in the queue but is none is set aside, where somebody can look at it.
asio::awaitable<std::optional<detection>> next_detection(redstart::client& redis) {
  for (;;) {
    std::string unreadable;
    try {
      co_return co_await redis.get_from_queue<detection>("detections", 200ms);
    } catch (const redstart::decode_error& problem) {
      unreadable = problem.payload();
    }
    co_await redis.add_to_queue("detections:unreadable", unreadable);
  }
}

// A worker: takes detections until none came for a while, and sends an alert for each person.
asio::awaitable<void> work(redstart::client& redis) {
  while (const auto next = co_await next_detection(redis)) {
    if (next->objects.at(0) != "person") continue;
    const alert raised{next->camera_id, "a person at camera " + std::to_string(next->camera_id)};
    co_await redis.publish("alerts", raised);
  }
  co_await redis.unsubscribe("alerts");
}
// ]

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

asio::awaitable<void> hub() {
  auto settings = redstart::config::from_env();
  if (std::getenv("REDIS_URL") == nullptr) settings.url = "embedded:";
  redstart::client redis{co_await asio::this_coro::executor, settings};
  co_await redis.connect();
  co_await redis.del("detections", "detections:unreadable");

  // [run
  co_await redis.add_to_queue("detections", "no detection at all");
  if (co_await camera(redis, 1, "person") != "queued") throw std::runtime_error("Redis did not take it");

  auto alerts = co_await redis.subscribe("alerts");
  const int shown = co_await (work(redis) && show(std::move(alerts)));
  if (shown != 1) throw std::runtime_error("one alert was due");
  const bool set_aside = co_await redis.clear_queue("detections:unreadable");
  if (!set_aside) throw std::runtime_error("what was unreadable is lost");

  co_await redis.disconnect();
  if (co_await camera(redis, 1, "cat") != "not queued") throw std::runtime_error("there is no Redis to take it");
  // ]
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
