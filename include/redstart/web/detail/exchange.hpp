// SPDX-License-Identifier: MIT
// One request on its way through the application: what its handler's parameters are made from.
#pragma once

#include "redstart/detail/json_document.hpp"
#include "redstart/web/request.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

namespace redstart::web::detail {

namespace json = boost::json;

// What a handler or provider needs from providers; found out from its parameters when it is registered.
struct need {
  std::type_index type;
  std::string name;       // of the type, for messages
  bool optional = false;  // `T*`: may be null
};

// What a provider gave, alive until the response is made.
struct provided {
  std::type_index type;
  std::shared_ptr<void> object;
};

class exchange {
 public:
  explicit exchange(const request& asked) : asked_(asked) {}
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;

  [[nodiscard]] const request& asked() const noexcept { return asked_; }

  void set_path_parameter(std::string_view name, std::string value) { path_.emplace_back(name, std::move(value)); }
  // Null when the route has no such part.
  [[nodiscard]] const std::string* path_parameter(std::string_view name) const noexcept;

  // How many objects there will be.
  void expect(std::size_t count) { objects_.reserve(count); }
  void keep(std::type_index type, std::shared_ptr<void> object) { objects_.push_back({type, std::move(object)}); }
  // Null when no provider gave one.
  [[nodiscard]] std::shared_ptr<void> find(std::type_index type) const noexcept;

 private:
  const request& asked_;
  std::vector<std::pair<std::string_view, std::string>> path_;
  std::vector<provided> objects_;
};

// Whether it is UTF-8, which JSON and logs take for granted.
[[nodiscard]] bool is_text(std::string_view bytes);

// The body of the request as JSON; throws `validation_error` when it is none.
[[nodiscard]] const json::value& parse_body(std::string_view body, redstart::detail::json_document& document);

[[noreturn]] void refuse(std::string_view where, std::string_view name, const std::string& message,
                         std::string_view type);

}  // namespace redstart::web::detail
