// SPDX-License-Identifier: MIT
// Two figures of a client with its default settings, which the cells shorten.
#pragma once

#include "redstart/config.hpp"

namespace redstart::chaos {

/// From the moment a peer falls silent with an answer due to the answer over the next connection, in milliseconds.
/// -1: never.
long measure_dead_peer();
/// Found after `liveness_timeout`; then there is one wait below `backoff_initial`, and one attempt to connect.
inline long dead_peer_bound() {
  const config defaults;
  return static_cast<long>((defaults.liveness_timeout + defaults.backoff_initial + defaults.connect_timeout).count());
}

/// From the start of a server that was killed to the first answered GET: its own start and at most one wait between
/// attempts to connect. The worst of `rounds`.
long measure_restart(int rounds);
/// The longest wait between attempts, one attempt, and what the server itself takes to start.
inline long restart_bound() {
  const config defaults;
  return static_cast<long>((defaults.backoff_max + defaults.connect_timeout).count()) + 500;
}

}  // namespace redstart::chaos
