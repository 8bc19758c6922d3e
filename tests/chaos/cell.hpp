// SPDX-License-Identifier: MIT
// Runs one cell of the matrix: a client in some state, a fault, and everything that must hold afterwards.
#pragma once

#include "chaos/context.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace redstart::chaos {

struct outcome {
  std::vector<std::string> failures;  ///< empty: all held
  bool only_late = false;             ///< the failures are about time alone
  milliseconds stood_still{};         ///< how long the machine kept an idle thread from waking up, of a failed cell
  milliseconds spent{};
  milliseconds recovered{};  ///< from the end of the fault to an answered GET
  [[nodiscard]] bool ok() const { return failures.empty(); }
  /// Says nothing: times were not kept, and the machine stood still for long.
  [[nodiscard]] bool undecided() const { return !ok() && only_late && stood_still > milliseconds(60); }
};

/// The same seed does the same things at the same places; the machine decides the rest. Several may run at once, each
/// on a thread of its own.
outcome run_cell(const cell& one, std::uint64_t seed);

/// The memory that this process holds, and what of it was allocated and not freed, in bytes.
std::size_t resident_memory();
std::size_t heap_in_use();

}  // namespace redstart::chaos
