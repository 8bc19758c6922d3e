// SPDX-License-Identifier: MIT
// The whole matrix: which cells there are, running them, and what is printed of them.
#pragma once

#include "chaos/cell.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace redstart::chaos {

struct cell_result {
  cell what;
  std::uint64_t seed = 0;  ///< that repeats it
  int undecided = 0;       ///< tries before this one, in which the machine stood still
  outcome got;
};

/// Every cell there is.
std::vector<cell> every_cell();
/// A part of it, other ones for other seeds: every fault once, in some state, on some protocol and transport.
std::vector<cell> some_cells(std::uint64_t seed);

/// Runs cells, one on each processor and four at most, each with a seed made of `seed` and its name. Prints failures as
/// they come. A cell that failed to keep times alone, while the machine stood still, is run again, three times at most;
/// a wrong answer or a wrong effect never is.
std::vector<cell_result> run_cells(const std::vector<cell>& cells, std::uint64_t seed);

/// What repeats one cell.
std::string repeat_command(const cell_result& of);
/// Faults by states; a number is how many combinations of protocol and transport were right.
void print_matrix(const std::vector<cell_result>& results);

/// What was measured beside the matrix, for a client with its default settings.
struct figures {
  long dead_peer_found_ms = 0;
  long restart_to_first_answer_ms = 0;
};
std::string to_json(std::uint64_t seed, const std::vector<cell_result>& results, const figures& measured);

}  // namespace redstart::chaos
