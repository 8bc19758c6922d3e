// SPDX-License-Identifier: MIT
// Which pages of other sites may use the server through their visitor's browser.
#pragma once

#include "redstart/web/request.hpp"

#include <span>
#include <string>

namespace redstart::web {

// How the server is reached.
struct own_origin {
  bool secure = false;
  bool loopback_only = false;
};

// Whether `asked` comes from no browser's page, from a page that this server itself served, or from one of `allowed`.
// A server that only this machine reaches is called by an address or `localhost`: any other name is one that somebody
// made point here, to pass a page of his own for one of ours (DNS rebinding).
// https://www.rfc-editor.org/rfc/rfc6455#section-10.2
[[nodiscard]] bool is_origin_allowed(const request& asked, own_origin own, std::span<const std::string> allowed);

}  // namespace redstart::web
