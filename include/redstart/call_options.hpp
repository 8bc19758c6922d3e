// SPDX-License-Identifier: MIT
// What a single call may decide for itself.
#pragma once

#include <chrono>
#include <optional>

namespace redstart {

/// For `client::with`.
struct call_options {
  /// The deadline of the operation, counted from the call. Empty: `config::timeout`. At most 24 days.
  std::optional<std::chrono::milliseconds> timeout{};
  /// The caller vouches that running the command twice does no harm: it is then sent again after a lost connection
  /// even when it may have been executed.
  bool idempotent = false;
};

}  // namespace redstart
