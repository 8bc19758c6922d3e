// SPDX-License-Identifier: MIT
// How much one client address may take of a server. No clock: time is an argument.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace redstart::web {

struct peer_limits_config {
  std::size_t max_connections = 0;  // of all
  std::size_t max_connections_per_peer = 0;
  double requests_per_second = 0;  // of one peer; 0: no bound
};

// Counts connections, and requests by a token bucket of one second's worth per peer. It knows the peers that are
// connected and those whose bucket is not full: their number is bounded by what they did within the last second.
// Safe to be called from any thread.
class peer_limits {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit peer_limits(const peer_limits_config& config) : config_(config) {}

  // False when the connection is one too many; otherwise `leave` belongs to it.
  bool enter(const std::string& peer);
  void leave(const std::string& peer, time_point now);

  // Empty when the request may be answered; otherwise how long to wait.
  std::optional<std::chrono::nanoseconds> refuse(const std::string& peer, time_point now);

  // Forgets those who left and have been quiet since.
  void forget_quiet(time_point now);

  [[nodiscard]] std::size_t peers() const;
  [[nodiscard]] std::size_t connections() const;

 private:
  struct entry {
    std::size_t connections = 0;
    double tokens = 0;
    time_point refilled{};
    bool used = false;
  };

  [[nodiscard]] double burst() const;
  void refill(entry& peer, time_point now) const;
  [[nodiscard]] bool is_quiet(entry peer, time_point now) const;

  const peer_limits_config config_;
  mutable std::mutex mutex_;
  std::size_t connections_ = 0;
  std::unordered_map<std::string, entry> peers_;
};

}  // namespace redstart::web
