// SPDX-License-Identifier: MIT
// What is known about each command of Redis: the server's own description, amended where we judge by hand.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace redstart::core {

namespace command_flags {
enum flag : std::uint16_t {
  none = 0,
  // As the server says, in the words of COMMAND.
  read_only = 1 << 0,
  write = 1 << 1,
  blocking = 1 << 2,      ///< may wait at the server; XREAD and XREADGROUP only with BLOCK, see `blocks`
  movable_keys = 1 << 3,  ///< where the keys stand depends on the arguments; the key positions here are incomplete
  pubsub = 1 << 4,
  no_script = 1 << 5,
  container = 1 << 6,  ///< has subcommands, which have rows of their own
  // As we judge.
  harmless = 1 << 7,          ///< has no effect although the server does not call it read-only: PING, CONFIG GET
  connection_state = 1 << 8,  ///< changes the connection that it is sent over
};
}  // namespace command_flags

/// One command, or one subcommand as "CONFIG GET". Keys are the arguments `first_key`, `first_key + key_step`, … up to
/// `last_key`, counted with the command's name as 0; a negative last key counts from the end; no keys: all are 0.
struct command_info {
  std::string_view name;
  std::uint16_t flags;
  std::int16_t first_key;
  std::int16_t last_key;
  std::int16_t key_step;

  /// True when any of `wanted` is set.
  [[nodiscard]] constexpr bool has(unsigned wanted) const noexcept { return (flags & wanted) != 0; }
};

/// Finds a command, in capitals or not; a subcommand as "CONFIG GET". Null when the table does not have it.
[[nodiscard]] const command_info* find_command(std::string_view name) noexcept;

/// Finds the subcommand when `name` has subcommands and `first_argument` is one of them, otherwise the command itself.
[[nodiscard]] const command_info* find_command(std::string_view name, std::string_view first_argument) noexcept;

/// Finds what a whole command line calls; null for an empty one.
[[nodiscard]] const command_info* find_command(std::span<const std::string_view> args) noexcept;

/// All rows, sorted by name.
[[nodiscard]] std::span<const command_info> all_commands() noexcept;

/// Equal but for the case of ASCII letters, as Redis compares names and options.
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept;

}  // namespace redstart::core
