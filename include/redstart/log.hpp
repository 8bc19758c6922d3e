// SPDX-License-Identifier: MIT
// Where the library's own observations go. It never prints by itself.
#pragma once

#include <functional>
#include <string_view>

namespace redstart {

enum class log_level {
  debug,    ///< each connection attempt
  info,     ///< connected, disconnected on request
  warning,  ///< a connection was lost or refused and will be tried again
  error,    ///< something that will not mend itself: a refused password, a handler that threw
};

/// Called with one line of text without secrets. May be called from any thread that runs the client's executor,
/// never twice at a time for one client; must not throw and must not call the client.
using log_sink = std::function<void(log_level, std::string_view)>;

}  // namespace redstart
