// SPDX-License-Identifier: MIT
// Where in a JSON document something is, for messages: `detections[0].camera_id`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace redstart::detail {

// One step of the way from the root, linked to the step before it. Steps live on the stack of the recursion that takes
// them, so that a document without errors pays no allocation for its paths.
struct json_path {
  const json_path* parent = nullptr;
  std::string_view member;  // without data for an element of an array
  std::size_t index = 0;

  static json_path root() { return {}; }
  [[nodiscard]] json_path operator/(std::string_view name) const { return {this, name, 0}; }
  [[nodiscard]] json_path operator/(std::size_t element) const { return {this, {}, element}; }
};

// Empty for the root. Names that come from the document are escaped and cut: they are untrusted text.
std::string to_string(const json_path& path);

// `path: what`, or only `what` at the root.
std::string explain(const json_path& path, std::string_view what);

}  // namespace redstart::detail
