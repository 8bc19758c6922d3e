// SPDX-License-Identifier: MIT
// Which pages of other sites may use the server through their visitor's browser.
#pragma once

#include "redstart/web/request.hpp"

#include <span>
#include <string>

namespace redstart::web {

// Whether `asked` comes from no browser's page, from a page that this server itself served, or from one of `allowed`.
// https://www.rfc-editor.org/rfc/rfc6455#section-10.2
[[nodiscard]] bool is_origin_allowed(const request& asked, bool secure, std::span<const std::string> allowed);

}  // namespace redstart::web
