// SPDX-License-Identifier: MIT
// What may be done with a command line: send it twice, let others wait behind it, send it over a shared connection.
//
// A command line is its name and its arguments as they go to the server. Commands that the table does not know are
// taken for writes that do not block and change nothing but data.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string_view>

namespace redstart::core {

/// True when sending it a second time has no second effect, so that it may be retried although the first may have been
/// executed. A read in this sense may still give a different answer the second time.
[[nodiscard]] bool is_read(std::span<const std::string_view> args) noexcept;

/// True when the server may let it wait, so that nothing may stand behind it in a line.
[[nodiscard]] bool blocks(std::span<const std::string_view> args) noexcept;

/// How long the server lets a command wait that `blocks`, rounded up; zero is for ever. Empty when it does not block,
/// or when its arguments give no time: then the server answers with an error at once.
[[nodiscard]] std::optional<std::chrono::milliseconds> block_time(std::span<const std::string_view> args) noexcept;

/// Why the command must not go over a connection that others share, and what to use instead; empty when it may.
[[nodiscard]] std::optional<std::string_view> refusal(std::span<const std::string_view> args) noexcept;

}  // namespace redstart::core
