// SPDX-License-Identifier: MIT
#include "document.hpp"

namespace hub {

document::document() : memory_(std::make_unique_for_overwrite<unsigned char[]>(memory_size)) {}

const json::value* document::parse(std::string_view text) {
  // In this order: nothing may refer to the memory when it is used again.
  root_.reset();
  parser_.reset();
  // A new one, rather than releasing the old one: that would go on doubling the blocks it takes from the heap, parse
  // after parse, until there is no such block.
  resource_.emplace(memory_.get(), memory_size);
  parser_.reset(&*resource_);
  boost::system::error_code failure;
  problem_at_ = parser_.write(text.data(), text.size(), failure);
  if (failure) {
    problem_ = failure.message();
    return nullptr;
  }
  return &root_.emplace(parser_.release());
}

}  // namespace hub
