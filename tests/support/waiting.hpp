// SPDX-License-Identifier: MIT
// Waiting for something that happens in another process, with a limit.
#pragma once

#include <chrono>
#include <thread>

namespace redstart::test {

/// Asks again every few milliseconds; false when `condition` is still false after `limit`.
template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(15)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace redstart::test
