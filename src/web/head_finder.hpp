// SPDX-License-Identifier: MIT
// Where the head of a request ends, in bytes that come in pieces of any size.
#pragma once

#include <cstddef>
#include <string_view>

namespace redstart::web::detail {

// Beast is given a head whole, never a part of one: what it says about parts, and how much of its limit it counts,
// depends on where they were cut. This finds the end first, and is shown the same bytes again while they grow.
//
// What comes first decides, so that the answer is the same for every cut: the empty line, something that no head has,
// or the limit.
class head_finder {
 public:
  enum class result {
    goes_on,    // the head ends behind the bytes
    whole,      // it ends in them, after `size()`
    too_long,   // it does not end within the limit
    malformed,  // this is not HTTP/1: what else is wrong, Beast finds in the whole head
  };

  explicit head_finder(std::size_t longest) : longest_(longest) {}

  [[nodiscard]] result look(std::string_view bytes);
  [[nodiscard]] std::size_t size() const noexcept { return line_; }

 private:
  std::size_t longest_;
  std::size_t line_ = 0;     // where the line begins whose end is looked for
  std::size_t scanned_ = 0;  // no line ends before this in what was not yet looked at
};

}  // namespace redstart::web::detail
