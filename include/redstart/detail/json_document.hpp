// SPDX-License-Identifier: MIT
// JSON text as a document of Boost.JSON, in memory that is gone with it.
#pragma once

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace redstart::detail {

namespace json = boost::json;

// How deep arrays and objects may nest, written or read: what is written can be read back.
inline constexpr unsigned json_max_depth = 32;

// Parses `text` into `out`, which keeps its memory resource. False when it is not one JSON document, nests deeper than
// `json_max_depth` or holds a number beyond double; then `why`, unless null, says what is wrong and at which byte.
// Numbers are read exactly: the nearest double, and integers as such up to 64 bits.
bool parse_json(std::string_view text, json::value& out, std::string* why);

// A parsed document in memory of its own; small ones never touch the heap.
class json_document {
 public:
  json_document() : resource_(buffer_, sizeof buffer_), root_(&resource_) {}
  json_document(const json_document&) = delete;
  json_document& operator=(const json_document&) = delete;

  bool parse(std::string_view text, std::string& why) { return parse_json(text, root_, &why); }
  [[nodiscard]] const json::value& root() const { return root_; }

 private:
  alignas(std::max_align_t) unsigned char buffer_[4096];
  json::monotonic_resource resource_;
  json::value root_;
};

}  // namespace redstart::detail
