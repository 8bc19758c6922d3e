// SPDX-License-Identifier: MIT
// Sends a recording to hubs, and accounts for every event.
#pragma once

#include "recording.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace hub {

namespace asio = boost::asio;

struct replay_options {
  std::vector<std::string> hubs;  ///< their URLs; they share one Redis, and events go to each in turn
  std::string token;
  double speed = 1;                 ///< 2 is twice as fast as recorded; 0 as fast as the hubs answer
  std::size_t connections = 4;      ///< to each hub
  bool present_time = false;        ///< events happen now rather than when they were recorded
  std::chrono::seconds settle{30};  ///< how long the workers may take for what is left
};

/// What came of it. The hubs' figures are those since the replay began.
struct replay_report {
  std::uint64_t events = 0;    ///< in the recording
  std::uint64_t accepted = 0;  ///< by the hubs, of our events
  std::uint64_t refused = 0;   ///< answered with an error
  std::uint64_t unknown = 0;   ///< sent, without an answer
  std::uint64_t statuses = 0;  ///< of cameras, accepted
  std::uint64_t posted = 0;
  std::uint64_t processed = 0;
  std::uint64_t unreadable = 0;
  std::uint64_t alerts = 0;
  std::int64_t queued = 0;  ///< more than before; negative when something older was processed too
  std::chrono::milliseconds took{};
  std::string first_problem;

  /// What was posted was processed, or waits in the queue.
  [[nodiscard]] bool balances() const {
    return static_cast<std::int64_t>(posted) == static_cast<std::int64_t>(processed + unreadable) + queued;
  }
  /// And every event of the recording is among it, which others may have posted to as well.
  [[nodiscard]] bool accounts_for_all() const {
    return refused == 0 && unknown == 0 && accepted == events && posted >= events && balances();
  }
};

[[nodiscard]] std::string to_string(const replay_report& report);

/// Throws when a hub cannot be reached at the beginning.
/// `progress` is called with how many lines were sent, now and then, and at the end.
asio::awaitable<replay_report> replay(const std::vector<shot>& recording, const replay_options& with,
                                      std::function<void(std::size_t)> progress);

/// Sends a scene of that many cameras to one hub, as it happens, until it is cancelled.
asio::awaitable<void> perform(std::string hub, std::string token, std::size_t cameras,
                              std::function<void(const std::string&)> warn);

}  // namespace hub
