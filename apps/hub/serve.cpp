// SPDX-License-Identifier: MIT
#include "serve.hpp"

#include "access.hpp"
#include "api.hpp"
#include "live_feed.hpp"
#include "metrics.hpp"
#include "replay.hpp"
#include "worker.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <redstart/web/redis.hpp>
#include <redstart/web/server.hpp>

#include <csignal>
#include <exception>
#include <memory>
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

std::string text_of(const std::exception_ptr& problem) {
  if (!problem) return "it is over";
  try {
    std::rethrow_exception(problem);
  } catch (const std::exception& e) {
    return e.what();
  }
}

// `web::serve`, but that the simulation begins once it is known where.
asio::awaitable<void> run_server(web::application& app, const options& with, const redstart::log_sink& log) {
  const auto executor = co_await asio::this_coro::executor;
  asio::signal_set signals(executor, SIGINT, SIGTERM);
  web::server server(executor, app, with.server);
  co_await server.start();
  const std::string redis =
      with.redis_url.starts_with("embedded:") ? "a private Redis (" + with.redis_url + ")" : std::string("Redis");
  log(redstart::log_level::info, "listening on " + server.url() + " with " + redis);
  asio::cancellation_signal end_demo;
  const auto stopping = std::make_shared<bool>(false);
  if (with.simulate > 0) {
    auto warn = [log](const std::string& text) { log(redstart::log_level::warning, text); };
    asio::co_spawn(executor, perform(server.url(), with.token, with.simulate, warn),
                   asio::bind_cancellation_slot(end_demo.slot(), [warn, stopping](const std::exception_ptr& problem) {
                     if (!*stopping) warn("the simulation ended: " + text_of(problem));
                   }));
  }
  co_await signals.async_wait(asio::use_awaitable);
  log(redstart::log_level::info, "stopping");
  *stopping = true;
  end_demo.emit(asio::cancellation_type::terminal);
  co_await server.stop();
}

}  // namespace

asio::awaitable<void> serve(options with, redstart::log_sink log) {
  const auto executor = co_await asio::this_coro::executor;
  redstart::config connection;
  connection.url = with.redis_url;
  connection.client_name = "redstart-hub";
  connection.log = log;
  // A camera, or who looks at the page, waits no longer than that for an answer while Redis is away.
  connection.timeout = std::chrono::seconds(2);
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
    co_await run_server(app, with, log);
  } catch (...) {
    problem = std::current_exception();
  }
  co_await web::close_redis(executor);
  if (problem) std::rethrow_exception(problem);
}

}  // namespace hub
