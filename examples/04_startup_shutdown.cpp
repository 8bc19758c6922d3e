// SPDX-License-Identifier: MIT
// Application startup and shutdown: one client for the process, made before the first request, closed after the last.
#include "redstart/client.hpp"
#include "redstart/web/redis.hpp"
#include "redstart/web/server.hpp"
#include "support.hpp"

namespace asio = boost::asio;
namespace web = redstart::web;

namespace service {

// [startup_shutdown
asio::awaitable<void> startup() {
  const auto executor = co_await asio::this_coro::executor;
  co_await web::init_redis(executor, example::settings());
}

asio::awaitable<void> shutdown() {
  const auto executor = co_await asio::this_coro::executor;
  co_await web::close_redis(executor);
}

void add_hooks(web::application& app) {
  app.on_startup(startup);
  app.on_shutdown(shutdown);
}
// ]

}  // namespace service

asio::awaitable<void> application() {
  web::application app;
  service::add_hooks(app);
  web::server_config any_port;
  any_port.port = 0;
  web::server server(co_await asio::this_coro::executor, app, any_port);
  co_await server.start();
  std::cout << "listening on " << server.url() << '\n';

  const auto redis = web::get_redis();
  const auto health = co_await redis->health_check();
  example::check(health.healthy(), "after startup Redis is there: " + health.reason);
  co_await server.stop();

  // A handler that came too late is told so; it does not hang.
  bool refused = false;
  try {
    co_await redis->get("camera:1:status");
  } catch (const redstart::not_connected& problem) {
    std::cout << problem.what() << '\n';
    refused = true;
  }
  example::check(refused, "after shutdown the client is not connected");
  example::check(web::get_redis_optional() == nullptr, "after shutdown the process has no client");
}

int main() { return example::run(application); }
