// SPDX-License-Identifier: MIT
// How Redis and the way to it are.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace redstart {

/// The leased connections of a client.
struct pool_figures {
  std::size_t open = 0;     ///< connections that exist, idle or leased
  std::size_t idle = 0;     ///< open and free
  std::size_t leased = 0;   ///< in use
  std::size_t waiting = 0;  ///< callers that wait for one
  std::uint64_t created = 0;
  std::uint64_t closed_idle = 0;    ///< closed because nobody had used them for `lease_idle_timeout`
  std::uint64_t closed_broken = 0;  ///< closed because they were lost, or not clean when they came back
  std::uint64_t timeouts = 0;       ///< callers that did not get one in time
};

/// The multiplexed connections of a client.
struct lanes_figures {
  std::size_t configured = 0;
  std::size_t connected = 0;
  std::size_t operations = 0;    ///< unanswered, sent or waiting
  std::uint64_t reconnects = 0;  ///< connections made after the first of each lane
};

/// What `health_check` finds. The first three are what the specification of this module names.
struct health {
  std::string status = "unhealthy";  ///< `healthy` or `unhealthy`
  bool connected = false;            ///< Redis answered
  std::string redis_version;         ///< as INFO says it; empty when unknown

  std::string reason;                   ///< why it is unhealthy
  std::chrono::microseconds latency{};  ///< from the call to Redis's PONG
  std::string role;                     ///< `master` or `slave`, as INFO says it
  lanes_figures lanes;
  pool_figures pool;

  [[nodiscard]] bool healthy() const noexcept { return status == "healthy"; }
};

}  // namespace redstart
