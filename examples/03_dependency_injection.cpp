// SPDX-License-Identifier: MIT
// Dependency injection: route handlers say by their parameters what they need, the client among it.
#include "redstart/client.hpp"
#include "redstart/web/application.hpp"
#include "redstart/web/redis.hpp"
#include "support.hpp"

#include <boost/describe.hpp>

namespace asio = boost::asio;
namespace web = redstart::web;

// [handler
struct event {
  int camera_id = 0;
  std::string type;
};
BOOST_DESCRIBE_STRUCT(event, (), (camera_id, type))

struct queued {
  std::string status = "queued";
};
BOOST_DESCRIBE_STRUCT(queued, (), (status))

asio::awaitable<queued> create_event(event received, redstart::client& redis) {
  // Add event to processing queue
  co_await redis.add_to_queue("events_queue", received);
  co_return queued{};
}

void add_routes(web::application& app) { app.post("/events", create_event); }
// ]

// [optional_handler
// A handler that can do without Redis takes a pointer, which is null when there is none.
asio::awaitable<std::string> camera_status(web::path<std::string, "id"> id, redstart::client* redis) {
  if (redis == nullptr) co_return "unknown";
  const auto status = co_await redis->get<std::string>("camera:" + *id + ":status");
  co_return status.value_or("unknown");
}
// ]

asio::awaitable<void> dependency_injection() {
  web::application app;
  add_routes(app);
  app.get("/cameras/{id}", camera_status);

  const web::request ask(web::http::verb::get, "/cameras/1");
  const web::response unknown = co_await app.handle(ask);
  example::check(unknown.body == "unknown", "without init_redis there is no client");

  const auto executor = co_await asio::this_coro::executor;
  co_await web::init_redis(executor, example::settings());

  const web::request motion(web::http::verb::post, "/events", R"({"camera_id": 1, "type": "motion_detected"})");
  const web::response answer = co_await app.handle(motion);
  example::check(answer.body == R"({"status":"queued"})", "the handler answers " + answer.body);

  const auto redis = web::get_redis();
  const auto taken = co_await redis->get_from_queue<event>("events_queue");
  example::check(taken && taken->camera_id == 1, "the event is in the queue");

  co_await web::close_redis(executor);
}

int main() { return example::run(dependency_injection); }
