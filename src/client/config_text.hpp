// SPDX-License-Identifier: MIT
// How the values of options are written, by people and in messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace redstart {

enum class option_kind {
  text,
  flag,      ///< true, yes, on, 1 and their opposites
  count,     ///< 42
  duration,  ///< 250ms, 5s, 1.5s, 2m, 1h; a bare number counts seconds. Kept in milliseconds
  bytes,     ///< 65536, 64k, 256m, 1g: powers of 1024
};

/// The number that a text of this kind (not `text`) stands for; nothing when it is none or too large.
std::optional<std::int64_t> parse_number(option_kind kind, std::string_view text);

/// The shortest way to write a number of this kind, which `parse_number` reads back.
std::string to_text(option_kind kind, std::int64_t value);

/// What `parse_number` accepts within these bounds, for people.
std::string accepted_text(option_kind kind, std::int64_t least, std::int64_t most);

}  // namespace redstart
