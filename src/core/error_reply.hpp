// SPDX-License-Identifier: MIT
// What an error answered by Redis means for us. Only its text tells: a code in capitals, then a sentence that changes
// between versions. All functions take the whole text, without the leading `-`, and are pure.
#pragma once

#include <string_view>

namespace redstart::core {

/// The code of an error: its first word when that is all capitals, otherwise `ERR`.
[[nodiscard]] std::string_view error_code(std::string_view text) noexcept;

/// True when the server says that it did not even begin to execute the command and may do so later: LOADING, BUSY,
/// READONLY, MASTERDOWN, TRYAGAIN, CLUSTERDOWN. Sending it again has no second effect.
[[nodiscard]] bool refused_before_execution(std::string_view text) noexcept;

/// True when no further attempt to log in can end otherwise, until somebody changes the configuration or the server:
/// wrong or missing password, no permission, no such database, protected mode.
[[nodiscard]] bool hopeless_login(std::string_view text) noexcept;

/// True when the server is too old, or is a proxy too simple, for HELLO or for the protocol that it asked for.
[[nodiscard]] bool hello_unsupported(std::string_view text) noexcept;

/// One short sentence on what to try, for the errors that a user meets in operation; empty for all others.
[[nodiscard]] std::string_view advice(std::string_view text) noexcept;

}  // namespace redstart::core
