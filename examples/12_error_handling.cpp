// SPDX-License-Identifier: MIT
// Error handling: what is retried, what is thrown, and what an exception tells.
#include "redstart/client.hpp"
#include "support.hpp"

using namespace std::chrono_literals;
namespace asio = boost::asio;

// [connect
// True when Redis is there. Otherwise the service goes on without: the fallback is the caller's.
asio::awaitable<bool> try_to_connect(redstart::client& redis) {
  try {
    co_await redis.connect();
    co_return true;
  } catch (const redstart::connection_error& problem) {
    std::cout << "Failed to connect to Redis after retries: " << problem.what() << '\n';
    co_return false;
  }
}
// ]

// [count
// Counts a visit, and knows what it does not know.
asio::awaitable<std::string> count_visit(redstart::client& redis) {
  try {
    co_await redis.exec("INCR", "visits");
    co_return "counted";
  } catch (const redstart::server_error& problem) {
    co_return "refused with " + problem.code();
  } catch (const redstart::error& problem) {
    // Written and unanswered is never sent a second time by itself: here it would count twice.
    co_return problem.maybe_applied() ? "perhaps counted" : "not counted";
  }
}
// ]

asio::awaitable<void> error_handling() {
  const auto executor = co_await asio::this_coro::executor;

  redstart::config nobody_there{.url = "redis://127.0.0.1:1"};
  nobody_there.connect_attempts = 3;
  nobody_there.backoff_max = 50ms;
  redstart::client unreachable{executor, nobody_there};
  example::check(!co_await try_to_connect(unreachable), "a refused connection is a connection_error");

  // Operations attempted before connection
  example::check(co_await count_visit(unreachable) == "not counted", "an unconnected client sends nothing");

  redstart::client redis{executor, example::settings()};
  example::check(co_await try_to_connect(redis), "the second client connects");
  co_await redis.del("visits");
  example::check(co_await count_visit(redis) == "counted", "a healthy Redis counts");

  co_await redis.set("visits", "many");
  const std::string refusal = co_await count_visit(redis);
  example::check(refusal == "refused with ERR", "Redis's own error is a server_error, but it " + refusal);

  // [decode
  // A value of the wrong type fails its own operation only, and brings its bytes along.
  std::string kept;
  try {
    co_await redis.get<int>("visits");
  } catch (const redstart::decode_error& problem) {
    kept = problem.payload();
  }
  // ]
  example::check(kept == "many", "what did not fit is not lost");
  co_await redis.del("visits");
  co_await redis.disconnect();
}

int main() { return example::run(error_handling); }
