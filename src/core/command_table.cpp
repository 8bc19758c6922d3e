// SPDX-License-Identifier: MIT
#include "core/command_table.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace redstart::core {

namespace {

using enum command_flags::flag;

constexpr auto rows_of_the_server = std::to_array<command_info>({
#include "core/command_data.inc"
});

// The server calls read-only what reads keys. These read something else: sent twice, they have no second effect. Those
// about the connection itself (CLIENT ID) then answer about the connection that carried them last.
// Not here, although they look alike: WAIT and WAITAOF count the writes of their own connection, so on another one they
// would promise what is not true; the HELP subcommands are not worth a row.
constexpr auto harmless_commands = std::to_array<std::string_view>({
    "PING",
    "ECHO",
    "TIME",
    "INFO",
    "ROLE",
    "LASTSAVE",
    "ACL CAT",
    "ACL DRYRUN",
    "ACL GENPASS",
    "ACL GETUSER",
    "ACL LIST",
    "ACL USERS",
    "ACL WHOAMI",
    "CLIENT GETNAME",
    "CLIENT GETREDIR",
    "CLIENT ID",
    "CLIENT INFO",
    "CLIENT LIST",
    "CLIENT TRACKINGINFO",
    "CLUSTER COUNT-FAILURE-REPORTS",
    "CLUSTER COUNTKEYSINSLOT",
    "CLUSTER GETKEYSINSLOT",
    "CLUSTER INFO",
    "CLUSTER KEYSLOT",
    "CLUSTER LINKS",
    "CLUSTER MYID",
    "CLUSTER NODES",
    "CLUSTER REPLICAS",
    "CLUSTER SHARDS",
    "CLUSTER SLOTS",
    "COMMAND",
    "COMMAND COUNT",
    "COMMAND DOCS",
    "COMMAND GETKEYS",
    "COMMAND GETKEYSANDFLAGS",
    "COMMAND INFO",
    "COMMAND LIST",
    "CONFIG GET",
    "FUNCTION DUMP",
    "FUNCTION LIST",
    "FUNCTION STATS",
    "LATENCY DOCTOR",
    "LATENCY GRAPH",
    "LATENCY HISTOGRAM",
    "LATENCY HISTORY",
    "LATENCY LATEST",
    "MEMORY DOCTOR",
    "MEMORY MALLOC-STATS",
    "MEMORY STATS",
    "MODULE LIST",
    "PUBSUB CHANNELS",
    "PUBSUB NUMPAT",
    "PUBSUB NUMSUB",
    "PUBSUB SHARDCHANNELS",
    "PUBSUB SHARDNUMSUB",
    "SCRIPT EXISTS",
    "SLOWLOG GET",
    "SLOWLOG LEN",
});

// The server does not call these blocking, yet they answer only when others have caught up.
constexpr auto also_blocking = std::to_array<std::string_view>({"WAIT", "WAITAOF"});

// What each of them changes, and what to use instead, is said by `refusal`.
constexpr auto connection_commands = std::to_array<std::string_view>({
    "SUBSCRIBE",    "PSUBSCRIBE",     "SSUBSCRIBE",      "UNSUBSCRIBE",
    "PUNSUBSCRIBE", "SUNSUBSCRIBE",   "MONITOR",         "AUTH",
    "HELLO",        "QUIT",           "RESET",           "SELECT",
    "DISCARD",      "EXEC",           "MULTI",           "UNWATCH",
    "WATCH",        "CLIENT CACHING", "CLIENT NO-EVICT", "CLIENT NO-TOUCH",
    "CLIENT REPLY", "CLIENT SETNAME", "CLIENT TRACKING", "ASKING",
    "READONLY",     "READWRITE",      "PSYNC",           "REPLCONF",
    "SCRIPT DEBUG", "SYNC",
});

using table_type = std::array<command_info, rows_of_the_server.size()>;

// A name that the table does not have is a compile error: `throw` is not constant.
template <std::size_t Size>
constexpr void amend(table_type& table, const std::array<std::string_view, Size>& names, std::uint16_t flag) {
  for (std::string_view name : names) {
    const auto row = std::find_if(table.begin(), table.end(), [&](const command_info& c) { return c.name == name; });
    if (row == table.end()) throw "no such command";
    row->flags = static_cast<std::uint16_t>(row->flags | flag);
  }
}

constexpr table_type table = [] {
  table_type amended = rows_of_the_server;
  amend(amended, harmless_commands, harmless);
  amend(amended, also_blocking, blocking);
  amend(amended, connection_commands, connection_state);
  return amended;
}();

// --- Lookup: an open hash table of row numbers, filled by the compiler -----------------------------------------------

constexpr std::size_t bucket_count = 1024;
static_assert(table.size() < bucket_count / 2, "probing gets slow");
constexpr std::uint16_t no_row = 0xffff;

constexpr char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// FNV-1a of the capitals, so that "CONFIG" can be carried on to "CONFIG GET".
constexpr std::uint32_t empty_hash = 2166136261U;
constexpr std::uint32_t hash(std::string_view text, std::uint32_t start = empty_hash) noexcept {
  for (char c : text) start = (start ^ static_cast<unsigned char>(upper(c))) * 16777619U;
  return start;
}

// The low bits of FNV alone are weak for names that differ in their first letters.
constexpr std::size_t bucket_of(std::uint32_t hash) noexcept { return (hash ^ (hash >> 15)) % bucket_count; }

constexpr std::array<std::uint16_t, bucket_count> buckets = [] {
  std::array<std::uint16_t, bucket_count> filled{};
  filled.fill(no_row);
  for (std::size_t row = 0; row < table.size(); ++row) {
    std::size_t bucket = bucket_of(hash(table[row].name));
    while (filled[bucket] != no_row) bucket = (bucket + 1) % bucket_count;
    filled[bucket] = static_cast<std::uint16_t>(row);
  }
  return filled;
}();

template <class Matches>
const command_info* probe(std::uint32_t hash, Matches matches) noexcept {
  for (std::size_t bucket = bucket_of(hash); buckets[bucket] != no_row; bucket = (bucket + 1) % bucket_count) {
    const command_info& row = table[buckets[bucket]];
    if (matches(row.name)) return &row;
  }
  return nullptr;
}

bool is_pair(std::string_view joined, std::string_view first, std::string_view second) noexcept {
  return joined.size() == first.size() + 1 + second.size() && joined[first.size()] == ' ' &&
         equal_ignoring_case(joined.substr(0, first.size()), first) &&
         equal_ignoring_case(joined.substr(first.size() + 1), second);
}

}  // namespace

bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
  const auto same = [](char a, char b) { return upper(a) == upper(b); };
  return left.size() == right.size() && std::equal(left.begin(), left.end(), right.begin(), same);
}

const command_info* find_command(std::string_view name) noexcept {
  return probe(hash(name), [&](std::string_view candidate) { return equal_ignoring_case(candidate, name); });
}

const command_info* find_command(std::string_view name, std::string_view first_argument) noexcept {
  const command_info* command = find_command(name);
  if (command == nullptr || !command->has(container)) return command;
  const std::uint32_t joined = hash(first_argument, hash(" ", hash(name)));
  const command_info* subcommand =
      probe(joined, [&](std::string_view candidate) { return is_pair(candidate, name, first_argument); });
  return subcommand != nullptr ? subcommand : command;
}

const command_info* find_command(std::span<const std::string_view> args) noexcept {
  if (args.empty()) return nullptr;
  return args.size() == 1 ? find_command(args[0]) : find_command(args[0], args[1]);
}

std::span<const command_info> all_commands() noexcept { return table; }

}  // namespace redstart::core
