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
#include <optional>
#include <string>
#include <string_view>
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

// Cameras that do not exist, until this ends; or until they fail, which the log is told.
class demo {
 public:
  demo(const asio::any_io_executor& executor, const std::string& url, const options& with,
       const redstart::log_sink& log) {
    auto warn = [log](const std::string& text) { log(redstart::log_level::warning, text); };
    auto ended = [warn, shared = shared_](const std::exception_ptr& problem) {
      if (!shared->ending) warn("the simulation ended: " + text_of(problem));
    };
    asio::co_spawn(executor, perform(url, with.token, with.simulate, warn),
                   asio::bind_cancellation_slot(shared_->end.slot(), std::move(ended)));
  }
  demo(const demo&) = delete;
  demo& operator=(const demo&) = delete;
  ~demo() {
    shared_->ending = true;
    shared_->end.emit(asio::cancellation_type::terminal);
  }

 private:
  struct state {
    bool ending = false;
    asio::cancellation_signal end;
  };
  const std::shared_ptr<state> shared_ = std::make_shared<state>();  // the coroutine ends after this
};

// Until a signal comes.
asio::awaitable<void> run(const web::server& server, const options& with, asio::signal_set& signals,
                          const redstart::log_sink& log) {
  const auto executor = co_await asio::this_coro::executor;
  const std::string redis =
      with.redis_url.starts_with("embedded:") ? "a private Redis (" + with.redis_url + ")" : std::string("Redis");
  log(redstart::log_level::info, "listening on " + server.url() + " with " + redis);
  std::optional<demo> simulated;
  if (with.simulate > 0) simulated.emplace(executor, server.url(), with, log);
  co_await signals.async_wait(asio::use_awaitable);
  log(redstart::log_level::info, "stopping");
}

// A full disk, say, is no reason to do anything else than without.
redstart::log_sink undisturbed(redstart::log_sink log) {
  return [log = std::move(log)](redstart::log_level level, std::string_view text) {
    try {
      log(level, text);
    } catch (...) {
      // Nobody is left to tell.
    }
  };
}

}  // namespace

asio::awaitable<void> serve(options with, redstart::log_sink log) {
  const auto executor = co_await asio::this_coro::executor;
  log = undisturbed(std::move(log));
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
    asio::signal_set signals(executor, SIGINT, SIGTERM);
    co_await web::serve(app, with.server, [&](const web::server& server) { return run(server, with, signals, log); });
  } catch (...) {
    problem = std::current_exception();
  }
  co_await asio::this_coro::throw_if_cancelled(false);  // being cancelled is as good as a signal
  co_await web::close_redis(executor);
  if (problem) std::rethrow_exception(problem);
}

}  // namespace hub
