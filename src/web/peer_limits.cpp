// SPDX-License-Identifier: MIT
#include "web/peer_limits.hpp"

#include <algorithm>

namespace redstart::web {

bool peer_limits::enter(const std::string& peer) {
  const std::lock_guard lock(mutex_);
  if (connections_ >= config_.max_connections) return false;
  entry& known = peers_[peer];
  if (known.connections >= config_.max_connections_per_peer) {
    if (known.connections == 0 && !known.used) peers_.erase(peer);
    return false;
  }
  ++known.connections;
  ++connections_;
  return true;
}

void peer_limits::leave(const std::string& peer, time_point now) {
  const std::lock_guard lock(mutex_);
  const auto known = peers_.find(peer);
  if (known == peers_.end() || known->second.connections == 0) return;
  --connections_;
  --known->second.connections;
  if (is_quiet(known->second, now)) peers_.erase(known);
}

std::optional<std::chrono::nanoseconds> peer_limits::refuse(const std::string& peer, time_point now) {
  if (config_.requests_per_second <= 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  entry& known = peers_[peer];
  refill(known, now);
  if (known.tokens >= 1) {
    known.tokens -= 1;
    return std::nullopt;
  }
  const std::chrono::duration<double> wait((1 - known.tokens) / config_.requests_per_second);
  return std::chrono::ceil<std::chrono::nanoseconds>(wait);
}

void peer_limits::forget_quiet(time_point now) {
  const std::lock_guard lock(mutex_);
  std::erase_if(peers_, [&](const auto& known) { return is_quiet(known.second, now); });
}

std::size_t peer_limits::peers() const {
  const std::lock_guard lock(mutex_);
  return peers_.size();
}

std::size_t peer_limits::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

// At least one request at a time, also when fewer than one a second are allowed.
double peer_limits::burst() const { return std::max(1.0, config_.requests_per_second); }

void peer_limits::refill(entry& peer, time_point now) const {
  if (!peer.used) {
    peer.used = true;
    peer.tokens = burst();
  } else if (now > peer.refilled) {
    const std::chrono::duration<double> passed = now - peer.refilled;
    peer.tokens = std::min(burst(), peer.tokens + passed.count() * config_.requests_per_second);
  }
  peer.refilled = std::max(peer.refilled, now);
}

bool peer_limits::is_quiet(entry peer, time_point now) const {
  if (peer.connections > 0) return false;
  if (!peer.used) return true;
  refill(peer, now);
  return peer.tokens >= burst();
}

}  // namespace redstart::web
