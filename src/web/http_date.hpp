// SPDX-License-Identifier: MIT
// The time as the Date header has it.
#pragma once

#include <string_view>

namespace redstart::web::detail {

// `Sun, 06 Nov 1994 08:49:37 GMT`, of now. The text is the thread's own and stays until its next call.
// https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
[[nodiscard]] std::string_view http_date();

}  // namespace redstart::web::detail
