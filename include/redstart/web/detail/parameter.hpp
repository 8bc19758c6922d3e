// SPDX-License-Identifier: MIT
// How each parameter of a handler is made from the request.
#pragma once

#include "redstart/codec.hpp"
#include "redstart/web/detail/exchange.hpp"
#include "redstart/web/http_error.hpp"
#include "redstart/web/parameters.hpp"
#include "redstart/web/request.hpp"

#include <boost/core/type_name.hpp>
#include <boost/describe/enum_from_string.hpp>

#include <charconv>
#include <cmath>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace redstart::web {
class websocket;
}

namespace redstart::web::detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_shared = false;
template <class T>
inline constexpr bool is_shared<std::shared_ptr<T>> = true;

// False when `text` is no `T`. `expected` then says what would be one.
template <class T>
bool read_text(std::string_view text, T& out, std::string& expected) {
  if constexpr (std::same_as<T, std::string>) {
    expected = "expected text in UTF-8";
    out = text;
    return is_text(text);
  } else if constexpr (std::same_as<T, bool>) {
    expected = "expected true or false";
    out = text == "true" || text == "1";
    return out || text == "false" || text == "0";
  } else if constexpr (std::is_arithmetic_v<T>) {
    expected = std::integral<T> ? "expected an integer" : "expected a number";
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (problem == std::errc::result_out_of_range) expected += " in range";
    if constexpr (std::floating_point<T>) {
      // "nan" and "inf" are numbers to from_chars; no handler's checks of a range are ready for them.
      if (problem == std::errc() && !std::isfinite(out)) return false;
    }
    return problem == std::errc() && end == text.data() + text.size();
  } else if constexpr (std::is_enum_v<T>) {
    expected = "expected one of the names that are described";
    return boost::describe::enum_from_string(std::string(text).c_str(), out);
  } else {
    static_assert(std::is_arithmetic_v<T>,
                  "path, query and header take std::string, numbers, bool and described enums");
    return false;
  }
}

template <class T>
T text_value(std::string_view where, std::string_view name, std::string_view text) {
  if constexpr (is_optional<T>) {
    return T(text_value<typename T::value_type>(where, name, text));
  } else {
    T value{};
    std::string expected;
    if (!read_text(text, value, expected)) refuse(where, name, expected, "type_error");
    return value;
  }
}

template <class T>
inline constexpr bool is_fixed_string = false;
template <std::size_t Size>
inline constexpr bool is_fixed_string<fixed_string<Size>> = true;

template <class T, auto Default>
T absent_value(std::string_view where, std::string_view name) {
  if constexpr (is_fixed_string<std::remove_cvref_t<decltype(Default)>>) {
    return T(Default.view());
  } else if constexpr (!std::same_as<std::remove_cvref_t<decltype(Default)>, required>) {
    return T(Default);
  } else if constexpr (is_optional<T>) {
    return std::nullopt;
  } else {
    refuse(where, name, "it is required", "missing");
  }
}

template <class T>
T body_value(std::string_view body) {
  redstart::detail::json_document document;
  const json::value& root = parse_body(body, document);
  redstart::detail::json_reader reader(64 * body.size() + 64);
  T value{};
  if (reader.read(root, value)) return value;
  json::array place = reader.place();
  place.insert(place.begin(), "body");
  throw validation_error(std::move(place), reader.reason(), reader.is_missing() ? "missing" : "type_error");
}

// What a value parameter of type `T` is: JSON that a body can be, or else something for a provider.
template <class T>
constexpr bool is_body() {
  using redstart::detail::json_kind;
  constexpr json_kind kind = redstart::detail::read_kind<T>;
  return !is_shared<T> && (kind == json_kind::native || kind == json_kind::record || kind == json_kind::list ||
                           kind == json_kind::map || kind == json_kind::tuple || kind == json_kind::variant ||
                           kind == json_kind::optional || kind == json_kind::custom);
}

