// SPDX-License-Identifier: MIT
// Step 2 of docs/tutorial.md.
// [program
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/describe.hpp>

#include <redstart/client.hpp>

#include <cstdlib>
#include <iostream>

using namespace std::chrono_literals;
namespace asio = boost::asio;

struct camera_status {
  bool online = false;
  int fps = 0;
};
BOOST_DESCRIBE_STRUCT(camera_status, (), (online, fps))

// [detection
struct detection {
  int camera_id = 0;
  std::string timestamp;
  std::vector<std::string> objects;
};
BOOST_DESCRIBE_STRUCT(detection, (), (camera_id, timestamp, objects))
// ]

// [camera
// A camera: says that it is there, and what it has seen.
asio::awaitable<void> camera(redstart::client& redis, int id, std::string object) {
  const camera_status online{true, 30};
  const redstart::set_options for_five_minutes{.expire = 5min};
  co_await redis.set("camera:" + std::to_string(id) + ":status", online, for_five_minutes);

  const detection seen{id, "2024-01-01T12:00:00", {object}};
  co_await redis.add_to_queue("detections", seen);
}
// ]

// [worker
// A worker: takes detections until none came for a while. Returns how many there were.
asio::awaitable<int> work(redstart::client& redis) {
  int handled = 0;
  while (const auto next = co_await redis.get_from_queue<detection>("detections", 200ms)) {
    std::cout << "camera " << next->camera_id << " saw a " << next->objects.at(0) << '\n';
    ++handled;
  }
  co_return handled;
}
// ]

asio::awaitable<void> hub() {
  auto settings = redstart::config::from_env();
  if (std::getenv("REDIS_URL") == nullptr) settings.url = "embedded:";
  redstart::client redis{co_await asio::this_coro::executor, settings};
  co_await redis.connect();
  co_await redis.clear_queue("detections");

  // [run
  co_await camera(redis, 1, "person");
  co_await camera(redis, 2, "cat");
  if (co_await work(redis) != 2) throw std::runtime_error("a detection is missing");
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
