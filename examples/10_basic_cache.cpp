// SPDX-License-Identifier: MIT
// Basic cache: set with an expiry, get, exists, delete.
#include "redstart/client.hpp"
#include "support.hpp"

#include <boost/describe.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;

// [status
struct camera_status {
  bool online = false;
};
BOOST_DESCRIBE_STRUCT(camera_status, (), (online))
// ]

asio::awaitable<void> basic_cache() {
  redstart::client redis{co_await asio::this_coro::executor, example::settings()};
  co_await redis.connect();
  co_await redis.del("camera:1:status", "camera:2:status");

  // [cache
  // Set value with optional expiration
  const camera_status online{true};
  const redstart::set_options for_five_minutes{.expire = 300s};
  co_await redis.set("camera:1:status", online, for_five_minutes);

  // Get value; empty when there is none
  const std::optional<camera_status> status = co_await redis.get<camera_status>("camera:1:status");

  // Check if key exists
  const bool exists = co_await redis.exists("camera:1:status") == 1;

  // How long it stays
  const auto left = co_await redis.ttl("camera:1:status");

  // Delete keys; how many there were comes back
  const std::size_t deleted = co_await redis.del("camera:1:status", "camera:2:status");
  // ]
  example::check(status && status->online, "the status comes back as it was set");
  example::check(exists, "the key exists");
  example::check(left && *left > 290s && *left <= 300s, "the key expires in five minutes");
  example::check(deleted == 1, "one of the two keys was there");
  example::check(!co_await redis.get("camera:1:status"), "a deleted key is an empty optional");

  // [conditions
  const redstart::set_options once{.expire = 60s, .if_absent = true};
  const bool won = co_await redis.set("camera:1:owner", "worker 1", once);
  const bool lost = !co_await redis.set("camera:1:owner", "worker 2", once);
  // ]
  example::check(won && lost, "only the first one stores");
  co_await redis.del("camera:1:owner");
  co_await redis.disconnect();
}

int main() { return example::run(basic_cache); }
