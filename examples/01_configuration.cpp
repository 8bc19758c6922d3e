// SPDX-License-Identifier: MIT
// Configuration: where Redis is, from the environment or from the program.
#include "redstart/client.hpp"
#include "support.hpp"

using namespace std::chrono_literals;
namespace asio = boost::asio;

asio::awaitable<void> configuration() {
  const auto executor = co_await asio::this_coro::executor;
  // [ways
  redstart::client from_environment{executor};  // REDIS_URL and the other variables, see below

  redstart::config by_hand{.url = "redis://cache:6379/2", .timeout = 500ms};
  redstart::client cache{executor, by_hand};

  auto settings = redstart::config::from_env();  // the environment, then the program's own wishes
  settings.client_name = "camera-hub";
  redstart::client hub{executor, settings};
  // ]
  if (std::getenv("REDIS_URL") == nullptr) settings.url = "embedded:";

  redstart::client redis{executor, settings};
  co_await redis.connect();
  const auto name = co_await redis.exec<std::string>("CLIENT", "GETNAME");
  example::check(name == "camera-hub", "Redis knows the client by its name, but it said " + name);
  co_await redis.disconnect();

  // Everything is checked when the client is made: a typing error does not wait for the first operation.
  settings.url = "redis://cache:99999";
  bool refused = false;
  try {
    redstart::client never{executor, settings};
  } catch (const redstart::config_error& problem) {
    std::cout << problem.what() << '\n';
    refused = true;
  }
  example::check(refused, "a port that cannot be is a config_error");
}

int main() { return example::run(configuration); }
