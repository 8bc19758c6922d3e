// SPDX-License-Identifier: MIT
// Appends a value to a string as compact JSON, without a DOM in between.
#pragma once

#include "redstart/detail/json_document.hpp"
#include "redstart/detail/json_kind.hpp"
#include "redstart/detail/json_path.hpp"

#include <boost/describe/enum_to_string.hpp>
#include <boost/mp11/algorithm.hpp>

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>

namespace redstart::detail {

// Refuses a null pointer.
std::string_view text_at(const char* text);

template <text_like T>
std::string_view text_of(const T& text) {
  if constexpr (char_array<T>) {
    // A literal ends with a zero that is not text; a buffer may be full and have none.
    return std::string_view(text, std::extent_v<T>).substr(0, std::string_view(text, std::extent_v<T>).find('\0'));
  } else if constexpr (std::convertible_to<const T&, const char*>) {
    return text_at(text);
  } else {
    return text;
  }
}

class json_writer {
 public:
  explicit json_writer(std::string& out) : out_(out) {}

  // Throws encode_error, which names the place, for NaN, infinities, text that is not UTF-8, values that are not among
  // a described enum's enumerators, valueless variants, null pointers and nesting beyond `json_max_depth`.
  template <class T>
  void write(const T& value, const json_path& at = json_path::root()) {
    constexpr json_kind kind = write_kind<T>;
    if constexpr (kind == json_kind::native)
      native(value, at);
    else if constexpr (kind == json_kind::custom)
      native(json::value_from(value), at);
    else if constexpr (kind == json_kind::null)
      out_ += "null";
    else if constexpr (kind == json_kind::boolean)
      out_ += value ? "true" : "false";
    else if constexpr (kind == json_kind::number)
      number(value, at);
    else if constexpr (kind == json_kind::text)
      text(text_of(value), at);
    else if constexpr (kind == json_kind::enumeration)
      enumerator(value, at);
    else if constexpr (kind == json_kind::record)
      record(value, at);
    else if constexpr (kind == json_kind::optional)
      value ? write(*value, at) : void(out_ += "null");
    else if constexpr (kind == json_kind::variant)
      alternative(value, at);
    else if constexpr (kind == json_kind::tuple)
      tuple(value, at);
    else if constexpr (kind == json_kind::map)
      map(value, at);
    else if constexpr (kind == json_kind::list)
      list(value, at);
    else
      static_assert(kind != json_kind::none,
                    "redstart cannot write this type as JSON: describe it with BOOST_DESCRIBE_STRUCT or "
                    "BOOST_DESCRIBE_ENUM, or give it a tag_invoke overload for boost::json::value_from_tag");
  }

 private:
  template <json_integer T>
  void number(T value, const json_path&) {
    char digits[24];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  void number(double value, const json_path& at);
  void number(float value, const json_path& at);

  template <class T>
  void enumerator(T value, const json_path& at) {
    const char* name = boost::describe::enum_to_string(value, nullptr);
    if (name == nullptr) fail(at, "the value is none of the enumerators that are described");
    text(name, at);
  }

  template <class T>
  void record(const T& value, const json_path& at) {
    open('{', at);
    boost::mp11::mp_for_each<members_of<T>>([&](auto member) {
      next();
      out_ += '"';
      out_ += member.name;
      out_ += "\":";
      write(value.*member.pointer, at / member.name);
    });
    close('}');
  }

  template <class T>
  void alternative(const T& value, const json_path& at) {
    if (value.valueless_by_exception()) fail(at, "the variant holds no value");
    std::visit([&](const auto& held) { write(held, at); }, value);
  }

  template <class T>
  void tuple(const T& value, const json_path& at) {
    open('[', at);
    std::size_t index = 0;
    std::apply([&](const auto&... parts) { (element(parts, at / index++), ...); }, value);
    close(']');
  }

  template <class T>
  void list(const T& value, const json_path& at) {
    open('[', at);
    std::size_t index = 0;
    for (auto&& part : value) element<std::ranges::range_value_t<const T>>(part, at / index++);
    close(']');
  }

  template <class T>
  void element(const T& value, const json_path& at) {
    next();
    write(value, at);
  }

  template <class T>
  void map(const T& value, const json_path& at) {
    open('{', at);
    for (const auto& [key, part] : value) {
      next();
      if constexpr (json_integer<typename T::key_type>) {
        char digits[24];
        member({digits, std::to_chars(digits, digits + sizeof digits, key).ptr}, part, at);
      } else {
        member(text_of(key), part, at);
      }
    }
    close('}');
  }

  template <class T>
  void member(std::string_view name, const T& value, const json_path& at) {
    text(name, at);
    out_ += ':';
    write(value, at / name);
  }

  void native(const json::value& value, const json_path& at);
  void native(const json::object& value, const json_path& at);
  void native(const json::array& value, const json_path& at);
  void native(const json::string& value, const json_path& at);

  void text(std::string_view text, const json_path& at);
  void open(char bracket, const json_path& at);
  void close(char bracket);
  // A comma before every part but the first. No part ends with an opening bracket, so the last byte tells.
  void next() {
    if (out_.back() != '{' && out_.back() != '[') out_ += ',';
  }
  [[noreturn]] static void fail(const json_path& at, std::string_view what);

  std::string& out_;
  unsigned depth_ = 0;
};

}  // namespace redstart::detail
