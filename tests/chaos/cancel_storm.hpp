// SPDX-License-Identifier: MIT
// Cancelling at every point, and counting what must not be.
#pragma once

#include "chaos/proxy.hpp"

#include <cstdint>

namespace redstart::chaos {

/// Reads of values that name their keys, hundreds at a time, cancelled before the write, in the middle of writes and
/// replies, and after; replies arrive cut in two at a place that moves on by a byte each time. Now and then names and
/// values are so long that the socket takes no more, and writes stop in the middle. Prints what came of `operations`;
/// false when one answer was wrong.
bool run_read_storm(transport via, std::uint64_t operations, std::uint64_t seed);

/// Pops, of one element and of several, that are cancelled or run out of time while 1..`elements` are pushed: each is
/// consumed once or still there.
bool run_pop_storm(transport via, std::uint64_t elements, std::uint64_t seed);

}  // namespace redstart::chaos
