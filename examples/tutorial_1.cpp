// SPDX-License-Identifier: MIT
// Step 1 of docs/tutorial.md.
// [program
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/describe.hpp>

#include <redstart/client.hpp>

#include <cstdlib>
#include <iostream>

using namespace std::chrono_literals;
namespace asio = boost::asio;

// [status
struct camera_status {
  bool online = false;
  int fps = 0;
};
BOOST_DESCRIBE_STRUCT(camera_status, (), (online, fps))
// ]

asio::awaitable<void> hub() {
  // [connect
  auto settings = redstart::config::from_env();
  if (std::getenv("REDIS_URL") == nullptr) settings.url = "embedded:";
  redstart::client redis{co_await asio::this_coro::executor, settings};
  co_await redis.connect();
  // ]

  // [cache
  const camera_status seen{true, 30};
  const redstart::set_options for_five_minutes{.expire = 5min};
  co_await redis.set("camera:1:status", seen, for_five_minutes);

  const std::optional<camera_status> status = co_await redis.get<camera_status>("camera:1:status");
  std::cout << "camera 1 is " << (status.value().online ? "online" : "offline") << '\n';
  // ]

  co_await redis.disconnect();
}

int main() {
  try {
    asio::io_context context;
    auto done = asio::co_spawn(context, hub(), asio::use_future);
    context.run();
    done.get();  // throws what the hub threw
  } catch (const std::exception& problem) {
    std::cerr << problem.what() << '\n';
    return 1;
  }
}
// ]
