// SPDX-License-Identifier: MIT
// Which JSON a C++ type becomes, decided once for the writer, the reader and the concepts.
//
//   kind         C++                                                     JSON
//   native       json::value, object, array, string                      itself
//   custom       a type with a tag_invoke overload for Boost.JSON        what the overload makes
//   null         nullptr, std::nullptr_t, std::monostate                 null
//   boolean      bool                                                    true, false
//   number       integers up to 64 bits, float, double                   number
//   text         what converts to std::string_view, char arrays          string
//   enumeration  described enums                                         string, the enumerator's name
//   record       described classes, their described bases included       object
//   optional     std::optional                                           null or the value
//   variant      std::variant                                            the value it holds
//   tuple        std::pair, std::tuple                                   array of that size
//   map          unique keys that are strings or integers                object
//   list         every other range                                       array
#pragma once

#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace redstart::detail {

namespace json = boost::json;

enum class json_kind {
  none,
  native,
  custom,
  null,
  boolean,
  number,
  text,
  enumeration,
  record,
  optional,
  variant,
  tuple,
  map,
  list,
};

template <class T, template <class...> class Template>
inline constexpr bool is_specialization = false;
template <class... Args, template <class...> class Template>
inline constexpr bool is_specialization<Template<Args...>, Template> = true;

template <class T, class... Types>
concept one_of = (std::same_as<T, Types> || ...);

template <class T>
concept character = one_of<T, char, wchar_t, char8_t, char16_t, char32_t>;

// A lone character is left out: whether 'x' means "x" or 120 is not ours to guess.
template <class T>
concept json_integer = std::integral<T> && !character<T> && !std::same_as<T, bool> && sizeof(T) <= 8;

template <class T>
concept json_number = json_integer<T> || one_of<T, float, double>;

template <class T>
concept char_array = std::is_bounded_array_v<T> && std::same_as<std::remove_cv_t<std::remove_extent_t<T>>, char>;

// nullptr converts to std::string_view, and then crashes it.
template <class T>
concept text_like =
    char_array<T> || (std::convertible_to<const T&, std::string_view> && !std::same_as<T, std::nullptr_t>);

template <class T>
concept native_json = one_of<T, json::value, json::object, json::array, json::string>;

// Boost has overloads of its own for std::optional and std::variant; these types are read and written by us.
template <class T>
concept maybe_custom = (std::is_class_v<T> || std::is_enum_v<T>) && !native_json<T> &&
                       !is_specialization<T, std::optional> && !is_specialization<T, std::variant>;

template <class T>
concept custom_write =
    maybe_custom<T> && requires(const T& from, json::value& to) { tag_invoke(json::value_from_tag{}, to, from); };

template <class T>
concept custom_read = maybe_custom<T> && (requires(const json::value& from) {
                        { tag_invoke(json::value_to_tag<T>{}, from) } -> std::convertible_to<T>;
                      } || requires(const json::value& from) {
                        { tag_invoke(json::try_value_to_tag<T>{}, from) } -> std::same_as<json::result<T>>;
                      });

template <class T>
concept described_record = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;

template <class T>
concept described_enum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

// Private members that a class describes are meant to be seen; members of bases come first.
template <class T>
using members_of =
    boost::describe::describe_members<T, boost::describe::mod_any_access | boost::describe::mod_inherited>;

// A multimap has no try_emplace: as an object it would lose all but one value of a key.
template <class T>
concept map_like =
    std::ranges::input_range<const T> && requires(T& map, typename T::key_type key, typename T::mapped_type value) {
      map.try_emplace(std::move(key), std::move(value));
    } && (text_like<typename T::key_type> || json_integer<typename T::key_type>);

// A range of itself (std::filesystem::path) has no end.
template <class T>
concept list_like = std::ranges::input_range<const T> && !std::same_as<std::ranges::range_value_t<const T>, T> &&
                    !requires { typename T::mapped_type; };

