// SPDX-License-Identifier: MIT
// More than a server takes, and a server that is away while callers keep coming.
#pragma once

#include <chrono>
#include <cstdint>

namespace redstart::chaos {

/// Offers more than is taken, in several ways, for `time` in all: memory within a stated bound, what is accepted ends
/// by its deadline with its own answer, the rest is `overloaded` at once, and the speed afterwards is that of before.
/// Prints a table; false when something did not hold.
bool run_overload(std::chrono::seconds time, std::uint64_t seed);

/// Kills a server for `time` with ten thousand callers a second: flat memory, every caller told by its deadline, a
/// bounded number of attempts to connect, and on return only what still waits for its answer is sent.
bool run_outage(std::chrono::seconds time, std::uint64_t seed);

}  // namespace redstart::chaos
