// SPDX-License-Identifier: MIT
// URLs of servers: refused with words, or understood in full; a password is never shown. The input is the URL; a seed
// has the word SECRET where a password would stand.
#include "fuzz/fuzz.hpp"
#include "net/endpoint.hpp"
#include "redstart/error.hpp"

#include <limits>
#include <optional>

namespace redstart::fuzz {
namespace {

using net::endpoint;
using transport = endpoint::transport;

constexpr std::string_view secret = "SECRET";

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}
bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// Every byte escaped, so that none of them can mean anything.
std::string escaped(std::string_view text, std::string_view plain = {}) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (contains(plain, {&c, 1})) {
      out += c;
    } else {
      ((out += '%') += digits[byte / 16]) += digits[byte % 16];
    }
  }
  return out;
}

std::string url_of(const endpoint& of) {
  const std::string database = std::to_string(of.database);
  const std::string user = escaped(of.username) + ":" + escaped(of.password) + "@";
  switch (of.kind) {
    case transport::tcp:
    case transport::tls:
      return (of.kind == transport::tls ? "rediss://" : "redis://") + user + escaped(of.host) + ":" +
             std::to_string(of.port) + "/" + database;
    case transport::unix_socket:
      return "unix://" + user + escaped(of.path, "/") + "?db=" + database;
    case transport::embedded:
      return "embedded://" + escaped(of.path, "/") + "?db=" + database;
  }
  return {};
}

// Whether a message must not show the secret: it stands once, behind the scheme, and where somebody may have written a
// password: before the last @, behind the colon of a host whose @ was forgotten, or in a query or a fragment behind all
// that, where a password that was not escaped would end.
bool is_hidden(std::string_view url) {
  const auto scheme = url.find("://");
  const std::string_view rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  const auto found = rest.find(secret);
  if (found == std::string_view::npos || url.find(secret) != url.rfind(secret)) return false;
  if (contains(rest.substr(found), "@")) return true;
  const auto host = rest.rfind('@') + 1;  // 0 without one
  const std::string_view before = rest.substr(host, found - host);
  if (before.find_first_of("?#") != std::string_view::npos) return true;
  return host == 0 && !rest.starts_with('[') && contains(before, ":") && !contains(before, "/");
}

std::optional<endpoint> parse(std::string_view url) {
  try {
    return net::parse_url(url);
  } catch (const config_error& refused) {
    const std::string_view what = refused.what();
    require(!has_control(what), "a message has no control characters");
    require(what.size() < 1024, "a message is short");
    require(!is_hidden(url) || !contains(what, secret), "a message has no password", what);
    return std::nullopt;
  }
}

void check(const endpoint& read) {
  const bool network = read.kind == transport::tcp || read.kind == transport::tls;
  require(read.database <= static_cast<unsigned>(std::numeric_limits<int>::max()), "the database is one");
  require(!network || (!read.host.empty() && !has_control(read.host)), "a network endpoint has a host");
  require(!network || read.port != 0, "a network endpoint has a port");
  require(network || read.path.empty() || read.path.starts_with('/'), "paths are absolute");
  require(!has_control(read.path), "paths have no control characters");
  require(read.kind != transport::unix_socket || (read.path.size() > 1 && read.path.size() <= 107),
          "the path of a socket fits into its address");

  const auto again = parse(url_of(read));
  require(again && *again == read, "what was read can be written, and is read the same", url_of(read));

  endpoint other = read;
  other.password = secret;
  const bool elsewhere = contains(read.username, secret) || contains(read.host, secret) || contains(read.path, secret);
  require(elsewhere || !contains(other.display(), secret), "a display has no password", other.display());
}

}  // namespace
}  // namespace redstart::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto read = redstart::fuzz::parse(redstart::fuzz::text_of(data, size))) redstart::fuzz::check(*read);
  return 0;
}
