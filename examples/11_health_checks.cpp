// SPDX-License-Identifier: MIT
// Health checks: how Redis is, as a value. Never an exception.
#include "redstart/client.hpp"
#include "support.hpp"

namespace asio = boost::asio;

asio::awaitable<void> health_checks() {
  redstart::client redis{co_await asio::this_coro::executor, example::settings()};

  const redstart::health before = co_await redis.health_check();
  example::check(before.status == "unhealthy" && !before.reason.empty(), "before connect it says why it is unhealthy");

  co_await redis.connect();
  // [health
  const redstart::health health = co_await redis.health_check();
  std::cout << "status: " << health.status << '\n'                                        // healthy
            << "connected: " << health.connected << '\n'                                  // 1
            << "redis_version: " << health.redis_version << '\n'                          // 7.0.0
            << "role: " << health.role << ", " << health.latency.count() << " us away\n"  // master
            << "waiting: " << health.lanes.operations << '\n';
  // ]
  example::check(health.healthy() && health.connected, "Redis is healthy: " + health.reason);
  example::check(!health.redis_version.empty() && health.role == "master", "it says what it is");
  co_await redis.disconnect();
}

int main() { return example::run(health_checks); }
