// SPDX-License-Identifier: MIT
// The one list of options: name, environment variable, how it is written, what is accepted, where it is kept.
#pragma once

#include "client/config_text.hpp"
#include "redstart/config.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace redstart {

using option_target = std::variant<std::string*, bool*, int*, unsigned*, std::size_t*, std::chrono::milliseconds*>;

struct option {
  const char* name;      ///< as a member of `config`
  const char* variable;  ///< in the environment
  option_kind kind;
  /// The numbers accepted, both included; for durations in milliseconds. Without meaning for texts.
  std::int64_t least;
  std::int64_t most;
  option_target (*target)(config&);
};

/// Every option but `log`, which is no value.
std::span<const option> all_options();

/// The option's value; nothing for texts.
std::optional<std::int64_t> number_of(const option& which, const config& from);

/// `name (VARIABLE)`, the way every message names an option.
std::string title_of(const option& which);

/// Looks up an environment variable; null when it is not set.
using environment = std::function<const char*(const char*)>;

/// `config::from_env`, with the caller's environment.
config config_from(const environment& lookup);

}  // namespace redstart