// parameter<P>::make makes what is stored while the handler runs, parameter<P>::pass hands it over. The default is the
// object of a provider, for T&, T and const T&.
template <class P>
struct parameter {
  using type = std::remove_cvref_t<P>;
  using stored = type*;
  static_assert(std::is_class_v<type>,
                "a handler's parameter is a number or a text by itself: say where it comes from, with "
                "redstart::web::path, query or header");
  static constexpr bool from_provider = true;
  static constexpr bool optional = false;

  static stored make(exchange& ex) { return static_cast<type*>(ex.find(typeid(type)).get()); }
  static P pass(stored& object) { return *object; }
};

template <class T>
struct parameter<T*> {
  static_assert(!std::same_as<std::remove_const_t<T>, websocket>, "a handler takes its websocket by value");
  using type = std::remove_const_t<T>;
  using stored = type*;
  static constexpr bool from_provider = true;
  static constexpr bool optional = true;

  static stored make(exchange& ex) { return static_cast<type*>(ex.find(typeid(type)).get()); }
  static T* pass(stored& object) { return object; }
};

template <class P>
  requires is_shared<std::remove_cvref_t<P>>
struct parameter<P> {
  using stored = std::remove_cvref_t<P>;
  using type = std::remove_const_t<typename stored::element_type>;
  static_assert(!std::same_as<type, websocket>, "a handler takes its websocket by value");
  static constexpr bool from_provider = true;
  static constexpr bool optional = false;

  static stored make(exchange& ex) { return std::static_pointer_cast<type>(ex.find(typeid(type))); }
  static P pass(stored& object) { return static_cast<P>(object); }
};

template <>
struct parameter<const request&> {
  using stored = const request*;
  static constexpr bool from_provider = false;

  static stored make(exchange& ex) { return &ex.asked(); }
  static const request& pass(stored& asked) { return *asked; }
};

template <class P, class Stored>
struct value_parameter {
  static_assert(!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>,
                "a handler takes what was read from the request by value or by const reference");
  using stored = Stored;
  static constexpr bool from_provider = false;

  static P pass(stored& value) { return static_cast<P>(static_cast<std::remove_reference_t<P>&&>(value)); }
};

// The JSON body. A non-const reference is never a body: T& asks a provider.
template <class P>
  requires(is_body<std::remove_cvref_t<P>>() &&
           (!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>))
struct parameter<P> : value_parameter<P, std::remove_cvref_t<P>> {
  static std::remove_cvref_t<P> make(exchange& ex) { return body_value<std::remove_cvref_t<P>>(ex.asked().body()); }
};

// What has a name in the request: by value or by const reference.
template <class T>
struct named {
  static constexpr bool is_one = false;
};

template <class T, fixed_string Name>
struct named<path<T, Name>> {
  static constexpr bool is_one = true;
  static path<T, Name> make(exchange& ex) {
    const std::string* text = ex.path_parameter(Name.view());
    return {text != nullptr ? text_value<T>("path", Name.view(), *text)
                            : absent_value<T, required{}>("path", Name.view())};
  }
};

template <class T, fixed_string Name, auto Default>
struct named<query<T, Name, Default>> {
  static constexpr bool is_one = true;
  static query<T, Name, Default> make(exchange& ex) {
    const auto text = ex.asked().query(Name.view());
    return {text ? text_value<T>("query", Name.view(), *text) : absent_value<T, Default>("query", Name.view())};
  }
};

template <fixed_string Name, class T, auto Default>
struct named<header<Name, T, Default>> {
  static constexpr bool is_one = true;
  static header<Name, T, Default> make(exchange& ex) {
    const auto text = ex.asked().header(Name.view());
    return {text ? text_value<T>("header", Name.view(), *text) : absent_value<T, Default>("header", Name.view())};
  }
};

template <class P>
  requires named<std::remove_cvref_t<P>>::is_one
struct parameter<P> : value_parameter<P, std::remove_cvref_t<P>> {
  static std::remove_cvref_t<P> make(exchange& ex) { return named<std::remove_cvref_t<P>>::make(ex); }
};

}  // namespace redstart::web::detail
