// SPDX-License-Identifier: MIT
#include "redstart/detail/json_reader.hpp"

#include <algorithm>
#include <cmath>

namespace redstart::detail {

namespace {

std::string_view kind_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "an array";
    case json::kind::object:
      return "an object";
  }
  return "something else";
}

// What copying a value costs, counted in values of small size.
std::size_t weight(const json::value& value) {
  std::size_t sum = 1;
  if (const auto* text = value.if_string()) sum += text->size() / 16;
  if (const auto* array = value.if_array()) {
    for (const auto& part : *array) sum += weight(part);
  }
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) sum += weight(member.value()) + member.key().size() / 16;
  }
  return sum;
}

void add_steps(const json_path& path, json::array& steps) {
  if (path.parent == nullptr) return;
  add_steps(*path.parent, steps);
  if (path.member.data() == nullptr) {
    steps.emplace_back(path.index);
  } else {
    steps.emplace_back(json::string_view(path.member));
  }
}

}  // namespace

bool json_reader::spend(const json::value& from, bool whole) {
  const std::size_t cost = whole || from.is_string() ? weight(from) : 1;
  budget_ -= std::min(budget_, cost);
  return budget_ > 0;
}

bool json_reader::fail(const json_path& at, std::string_view what) {
  if (quiet_) return false;
  reason_ = what;
  place_text_ = to_string(at);
  place_.clear();
  add_steps(at, place_);
  return false;
}

std::string json_reader::problem() const { return place_text_.empty() ? reason_ : place_text_ + ": " + reason_; }

bool json_reader::wrong_kind(const json_path& at, std::string_view expected, const json::value& got) {
  if (quiet_) return false;
  return fail(at, "expected " + std::string(expected) + ", got " + std::string(kind_name(got)));
}

const json::array* json_reader::array_of(const json::value& from, std::size_t size, const json_path& at) {
  const json::array* array = from.if_array();
  if (array == nullptr) {
    wrong_kind(at, "an array", from);
  } else if (array->size() != size) {
    fail(at, "expected " + std::to_string(size) + " elements, got " + std::to_string(array->size()));
    array = nullptr;
  }
  return array;
}

bool json_reader::native(const json::value& from, json::value& out, const json_path&) {
  out = json::value(from, json::storage_ptr());
  return true;
}

bool json_reader::native(const json::value& from, json::object& out, const json_path& at) {
  if (!from.is_object()) return wrong_kind(at, "an object", from);
  out = json::object(from.get_object(), json::storage_ptr());
  return true;
}

bool json_reader::native(const json::value& from, json::array& out, const json_path& at) {
  if (!from.is_array()) return wrong_kind(at, "an array", from);
  out = json::array(from.get_array(), json::storage_ptr());
  return true;
}

bool json_reader::native(const json::value& from, json::string& out, const json_path& at) {
  if (!from.is_string()) return wrong_kind(at, "a string", from);
  out = json::string(from.get_string(), json::storage_ptr());
  return true;
}

bool json_reader::boolean(const json::value& from, bool& out, const json_path& at) {
  if (!from.is_bool()) return wrong_kind(at, "true or false", from);
  out = from.get_bool();
  return true;
}

bool json_reader::number(const json::value& from, double& out, const json_path& at) {
  if (const auto* real = from.if_double()) {
    out = *real;
  } else if (exact_ || !from.is_number()) {
    return wrong_kind(at, "a number", from);
  } else {
    out = from.is_int64() ? static_cast<double>(from.get_int64()) : static_cast<double>(from.get_uint64());
  }
  return true;
}

bool json_reader::number(const json::value& from, float& out, const json_path& at) {
  double real = 0;
  if (!number(from, real, at)) return false;
  out = static_cast<float>(real);
  return std::isfinite(out) || fail(at, "the number is beyond the range of float");
}

}  // namespace redstart::detail
