// SPDX-License-Identifier: MIT
// The command line.
#pragma once

#include "replay.hpp"
#include "settings.hpp"

#include <redstart/web/server.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace hub {

enum class command {
  serve,
  replay,    ///< sends a recording to running hubs
  simulate,  ///< writes a recording of cameras that do not exist
};

struct options {
  command what = command::serve;
  settings hub;
  redstart::web::server_config server;
  std::string redis_url;  ///< --redis, else REDIS_URL, else `embedded:`
  std::string token;      ///< --token, else REDSTART_HUB_TOKEN; empty: everybody may write
  std::string log_level = "info";
  std::string log_format = "text";
  std::size_t simulate = 0;  ///< so many cameras that do not exist send events to the hub

  replay_options replaying;
  std::string recording;   ///< a file; `-` is the standard input
  std::uint64_t seed = 1;  ///< of the simulation
  std::chrono::seconds length{60};
  std::size_t cameras = 6;  ///< of the simulation
};

/// `127.0.0.1:8080`, `[::1]:8080`, `:8080` or `8080`. False when it is none of them.
[[nodiscard]] bool parse_listen(std::string_view text, redstart::web::server_config& into);

/// What the command line says. Empty when the program has nothing more to do, as after --help; then `exit_code` says
/// how it ends.
[[nodiscard]] std::optional<options> parse_options(int count, const char* const* words, int& exit_code);

}  // namespace hub
