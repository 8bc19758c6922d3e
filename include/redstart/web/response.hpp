// SPDX-License-Identifier: MIT
// What a handler's result becomes.
#pragma once

#include "redstart/codec.hpp"
#include "redstart/web/http.hpp"

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace redstart::web {

/// One response. A handler returns one when its plain result does not say enough: another status, a header.
struct response {
  http::status status = http::status::ok;
  std::string content_type{};
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};  ///< beside Content-Type, Content-Length and Date

  /// `value` as JSON, by the rules of `codec.hpp`. A string is a JSON string here.
  template <class T>
  [[nodiscard]] static response json(const T& value, http::status status = http::status::ok) {
    response made{.status = status, .content_type = "application/json"};
    redstart::detail::json_writer(made.body).write(value);
    return made;
  }
  [[nodiscard]] static response text(std::string_view body, http::status status = http::status::ok) {
    return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::string(body)};
  }
  [[nodiscard]] static response empty(http::status status = http::status::no_content) { return {.status = status}; }

  /// Adds a header, to be chained: `response::empty(status).with("Allow", "GET")`.
  [[nodiscard]] response with(std::string name, std::string value) && {
    headers.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }
};

/// The response of a handler that returned `value`: a `response` is itself, text is `text/plain`, everything else JSON.
template <class T>
[[nodiscard]] response to_response(T&& value) {
  using type = std::remove_cvref_t<T>;
  if constexpr (std::same_as<type, response>) {
    return std::forward<T>(value);
  } else if constexpr (std::convertible_to<const type&, std::string_view>) {
    return response::text(value);
  } else {
    static_assert(encodable<type>,
                  "a handler returned a type that redstart cannot write: describe it with BOOST_DESCRIBE_STRUCT, or "
                  "return a redstart::web::response");
    return response::json(value);
  }
}

}  // namespace redstart::web
