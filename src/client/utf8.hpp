// SPDX-License-Identifier: MIT
// Whether bytes are UTF-8 as RFC 3629 has it.
#pragma once

#include <string_view>

namespace redstart::detail {

bool is_utf8(std::string_view text);

}  // namespace redstart::detail
