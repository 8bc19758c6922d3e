// SPDX-License-Identifier: MIT
#include "serve.hpp"

#include "access.hpp"
#include "api.hpp"
#include "live_feed.hpp"
#include "metrics.hpp"
#include "worker.hpp"

#include <boost/asio/this_coro.hpp>

#include <redstart/web/redis.hpp>
#include <redstart/web/server.hpp>

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace hub {

namespace web = redstart::web;

namespace {

// How long what was taken from the queue may take to be processed or given back at the end.
constexpr std::chrono::seconds give_back_limit{10};

asio::awaitable<void> stop_workers(workers& crew, const redstart::log_sink& log) {
  const std::vector<std::string> left = co_await crew.stop(give_back_limit);
  for (const std::string& element : left) {
    log(redstart::log_level::error, "an event that could not be given back to Redis: " + element);
  }
}

}  // namespace

asio::awaitable<void> serve(options with, redstart::log_sink log) {
  const auto executor = co_await asio::this_coro::executor;
  redstart::config connection;
  connection.url = with.redis_url;
  connection.client_name = "redstart-hub";
  connection.log = log;
  co_await web::init_redis(executor, connection);
  const auto redis = web::get_redis();

  totals counted;
  metrics measured;
  live_feed feed(*redis, with.hub, counted, log);
  workers crew(executor, *redis, with.hub, counted, log);

  web::application app;
  app.log_to(log);
  provide_writer(app, with.token);
  add_routes(app, {with.hub, counted, feed, measured});
  app.on_startup([&]() -> asio::awaitable<void> {
    feed.start();
    crew.start();
    co_return;
  });
  app.on_shutdown([&]() { return feed.stop(); });
  app.on_shutdown([&]() { return stop_workers(crew, log); });

  std::exception_ptr problem;
  try {
    co_await web::serve(app, with.server);
  } catch (...) {
    problem = std::current_exception();
  }
  co_await web::close_redis(executor);
  if (problem) std::rethrow_exception(problem);
}

}  // namespace hub
