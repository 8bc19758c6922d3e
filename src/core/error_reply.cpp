// SPDX-License-Identifier: MIT
#include "core/error_reply.hpp"

#include <algorithm>
#include <array>

namespace redstart::core {

namespace {

struct known_error {
  std::string_view code;
  std::string_view phrase;  // part of the text, as written by the server; empty: the code is enough
  std::string_view advice;
};

// The first row that fits wins, so rows with a phrase stand before those of their code alone.
constexpr auto known_errors = std::to_array<known_error>({
    {"ERR", "max number of clients",
     "the server's connection limit is reached: raise its maxclients or lower max_leased"},
    {"ERR", "DB index", "this server has no such database: check the number in the URL and the server's `databases`"},
    {"ERR", "without any password configured",
     "the server asks for no password: remove it from the URL, or set it there"},
    {"ERR", "no password is set", "the server asks for no password: remove it from the URL, or set it there"},
    {"ERR", "unknown command", "this server does not have the command: check its version, its ACL and rename-command"},
    {"ERR", "CROSSSLOT", "all keys of one command must be in one slot: give them a common {tag}"},
    {"MISCONF", "", "the server cannot save to its disk: check the disk's space and permissions, and the server's log"},
    {"OOM", "", "the server's memory is full: raise maxmemory, choose an eviction policy, or delete keys"},
    {"NOAUTH", "", "the server asks for a password: set it in the URL or in REDIS_PASSWORD"},
    {"WRONGPASS", "", "check the user name and the password, and that the user is enabled"},
    {"NOPERM", "", "this user's ACL does not allow it: see ACL GETUSER on the server"},
    {"DENIED", "", "the server is in protected mode: give it a password or a bind address"},
    {"WRONGTYPE", "", "the key holds a value of another kind: see TYPE"},
    {"NOSCRIPT", "", "the server does not know the script any more: send it again with EVAL or SCRIPT LOAD"},
    {"NOPROTO", "", "the server does not speak this protocol version: set protocol to 2"},
    {"READONLY", "", "this is a replica: connect to the primary"},
    {"LOADING", "", "the server is reading its data from disk: try again when it has finished"},
    {"BUSY", "", "a script has been running for long: wait, or stop it with SCRIPT KILL or FUNCTION KILL"},
    {"MASTERDOWN", "", "this replica has lost its primary: wait for the link, or connect to the primary"},
    {"NOREPLICAS", "", "too few replicas are connected to accept writes: see min-replicas-to-write"},
    {"CLUSTERDOWN", "", "the cluster does not serve this slot now: see CLUSTER INFO"},
    {"TRYAGAIN", "", "the keys are being moved to another node: try again shortly"},
    {"CROSSSLOT", "", "all keys of one command must be in one slot: give them a common {tag}"},
    {"MOVED", "", "this server is a node of a cluster and another node has the key: connect to the cluster"},
    {"ASK", "", "this server is a node of a cluster and another node has the key: connect to the cluster"},
    {"EXECABORT", "", "a command of the transaction was refused when it was queued; none was executed"},
    {"UNBLOCKED", "", "the waiting was ended from outside: a role change, or CLIENT UNBLOCK by somebody else"},
    {"NOGROUP", "", "the stream or its consumer group does not exist: make it with XGROUP CREATE … MKSTREAM"},
    {"BUSYGROUP", "", "the consumer group exists already"},
});

constexpr bool is_code_character(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Servers and their versions differ in capitals.
bool contains(std::string_view text, std::string_view phrase) noexcept {
  const auto same = [](char left, char right) { return lower(left) == lower(right); };
  return std::search(text.begin(), text.end(), phrase.begin(), phrase.end(), same) != text.end();
}

template <std::size_t Size>
bool one_of(std::string_view word, const std::array<std::string_view, Size>& words) noexcept {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

std::string_view error_code(std::string_view text) noexcept {
  const std::string_view word = text.substr(0, text.find(' '));
  const bool capitals = !word.empty() && word.front() >= 'A' && word.front() <= 'Z' &&
                        std::all_of(word.begin(), word.end(), is_code_character);
  return capitals ? word : std::string_view("ERR");
}

bool refused_before_execution(std::string_view text) noexcept {
  constexpr auto codes =
      std::to_array<std::string_view>({"LOADING", "BUSY", "READONLY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN"});
  return one_of(error_code(text), codes);
}

bool hopeless_login(std::string_view text) noexcept {
  constexpr auto codes = std::to_array<std::string_view>({"WRONGPASS", "NOAUTH", "NOPERM", "DENIED"});
  // The last three are AUTH without a configured password from version 6 and before, and a user name before version 6.
  constexpr auto phrases = std::to_array<std::string_view>({"DB index", "invalid password", "Client names cannot",
                                                            "without any password configured", "no password is set",
                                                            "wrong number of arguments for 'auth'"});
  const auto occurs = [&](std::string_view phrase) { return contains(text, phrase); };
  const std::string_view code = error_code(text);
  return one_of(code, codes) || (code == "ERR" && std::any_of(phrases.begin(), phrases.end(), occurs));
}

bool hello_unsupported(std::string_view text) noexcept {
  const std::string_view code = error_code(text);
  if (code == "NOPROTO") return true;
  return code == "ERR" &&
         (contains(text, "unknown command") || contains(text, "unsupported") || contains(text, "not supported"));
}

std::string_view advice(std::string_view text) noexcept {
  const std::string_view code = error_code(text);
  for (const known_error& known : known_errors) {
    if (known.code == code && contains(text, known.phrase)) return known.advice;
  }
  return {};
}

}  // namespace redstart::core
