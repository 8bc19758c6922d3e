// SPDX-License-Identifier: MIT
// What the fuzz targets share: stating what must hold, and taking decisions from the input.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace redstart::fuzz {

/// Ends the program, which is how a fuzzer learns that a rule was broken. `detail` is shown as it is.
[[noreturn]] inline void broken(std::string_view rule, std::string_view detail, const std::source_location& where) {
  std::string line = where.file_name();
  ((line += ':') += std::to_string(where.line()) + ": broken: ") += rule;
  ((line += detail.empty() ? "" : ": ") += detail) += '\n';
  (void)std::fwrite(line.data(), 1, line.size(), stderr);
  std::abort();
}

inline void require(bool holds, std::string_view rule, std::string_view detail = {},
                    const std::source_location& where = std::source_location::current()) {
  if (!holds) broken(rule, detail, where);
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Decisions read from the front of an input. One that is used up goes on deciding: always 0.
class choices {
 public:
  explicit choices(std::string_view input) : input_(input) {}

  [[nodiscard]] bool empty() const noexcept { return input_.empty(); }
  char next() {
    if (input_.empty()) return 0;
    const char first = input_.front();
    input_.remove_prefix(1);
    return first;
  }
  /// A digit is its value, so that seeds can be read; other bytes are theirs.
  unsigned number() {
    const auto byte = static_cast<unsigned char>(next());
    return byte >= '0' && byte <= '9' ? byte - '0' : byte;
  }
  /// What stands before the next `end`, which is taken too.
  std::string_view until(char end) {
    const std::string_view taken = input_.substr(0, input_.find(end));
    input_.remove_prefix(std::min(input_.size(), taken.size() + 1));
    return taken;
  }

 private:
  std::string_view input_;
};

/// Places to cut `size` bytes at, ascending, the last one is `size`: a few, some of them with single bytes behind.
/// Other ones for each `seed`, always the same for the same: whoever mutates the input need not know about them.
inline std::vector<std::size_t> cuts(std::size_t size, std::uint64_t seed) {
  std::vector<std::size_t> ends;
  for (int i = 0; i < 4 && size != 0; ++i) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    const std::size_t at = static_cast<std::size_t>(seed >> 33) % size;
    for (std::size_t next = at; next != std::min(size, at + 1 + seed / 2 % 4); ++next) ends.push_back(next);
  }
  std::sort(ends.begin(), ends.end());
  ends.push_back(size);
  return ends;
}

/// A number that an input always gets: FNV-1a.
inline std::uint64_t hash_of(std::string_view input) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : input) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

}  // namespace redstart::fuzz