template <class T>
consteval json_kind kind_without_custom() {
  if constexpr (native_json<T>) return json_kind::native;
  if constexpr (one_of<T, std::nullptr_t, std::monostate>) return json_kind::null;
  if constexpr (std::same_as<T, bool>) return json_kind::boolean;
  if constexpr (json_number<T>) return json_kind::number;
  if constexpr (described_enum<T>) return json_kind::enumeration;
  if constexpr (described_record<T>) return json_kind::record;
  if constexpr (text_like<T>) return json_kind::text;
  if constexpr (is_specialization<T, std::optional>) return json_kind::optional;
  if constexpr (is_specialization<T, std::variant>) return json_kind::variant;
  if constexpr (is_specialization<T, std::pair> || is_specialization<T, std::tuple>) return json_kind::tuple;
  if constexpr (map_like<T>) return json_kind::map;
  if constexpr (list_like<T>) return json_kind::list;
  return json_kind::none;
}

template <class T>
inline constexpr json_kind write_kind = custom_write<T> ? json_kind::custom : kind_without_custom<T>();
template <class T>
inline constexpr json_kind read_kind = custom_read<T> ? json_kind::custom : kind_without_custom<T>();

template <class T>
inline constexpr bool is_fixed_list = std::is_bounded_array_v<T>;
template <class T, std::size_t Size>
inline constexpr bool is_fixed_list<std::array<T, Size>> = true;

template <class T>
concept owning_text = requires(T& out, std::string_view text) {
  out.assign(text.data(), text.size());
} && std::convertible_to<const T&, std::string_view> && std::constructible_from<T, const char*, std::size_t>;

template <class T>
concept growing_list = requires(T& list, std::ranges::range_value_t<T> element) {
  list.clear();
  requires requires { list.push_back(std::move(element)); } || requires { list.insert(std::move(element)); };
};

// Whether a type can be written or read as JSON. Members of described classes are looked at when they are used: a
// class may contain itself (through a vector), a concept may not.
template <class T>
consteval bool json_writable();
template <class T>
consteval bool json_readable();

template <class T>
inline constexpr bool all_parts_writable = false;
template <template <class...> class Template, class... Parts>
inline constexpr bool all_parts_writable<Template<Parts...>> = (json_writable<std::remove_cv_t<Parts>>() && ...);

template <class T>
inline constexpr bool all_parts_readable = false;
template <template <class...> class Template, class... Parts>
inline constexpr bool all_parts_readable<Template<Parts...>> = (json_readable<std::remove_cv_t<Parts>>() && ...);

template <class T>
consteval bool json_writable() {
  constexpr json_kind kind = write_kind<T>;
  if constexpr (kind == json_kind::optional || kind == json_kind::variant || kind == json_kind::tuple) {
    return all_parts_writable<T>;
  } else if constexpr (kind == json_kind::map) {
    return json_writable<typename T::mapped_type>();
  } else if constexpr (kind == json_kind::list) {
    return json_writable<std::ranges::range_value_t<const T>>();
  } else {
    return kind != json_kind::none;
  }
}

template <class T>
consteval bool json_readable() {
  constexpr json_kind kind = read_kind<T>;
  if constexpr (kind == json_kind::optional || kind == json_kind::variant || kind == json_kind::tuple) {
    return all_parts_readable<T>;
  } else if constexpr (kind == json_kind::map) {
    return (owning_text<typename T::key_type> || json_integer<typename T::key_type>) &&
           json_readable<typename T::mapped_type>();
  } else if constexpr (kind == json_kind::list) {
    if constexpr (is_fixed_list<T> || growing_list<T>) return json_readable<std::ranges::range_value_t<T>>();
    return false;
  } else if constexpr (kind == json_kind::text) {
    return owning_text<T>;
  } else {
    return kind != json_kind::none && std::is_default_constructible_v<T>;
  }
}

}  // namespace redstart::detail
