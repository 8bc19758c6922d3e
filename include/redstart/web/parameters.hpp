// SPDX-License-Identifier: MIT
// What a handler's parameters can ask for by name: parts of the path, query parameters, headers.
//
// A handler is a function, or a coroutine that returns `asio::awaitable`. The type of each parameter says what it
// needs:
//
//   path<int, "id">               the part of the path that the route calls {id}
//   query<int, "limit", 50>       a query parameter, with a default; without one it is required
//   query<std::optional<int>, "limit">  one that may be missing
//                                 (a text: query<std::string, "kind", fixed_string("person")>)
//   header<"If-Match">            a header, as `query` (`std::string` by default)
//   detection, const detection&   the JSON body, for types described with BOOST_DESCRIBE_STRUCT, containers of them,
//                                 and boost::json's values
//   const request&                the whole request
//   T&, std::shared_ptr<T>        what the provider for T gives; see application::provide. redstart::client has one.
//   T*                            the same, null when there is none
//   T, const T&                   a copy of it, a view of it: for types that are no JSON
//
// What does not fit answers 422 with the place, before the handler is called.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace redstart::web {

/// A text as a template argument.
template <std::size_t Size>
struct fixed_string {
  char characters[Size]{};

  consteval fixed_string(const char (&text)[Size]) { std::copy_n(text, Size, characters); }  // NOLINT: implicit
  [[nodiscard]] constexpr std::string_view view() const { return {characters, Size - 1}; }
};

/// Says that a parameter has no default.
struct required {};

namespace detail {

template <class T>
struct named_value {
  T value{};

  operator const T&() const& noexcept { return value; }    // NOLINT: it stands for its value
  operator T&&() && noexcept { return std::move(value); }  // NOLINT
  const T& operator*() const noexcept { return value; }
  const T* operator->() const noexcept { return &value; }
};

}  // namespace detail

/// A part of the path. `T` is `std::string`, a number, `bool` or a described enum.
template <class T, fixed_string Name>
struct path : detail::named_value<T> {};

/// A query parameter. `T` as for `path`, or `std::optional` of it.
template <class T, fixed_string Name, auto Default = required{}>
struct query : detail::named_value<T> {};

/// A header. `T` as for `query`.
template <fixed_string Name, class T = std::string, auto Default = required{}>
struct header : detail::named_value<T> {};

}  // namespace redstart::web
