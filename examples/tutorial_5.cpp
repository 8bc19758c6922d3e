// SPDX-License-Identifier: MIT
// Step 5 of docs/tutorial.md.
// [program
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/describe.hpp>

#include <redstart/web/redis.hpp>

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

// [handlers
// POST /events
asio::awaitable<std::string> post_event(detection seen) {
  const auto redis = redstart::web::get_redis();
  const camera_status online{true, 30};
  const redstart::set_options for_five_minutes{.expire = 5min};
  const redstart::call_options within_a_second{.timeout = 1s};
  const redstart::commands quick = redis->with(within_a_second);
  try {
    co_await quick.set("camera:" + std::to_string(seen.camera_id) + ":status", online, for_five_minutes);
    co_await quick.add_to_queue("detections", seen);
    co_return "202 Accepted";
  } catch (const redstart::error& problem) {
    std::cout << problem.what() << '\n';
    // When only the answer was lost Redis may have it already: sent again, it could be there twice.
    co_return problem.maybe_applied() ? "504 Gateway Timeout" : "503 Service Unavailable";
  }
}

// GET /health
asio::awaitable<std::string> get_health() {
  const auto redis = redstart::web::get_redis_optional();
  if (!redis) co_return "503 Service Unavailable";
  const redstart::health health = co_await redis->health_check();
  co_return health.healthy() ? "200 OK" : "503 Service Unavailable";
}
// ]

// The next detection. What is in the queue but is none is set aside, where somebody can look at it.
asio::awaitable<std::optional<detection>> next_detection(redstart::client& redis) {
  for (;;) {
    std::string unreadable;
    try {
      co_return co_await redis.get_from_queue<detection>("detections", 30s);
    } catch (const redstart::decode_error& problem) {
      unreadable = problem.payload();
    }
    co_await redis.add_to_queue("detections:unreadable", unreadable);
  }
}

// [worker
asio::awaitable<void> handle(redstart::client& redis, const detection& seen) {
  if (seen.objects.at(0) != "person") co_return;
  const alert raised{seen.camera_id, "a person at camera " + std::to_string(seen.camera_id)};
  co_await redis.publish("alerts", raised);
}

// A worker: sends an alert for each person, until it is cancelled. When Redis is away it tries again.
asio::awaitable<void> work() {
  const auto redis = redstart::web::get_redis();
  for (;;) {
    try {
      const auto next = co_await next_detection(*redis);
      if (next) co_await handle(*redis, *next);
    } catch (const redstart::connection_error& problem) {
      std::cout << problem.what() << '\n';
    } catch (const redstart::timeout_error& problem) {
      std::cout << problem.what() << '\n';
    }
  }
}
// ]

// A browser: shows as many alerts as are due, then goes away.
asio::awaitable<void> show(redstart::subscription alerts, int due) {
  while (due > 0) {
    const redstart::message message = co_await alerts.next();
    if (message.is_message()) {
      std::cout << "ALERT: " << message.data<alert>().text << '\n';
      --due;
    } else {
      std::cout << "alerts may be missing\n";  // the connection was away, or this browser too slow
    }
  }
}

// [requests
// What web servers would call.
asio::awaitable<void> requests() {
  const detection person{1, "2024-01-01T12:00:00", {"person"}};
  const detection cat{2, "2024-01-01T12:00:01", {"cat"}};
  if (co_await post_event(cat) != "202 Accepted") throw std::runtime_error("the cat was not accepted");
  if (co_await post_event(person) != "202 Accepted") throw std::runtime_error("the person was not accepted");
  if (co_await get_health() != "200 OK") throw std::runtime_error("Redis is not healthy");
}
// ]

asio::awaitable<void> hub() {
  auto settings = redstart::config::from_env();
  if (std::getenv("REDIS_URL") == nullptr) settings.url = "embedded:";
  // [run
  const auto executor = co_await asio::this_coro::executor;
  co_await redstart::web::init_redis(executor, settings);

  const auto redis = redstart::web::get_redis();
  co_await redis->clear_queue("detections");
  auto alerts = co_await redis->subscribe("alerts");
  co_await ((requests() && show(std::move(alerts), 1)) || work());  // the worker is cancelled when the rest is done

  co_await redstart::web::close_redis(executor);
  if (co_await get_health() != "503 Service Unavailable") throw std::runtime_error("Redis is closed");
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
