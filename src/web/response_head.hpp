// SPDX-License-Identifier: MIT
// The part of a response before its body, as bytes.
#pragma once

#include "redstart/web/response.hpp"

#include <string>

namespace redstart::web::detail {

// What of a request matters for writing its response.
struct reply_to {
  bool keep = false;  // the connection, for another request
  bool head = false;  // it was a HEAD: the body is not sent
  unsigned version = 11;
};

// Appends status line and headers, the empty line included. Where the response ends is said by us alone: what `made`
// says about that is left out. It has passed `response_fault`.
void append_head(std::string& out, const response& made, const reply_to& to);

}  // namespace redstart::web::detail
