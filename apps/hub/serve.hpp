// SPDX-License-Identifier: MIT
// Runs a hub, from connecting to Redis until it is told to stop.
#pragma once

#include "options.hpp"

#include <boost/asio/awaitable.hpp>

#include <redstart/log.hpp>

namespace hub {

namespace asio = boost::asio;

/// Returns after SIGINT or SIGTERM, or when it is cancelled, once everything is in order: running requests answered,
/// what was taken from the queue processed or given back. Throws what keeps it from starting. What `log` throws is
/// dropped.
asio::awaitable<void> serve(options with, redstart::log_sink log);

}  // namespace hub
