// SPDX-License-Identifier: MIT
// What the time alone does not tell: allocations and bytes copied, for each operation.
#pragma once

#include <benchmark/benchmark.h>

#include <cstddef>

namespace bench {

/// How often this program has called operator new.
[[nodiscard]] std::size_t allocations() noexcept;

/// Counts what the loop of a benchmark does; made right before the loop.
class counting {
 public:
  explicit counting(benchmark::State& state) : state_(state), before_(allocations()) {}

  /// After the loop: each of its rounds were `operations`; `moved` bytes were copied in all rounds together.
  void finish(std::size_t operations, std::size_t moved) {
    const auto all = static_cast<double>(state_.iterations()) * static_cast<double>(operations);
    state_.counters["allocs/op"] = static_cast<double>(allocations() - before_) / all;
    state_.counters["moved/op"] = static_cast<double>(moved) / all;
    state_.counters["time/op"] = benchmark::Counter(all, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  }

 private:
  benchmark::State& state_;
  std::size_t before_;
};

}  // namespace bench
