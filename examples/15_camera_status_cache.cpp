// SPDX-License-Identifier: MIT
// Camera status cache: what is known of a camera, for five minutes.
#include "redstart/client.hpp"
#include "support.hpp"

#include <boost/describe.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;

// [cache
struct camera_status {
  bool online = false;
  int fps = 0;
};
BOOST_DESCRIBE_STRUCT(camera_status, (), (online, fps))

std::string status_key(int camera_id) { return "camera:" + std::to_string(camera_id) + ":status"; }

// Cache camera status for 5 minutes
asio::awaitable<void> remember(redstart::client& redis, int camera_id, camera_status status) {
  const redstart::set_options for_five_minutes{.expire = 300s};
  co_await redis.set(status_key(camera_id), status, for_five_minutes);
}

// Get cached status; a camera that nobody heard of for five minutes is offline
asio::awaitable<camera_status> recall(redstart::client& redis, int camera_id) {
  const auto status = co_await redis.get<camera_status>(status_key(camera_id));
  co_return status.value_or(camera_status());
}
// ]

asio::awaitable<void> camera_status_cache() {
  redstart::client redis{co_await asio::this_coro::executor, example::settings()};
  co_await redis.connect();

  const camera_status thirty_fps{true, 30};
  co_await remember(redis, 1, thirty_fps);
  const camera_status known = co_await recall(redis, 1);
  example::check(known.online && known.fps == 30, "the status comes back");

  const auto left = co_await redis.ttl(status_key(1));
  example::check(left && *left > 290s && *left <= 300s, "it is kept for five minutes");

  co_await redis.expire(status_key(1), 0ms);
  const camera_status forgotten = co_await recall(redis, 1);
  example::check(!forgotten.online, "an expired status means offline");
  co_await redis.disconnect();
}

int main() { return example::run(camera_status_cache); }
