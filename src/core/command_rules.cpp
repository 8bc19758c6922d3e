// SPDX-License-Identifier: MIT
#include "core/command_rules.hpp"

#include "core/command_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace redstart::core {

namespace {

using std::chrono::milliseconds;
using args_view = std::span<const std::string_view>;

// Beyond it a double no longer counts milliseconds exactly; servers refuse such times.
constexpr double longest_wait = 0x1p53;

template <class Number>
std::optional<Number> whole_number(std::string_view text) noexcept {
  Number number{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<milliseconds> from_seconds(std::string_view text) noexcept {
  const auto seconds = whole_number<double>(text);
  if (!seconds) return std::nullopt;
  const bool in_range = *seconds >= 0 && *seconds * 1000 < longest_wait;  // not so for NaN
  if (!in_range) return std::nullopt;
  return milliseconds(static_cast<std::int64_t>(std::ceil(*seconds * 1000)));
}

std::optional<milliseconds> from_milliseconds(std::string_view text) noexcept {
  const auto count = whole_number<std::int64_t>(text);
  if (!count || *count < 0) return std::nullopt;
  return milliseconds(*count);
}

bool reads_streams(const command_info& command) noexcept {
  return command.name == "XREAD" || command.name == "XREADGROUP";
}

// The value of BLOCK in `XREAD [COUNT n] [BLOCK ms] STREAMS …` and `XREADGROUP GROUP group consumer …`, null without.
// Groups, consumers and streams may themselves be called BLOCK, so options are walked with their operands.
const std::string_view* block_option(args_view args) noexcept {
  const std::string_view* value = nullptr;
  for (std::size_t i = 1; i < args.size() && !equal_ignoring_case(args[i], "STREAMS"); ++i) {
    if (equal_ignoring_case(args[i], "GROUP")) {
      i += 2;
    } else if (equal_ignoring_case(args[i], "COUNT") || equal_ignoring_case(args[i], "CLAIM")) {
      i += 1;
    } else if (equal_ignoring_case(args[i], "BLOCK") && i + 1 < args.size()) {
      value = &args[++i];
    }
  }
  return value;
}

struct refused_family {
  std::string_view reason;
  std::array<std::string_view, 6> names;
};

constexpr auto refused_families = std::to_array<refused_family>({
    {"subscribing changes the whole connection; use client::subscribe",
     {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"}},
    {"MULTI and WATCH concern everything sent over the connection; use a transaction",
     {"MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"}},
    {"SELECT changes the database for everybody on the connection; name the database in the URL, or use another client",
     {"SELECT"}},
    {"logging in changes the whole connection; set username, password and protocol in the configuration",
     {"AUTH", "HELLO"}},
    {"RESET and QUIT end what others have under way on the connection; use client::disconnect", {"RESET", "QUIT"}},
    {"MONITOR turns the connection into an endless stream; use redis-cli", {"MONITOR"}},
    {"CLIENT REPLY takes away the answers that others wait for", {"CLIENT REPLY"}},
    {"CLIENT SETNAME names the whole connection; set client_name in the configuration", {"CLIENT SETNAME"}},
    {"it changes the connection for everybody who shares it",
     {"CLIENT TRACKING", "CLIENT CACHING", "CLIENT NO-EVICT", "CLIENT NO-TOUCH", "READONLY", "READWRITE"}},
    {"ASKING concerns the next command on the connection, which may be somebody else's", {"ASKING"}},
    {"it turns the connection into something other than a line of commands",
     {"SYNC", "PSYNC", "REPLCONF", "SCRIPT DEBUG"}},
});

}  // namespace

bool is_read(args_view args) noexcept {
  const command_info* command = find_command(args);
  return command != nullptr && command->has(command_flags::read_only | command_flags::harmless);
}

bool blocks(args_view args) noexcept {
  const command_info* command = find_command(args);
  if (command == nullptr || !command->has(command_flags::blocking)) return false;
  return !reads_streams(*command) || block_option(args) != nullptr;
}

std::optional<milliseconds> block_time(args_view args) noexcept {
  const command_info* command = find_command(args);
  if (command == nullptr || !command->has(command_flags::blocking) || args.size() < 2) return std::nullopt;
  const std::string_view name = command->name;
  if (reads_streams(*command)) {
    const std::string_view* value = block_option(args);
    return value != nullptr ? from_milliseconds(*value) : std::nullopt;
  }
  if (name == "WAIT" || name == "WAITAOF") return from_milliseconds(args.back());
  if (name == "BLMPOP" || name == "BZMPOP") return from_seconds(args[1]);
  return from_seconds(args.back());
}

std::optional<std::string_view> refusal(args_view args) noexcept {
  const command_info* command = find_command(args);
  if (command == nullptr || !command->has(command_flags::connection_state)) return std::nullopt;
  for (const refused_family& family : refused_families) {
    const auto* const found = std::find(family.names.begin(), family.names.end(), command->name);
    if (found != family.names.end()) return family.reason;
  }
  return std::nullopt;
}

}  // namespace redstart::core
