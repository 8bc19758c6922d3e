// SPDX-License-Identifier: MIT
// Counts what this thread asks the heap for, and lets the request of one's choice fail.
//
// The heap is replaced for a whole executable, by replaced_new.cpp: only `allocation_tests` has it, as the sanitizers
// bring their own. Requests are those that may fail with `std::bad_alloc`: operator new in all its forms, and
// std::aligned_alloc, which is what Asio takes the memory of handlers and coroutines from.
#pragma once

#include <cstddef>

namespace redstart::test {

/// Requests of this thread so far.
[[nodiscard]] std::size_t allocations() noexcept;
/// Blocks that this thread has got of the heap in any way, minus those that it gave back.
[[nodiscard]] std::ptrdiff_t live_blocks() noexcept;

/// Lets the requests of this thread fail from the `first` one on (counted from 1), `count` in a row, while it lives.
class failing_allocations {
 public:
  explicit failing_allocations(std::size_t first, std::size_t count = 1) noexcept;
  failing_allocations(const failing_allocations&) = delete;
  failing_allocations& operator=(const failing_allocations&) = delete;
  ~failing_allocations();
};

/// How many requests of this thread have failed so far.
[[nodiscard]] std::size_t failed_allocations() noexcept;

/// What a test does for itself neither fails nor counts towards the request that is to fail.
class sheltered {
 public:
  sheltered() noexcept;
  sheltered(const sheltered&) = delete;
  sheltered& operator=(const sheltered&) = delete;
  ~sheltered();

 private:
  bool before_;
};

}  // namespace redstart::test
