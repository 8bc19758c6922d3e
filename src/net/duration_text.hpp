// SPDX-License-Identifier: MIT
// Durations as errors and logs say them.
#pragma once

#include <chrono>
#include <string>

namespace redstart::net {

/// `250 ms`, rounded up.
inline std::string milliseconds(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(time).count()) + " ms";
}

}  // namespace redstart::net
