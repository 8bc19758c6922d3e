// SPDX-License-Identifier: MIT
// What a server does, or has done to it, that its clients have to live with.
#pragma once

#include "support/server.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace redstart::chaos {

enum class server_action : std::uint8_t {
  nothing,
  kill_restart,
  stop_continue,
  client_kill,
  client_pause,
  debug_sleep,
  max_clients,
  out_of_memory,
  misconf,
  read_only,
  loading,
  no_auth,
  no_script,
  certificate_expired,
  certificate_of_other,
};

constexpr bool answers_meanwhile(server_action action) {
  switch (action) {
    case server_action::stop_continue:
    case server_action::client_pause:
    case server_action::loading:
      return false;
    default:
      return true;
  }
}

/// Connections are lost while nothing is asked and nothing on its way: nothing can be lost with them.
constexpr bool cuts_the_quiet(server_action action) {
  switch (action) {
    case server_action::kill_restart:
    case server_action::client_kill:
    case server_action::max_clients:
    case server_action::loading:
    case server_action::no_auth:
    case server_action::certificate_expired:
    case server_action::certificate_of_other:
      return true;
    default:
      return false;
  }
}

/// Some operation of those that go on all the time is refused, and fails.
constexpr bool refuses(server_action action) {
  return action == server_action::out_of_memory || action == server_action::misconf ||
         action == server_action::no_script;
}

/// Options of a server that shall be treated like this. It writes each command down before it answers, so that what
/// was acknowledged is there after a SIGKILL.
test::server_options options_for(server_action action, bool tls);

/// Begins. Blocks as long as the server does; `time` is how long what cannot be ended otherwise takes.
void provoke(test::redis_server& at, server_action action, std::chrono::milliseconds time);
/// Ends, and returns when the server answers again.
void heal(test::redis_server& at, server_action action);

/// `command`, and `runtime_error` when the server answers an error.
test::answer demand(test::redis_server& at, const std::vector<std::string>& words);

/// Starts a server, again if a port that it had is taken for the moment.
void start_again(test::redis_server& which);

}  // namespace redstart::chaos
