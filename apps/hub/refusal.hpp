// SPDX-License-Identifier: MIT
// What Redis refuses, in its own words.
#pragma once

#include <algorithm>
#include <string_view>

namespace hub {

/// The words of Redis in an error that a script handed on from `pcall`: up to Redis 6.2 they stand behind the place in
/// the script, as in `@user_script: 1: -MISCONF ...`. Any other text is returned as it is, without a dash before it.
[[nodiscard]] constexpr std::string_view words_of_redis(std::string_view error) {
  constexpr std::string_view source = "@user_script: ";
  std::string_view words = error;
  if (words.starts_with(source)) {
    words.remove_prefix(source.size());
    const auto line = std::min(words.find_first_not_of("0123456789"), words.size());
    if (line == 0 || !words.substr(line).starts_with(": ")) return error;
    words.remove_prefix(line + 2);
  }
  if (words.starts_with('-')) words.remove_prefix(1);
  return words;
}

/// The first word of that: `WRONGTYPE`.
[[nodiscard]] constexpr std::string_view code_of_refusal(std::string_view error) {
  const std::string_view words = words_of_redis(error);
  return words.substr(0, words.find(' '));
}

}  // namespace hub
