// SPDX-License-Identifier: MIT
// What must pass neither to a handler nor to the wire: messages in which two readers could see different things.
#pragma once

#include "redstart/web/http.hpp"
#include "redstart/web/response.hpp"

#include <string_view>

namespace redstart::web::detail {

// Why the end of a request, or whom it is for, is not certain; null when both are.
// https://www.rfc-editor.org/rfc/rfc9112#section-6.3 and #section-3.2
[[nodiscard]] const char* framing_fault(const http::request_header<>& asked);

// Whether a line goes on in the next one. Beast would join them; not everybody in front of us does.
// https://www.rfc-editor.org/rfc/rfc9112#section-5.2
[[nodiscard]] bool has_folded_line(std::string_view head);

// https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
[[nodiscard]] bool is_token(std::string_view text);
// Without control characters, tabs excepted.
[[nodiscard]] bool is_field_value(std::string_view text);

// Why a response of a handler cannot be sent as it is; null when it can.
[[nodiscard]] const char* response_fault(const response& made);

// Whether responses of that status end with their headers.
[[nodiscard]] bool is_bodiless(http::status status);

}  // namespace redstart::web::detail
