// SPDX-License-Identifier: MIT
// The hub's HTTP interface: its routes, and what their handlers are given.
#pragma once

#include "live_feed.hpp"
#include "metrics.hpp"
#include "settings.hpp"
#include "totals.hpp"

#include <redstart/web/application.hpp>

namespace hub {

/// What handlers share. It outlives the application.
struct services {
  const settings& of;
  totals& counted;
  live_feed& feed;
  metrics& measured;
};

/// Adds all routes, and providers for everything but `redstart::client`, which the application has already.
void add_routes(redstart::web::application& app, const services& shared);

}  // namespace hub
