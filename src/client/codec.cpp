// SPDX-License-Identifier: MIT
#include "redstart/codec.hpp"

#include "redstart/detail/json_document.hpp"

namespace redstart::detail {

json::value json_or_string(std::string_view text) {
  json::value value;
  if (!parse_json(text, value, nullptr)) value.emplace_string().assign(text.data(), text.size());
  return value;
}

}  // namespace redstart::detail
