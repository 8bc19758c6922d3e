// SPDX-License-Identifier: MIT
#include "redstart/web/detail/exchange.hpp"

#include "client/utf8.hpp"
#include "redstart/detail/json_document.hpp"
#include "redstart/web/http_error.hpp"

#include <algorithm>

namespace redstart::web::detail {

const std::string* exchange::path_parameter(std::string_view name) const noexcept {
  const auto found = std::ranges::find(path_, name, [](const auto& parameter) { return parameter.first; });
  return found == path_.end() ? nullptr : &found->second;
}

std::shared_ptr<void> exchange::find(std::type_index type) const noexcept {
  const auto found = std::ranges::find(objects_, type, &provided::type);
  return found == objects_.end() ? nullptr : found->object;
}

bool is_text(std::string_view bytes) { return redstart::detail::is_utf8(bytes); }

const json::value& parse_body(std::string_view body, redstart::detail::json_document& document) {
  json::array place;
  place.emplace_back("body");
  if (body.empty()) throw validation_error(std::move(place), "the request has no body; send JSON", "missing");
  std::string problem;
  if (!document.parse(body, problem)) throw validation_error(std::move(place), problem, "json_invalid");
  return document.root();
}

void refuse(std::string_view where, std::string_view name, const std::string& message, std::string_view type) {
  json::array place;
  place.emplace_back(json::string_view(where));
  place.emplace_back(json::string_view(name));
  throw validation_error(std::move(place), message, std::string(type));
}

}  // namespace redstart::web::detail
