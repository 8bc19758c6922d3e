// SPDX-License-Identifier: MIT
// Which program is started as the private server.
#pragma once

#include <functional>
#include <string>

namespace redstart::embedded {

/// Looks up an environment variable; null when it is not set.
using environment = std::function<const char*(const char*)>;

/// The absolute path of the server: REDSTART_SERVER (a path, or a name on PATH) when set and not empty, else
/// `redis-server`, else `valkey-server` on PATH.
///
/// Throws `config_error` that says what was looked for and how to get a server.
std::string find_server(const environment& lookup);

/// The same, from this process's environment.
std::string find_server();

}  // namespace redstart::embedded
