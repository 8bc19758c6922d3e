// SPDX-License-Identifier: MIT
// Application startup and shutdown: one client for the process, made before the first request, closed after the last.
#include "redstart/web/redis.hpp"
#include "support.hpp"

namespace asio = boost::asio;

// [startup_shutdown
asio::awaitable<void> startup() {
  const auto executor = co_await asio::this_coro::executor;
  co_await redstart::web::init_redis(executor, example::settings());
}

asio::awaitable<void> shutdown() {
  const auto executor = co_await asio::this_coro::executor;
  co_await redstart::web::close_redis(executor);
}
// ]

asio::awaitable<void> application() {
  co_await startup();
  const auto redis = redstart::web::get_redis();
  const auto health = co_await redis->health_check();
  example::check(health.healthy(), "after startup Redis is there: " + health.reason);
  co_await shutdown();

  // A handler that came too late is told so; it does not hang.
  bool refused = false;
  try {
    co_await redis->get("camera:1:status");
  } catch (const redstart::not_connected& problem) {
    std::cout << problem.what() << '\n';
    refused = true;
  }
  example::check(refused, "after shutdown the client is not connected");
  example::check(redstart::web::get_redis_optional() == nullptr, "after shutdown the process has no client");
}

int main() { return example::run(application); }
