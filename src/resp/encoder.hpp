// SPDX-License-Identifier: MIT
// Commands as Redis reads them: an array of bulk strings. `GET k` is `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`.
//
// Sizing and writing are two steps, so that a command goes straight into the connection's output buffer: first make
// room for `encoded_size`, which may fail, then `encode`, which cannot. A command is never half written.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace redstart::resp {

/// The number of bytes that `encode` writes for these arguments. The first one is the name of the command.
[[nodiscard]] std::size_t encoded_size(std::span<const std::string_view> args) noexcept;

/// Writes the command to `out`, which has room for `encoded_size(args)` bytes, and returns the end of what it wrote.
/// Arguments are bytes of any value; `out` must not overlap them.
char* encode(char* out, std::span<const std::string_view> args) noexcept;

}  // namespace redstart::resp
