// SPDX-License-Identifier: MIT
// JSON text, parsed over and over again into the same memory.
#pragma once

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hub {

namespace json = boost::json;

/// Texts of some kilobytes are parsed without touching the heap. One user at a time.
class document {
 public:
  document();
  document(const document&) = delete;
  document& operator=(const document&) = delete;

  /// What the text says, valid until the next call; null when it is not one JSON document in UTF-8, or nests deeper
  /// than 32 levels. Then `problem` and `problem_at` say what is wrong, and at which byte.
  const json::value* parse(std::string_view text);

  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] std::size_t problem_at() const noexcept { return problem_at_; }

 private:
  static constexpr std::size_t memory_size = 64 * 1024;

  std::unique_ptr<unsigned char[]> memory_;
  std::optional<json::monotonic_resource> resource_;
  json::parser parser_;
  std::optional<json::value> root_;  // lies in the resource
  std::string problem_;
  std::size_t problem_at_ = 0;
};

}  // namespace hub
