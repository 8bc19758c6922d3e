// SPDX-License-Identifier: MIT
// Dependency injection: route handlers get the process's client instead of making their own.
#include "redstart/web/redis.hpp"
#include "support.hpp"

#include <boost/describe.hpp>

namespace asio = boost::asio;

struct event {
  int camera_id = 0;
  std::string type;
};
BOOST_DESCRIBE_STRUCT(event, (), (camera_id, type))

// [handler
// POST /events. Whatever web framework calls it, the client comes from the process.
asio::awaitable<std::string> create_event(event received) {
  const auto redis = redstart::web::get_redis();
  // Add event to processing queue
  co_await redis->add_to_queue("events_queue", received);
  co_return R"({"status": "queued"})";
}
// ]

// [optional_handler
// GET /cameras/…: a handler that can do without Redis asks whether there is one.
asio::awaitable<std::string> camera_status(int camera_id) {
  const auto redis = redstart::web::get_redis_optional();
  if (!redis) co_return "unknown";
  const std::string key = "camera:" + std::to_string(camera_id) + ":status";
  const auto status = co_await redis->get<std::string>(key);
  co_return status.value_or("unknown");
}
// ]

asio::awaitable<void> dependency_injection() {
  example::check(co_await camera_status(1) == "unknown", "without init_redis there is no client");

  const auto executor = co_await asio::this_coro::executor;
  co_await redstart::web::init_redis(executor, example::settings());

  const event motion{1, "motion_detected"};
  const std::string answer = co_await create_event(motion);
  example::check(answer == R"({"status": "queued"})", "the handler answers " + answer);

  const auto redis = redstart::web::get_redis();
  const auto queued = co_await redis->get_from_queue<event>("events_queue");
  example::check(queued && queued->camera_id == 1, "the event is in the queue");

  co_await redstart::web::close_redis(executor);
}

int main() { return example::run(dependency_injection); }
