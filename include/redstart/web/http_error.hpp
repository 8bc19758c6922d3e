// SPDX-License-Identifier: MIT
// How a handler, or a provider before it, refuses a request.
#pragma once

#include "redstart/web/http.hpp"
#include "redstart/web/response.hpp"

#include <boost/json/array.hpp>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace redstart::web {

/// Thrown to answer with a status of one's own; the client gets `{"detail": "..."}`.
class http_error : public std::runtime_error {
 public:
  /// `detail` goes to the client.
  http_error(http::status status, const std::string& detail) : std::runtime_error(detail), status_(status) {}

  /// Adds a header to the answer, to be chained: `throw http_error(...).with("Retry-After", "5")`.
  [[nodiscard]] http_error with(std::string name, std::string value) && {
    headers_.emplace_back(std::move(name), std::move(value));
    return std::move(*this);
  }

  [[nodiscard]] http::status status() const noexcept { return status_; }
  [[nodiscard]] virtual response to_response() const;

 protected:
  [[nodiscard]] const auto& headers() const noexcept { return headers_; }

 private:
  http::status status_;
  std::vector<std::pair<std::string, std::string>> headers_;
};

/// A request that is not what the handler's parameters ask for: 422, with the place.
/// The client gets what FastAPI would send: `{"detail": [{"loc": ["body", "objects", 0], "msg": "...", "type":
/// "..."}]}`.
class validation_error : public http_error {
 public:
  /// `place` starts with `body`, `path`, `query` or `header`; `type` is a word for programs: `missing`, `type_error`,
  /// `json_invalid`, `value_error`.
  validation_error(boost::json::array place, const std::string& message, std::string type = "value_error")
      : http_error(http::status::unprocessable_entity, message), place_(std::move(place)), type_(std::move(type)) {}

  [[nodiscard]] const boost::json::array& place() const noexcept { return place_; }
  [[nodiscard]] response to_response() const override;

 private:
  boost::json::array place_;
  std::string type_;
};

}  // namespace redstart::web
