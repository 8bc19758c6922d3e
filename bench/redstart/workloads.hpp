// SPDX-License-Identifier: MIT
// What Redstart is measured at. The public API only, as a user would write it, with everything on that is on by
// default: deadlines, cancellation, retries, RESP3.
#pragma once

#include "redstart/client.hpp"
#include "worker/slots.hpp"

#include <boost/describe.hpp>

#include <string>
#include <vector>

namespace bench {

/// The specification's own example.
struct detection {
  int camera_id = 1;
  std::string timestamp = "2024-01-01T12:00:00";
  std::vector<std::string> objects{"person", "car"};
};
BOOST_DESCRIBE_STRUCT(detection, (), (camera_id, timestamp, objects))

inline redstart::config config_of(const task& asked) {
  redstart::config settings;
  settings.url = "redis://" + asked.host + ":" + asked.port;
  return settings;
}

// Each prints its result.
asio::awaitable<void> run_get(redstart::client& redis, const task& asked);
asio::awaitable<void> run_set(redstart::client& redis, const task& asked);
asio::awaitable<void> run_incr(redstart::client& redis, const task& asked);
asio::awaitable<void> run_mget(redstart::client& redis, const task& asked);
asio::awaitable<void> run_mix(redstart::client& redis, const task& asked);
asio::awaitable<void> run_struct(redstart::client& redis, const task& asked);
asio::awaitable<void> run_pairs(redstart::client& redis, const task& asked);
asio::awaitable<void> run_pairs_lpop(redstart::client& redis, const task& asked);
asio::awaitable<void> run_consumers(redstart::client& redis, const task& asked);
asio::awaitable<void> run_publish(redstart::client& redis, const task& asked);

/// GET from threads that are not the client's own, `task::size` of them. Makes its own client.
void run_threads(const task& asked);

}  // namespace bench
