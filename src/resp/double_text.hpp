// SPDX-License-Identifier: MIT
// The text of a double as RESP spells it: `3.25`, `-1e+10`, `+7`, `inf`, `-inf`, `nan`. Independent of the locale.
#pragma once

#include <charconv>
#include <string_view>
#include <system_error>

namespace redstart::resp {

/// Reads `text`, the whole of it, as a double into `value`.
///
/// Returns `std::errc{}`; `invalid_argument` when the text is no double; `result_out_of_range` when it is one that the
/// type cannot hold. `value` is changed on success only.
inline std::errc parse_double(std::string_view text, double& value) noexcept {
  // from_chars knows no plus sign, RESP3 allows one.
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::errc::invalid_argument;
  }
  double parsed = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, parsed);
  if (failure == std::errc::invalid_argument || stopped != end) return std::errc::invalid_argument;
  if (failure == std::errc{}) value = parsed;
  return failure;
}

}  // namespace redstart::resp
