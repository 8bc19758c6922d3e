// SPDX-License-Identifier: MIT
// Basic connection: make a client, connect, use it, disconnect.
#include "redstart/client.hpp"
#include "support.hpp"

namespace asio = boost::asio;

asio::awaitable<void> basic_connection() {
  // Create client
  redstart::client redis{co_await asio::this_coro::executor, example::settings()};

  // Connect
  co_await redis.connect();

  // Use client…
  const auto answer = co_await redis.exec<std::string>("PING");
  example::check(answer == "PONG", "Redis answers PING with " + answer);

  // Disconnect
  co_await redis.disconnect();
}

int main() { return example::run(basic_connection); }
