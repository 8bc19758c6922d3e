// SPDX-License-Identifier: MIT
// Asks a server on a unix socket one question, without waiting for more than a moment.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace redstart::embedded {

/// Connects, sends one command without arguments or with plain words, and returns the answer: the first line without
/// its CRLF (`+PONG`, `-LOADING ...`), or the bytes of a bulk string. Nothing when the server cannot be reached or
/// does not answer within `limit`, which counts for each step of connecting, sending and reading.
std::optional<std::string> ask(const std::string& socket_path, std::string_view command,
                               std::chrono::milliseconds limit);

}  // namespace redstart::embedded
