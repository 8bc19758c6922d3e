// SPDX-License-Identifier: MIT
// [quickstart
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/describe.hpp>

#include <redstart/client.hpp>

#include <cstdlib>
#include <iostream>

struct detection {
  int camera_id;
  std::vector<std::string> objects;
};
BOOST_DESCRIBE_STRUCT(detection, (), (camera_id, objects))

boost::asio::awaitable<void> program() {
  auto settings = redstart::config::from_env();
  if (!std::getenv("REDIS_URL")) settings.url = "embedded:";  // a private redis-server, gone with this program
  redstart::client redis{co_await boost::asio::this_coro::executor, settings};
  co_await redis.connect();

  const detection seen{1, {"person", "car"}};
  co_await redis.add_to_queue("detections", seen);
  const auto next = co_await redis.get_from_queue<detection>("detections", std::chrono::seconds(5));
  std::cout << "camera " << next.value().camera_id << " saw a " << next->objects.at(0) << '\n';

  co_await redis.disconnect();
}

int main() {
  boost::asio::io_context context;
  auto done = boost::asio::co_spawn(context, program(), boost::asio::use_future);
  context.run();
  done.get();  // throws what the program threw
}
// ]
