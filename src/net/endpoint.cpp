// SPDX-License-Identifier: MIT
#include "net/endpoint.hpp"

#include "redstart/error.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace redstart::net {
namespace {

namespace urls = boost::urls;
using transport = endpoint::transport;

constexpr std::string_view accepted_forms =
    "accepted are redis://[user[:password]@]host[:port][/db], rediss://... (the same over TLS), unix:///path[?db=N], "
    "embedded: and embedded:///folder";

// sockaddr_un::sun_path holds 108 bytes, the last of which is the terminating zero.
constexpr std::size_t longest_socket_path = 107;

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_scheme(std::string_view text) {
  constexpr std::string_view others = "+-.";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

// True when `host:port` may in truth be `user:password` whose `@host` was forgotten.
bool may_hold_password(std::string_view authority) {
  if (authority.starts_with('[')) {
    return false;
  }
  const auto colon = authority.find(':');
  return colon != std::string_view::npos && (colon == 0 || !all_digits(authority.substr(colon + 1)));
}

// The part behind the scheme. A password written without percent-encoding may hold any of `/?#:@`, and puts the
// characters around it into parts where they do not belong. Hence the last `@` counts, wherever it stands.
std::string masked_rest(std::string_view rest) {
  std::string prefix;
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    prefix = "***@";
    rest.remove_prefix(at + 1);
  } else if (may_hold_password(rest.substr(0, rest.find_first_of("/?#")))) {
    return "***";
  }
  const auto cut = rest.find_first_of("?#");
  return prefix + std::string(rest.substr(0, cut)) + (cut == std::string_view::npos ? "" : "?***");
}

std::string masked(std::string_view url) {
  constexpr std::size_t longest = 200;
  const auto colon = url.find("://");
  const auto head = colon == std::string_view::npos ? std::string_view{} : url.substr(0, colon + 3);
  if (!head.empty() && !is_scheme(url.substr(0, colon))) {
    return "***";
  }
  std::string text = std::string(head) + masked_rest(url.substr(head.size()));
  std::replace_if(text.begin(), text.end(), [](char c) { return has_control({&c, 1}); }, '?');
  return text.size() <= longest ? text : text.substr(0, longest) + "...";
}

[[noreturn]] void refuse(std::string_view url, const std::string& reason) {
  throw config_error("url (REDIS_URL) \"" + masked(url) + "\": " + reason);
}

std::optional<unsigned> parse_number(std::string_view text) {
  unsigned value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

unsigned read_database(std::string_view url, std::string_view text, const std::string& form) {
  // Redis keeps the number of databases in an int.
  constexpr auto most = static_cast<unsigned>(std::numeric_limits<int>::max());
  if (const auto value = parse_number(text); value && *value <= most) {
    return *value;
  }
  refuse(url, "the database must be a number, written " + form);
}

// A URL and the text it was read from, which messages show masked.
struct source {
  std::string_view text;
  urls::url_view parts;
};

void read_user(const source& url, endpoint& to) {
  to.username = url.parts.user();
  to.password = url.parts.password();
}

void read_host(const source& url, endpoint& to) {
  if (!url.parts.has_authority()) {
    refuse(url.text, "after the scheme, // and a host are expected; " + std::string(accepted_forms));
  }
  to.host = url.parts.host_address();
  if (to.host.empty()) {
    refuse(url.text, "the host is missing; " + std::string(accepted_forms));
  }
  if (has_control(to.host) || to.host.find(' ') != std::string::npos) {
    refuse(url.text, "the host holds a space or a control character");
  }
}

void read_port(const source& url, endpoint& to) {
  // Boost.URL 1.81 leaves what follows the colon in the path when it is no number, and lets numbers overflow.
  const std::string path = url.parts.path();
  const std::string_view text{url.parts.port()};
  const auto port = text.empty() ? std::optional<unsigned>(to.port) : parse_number(text);
  if (!(path.empty() || path.starts_with('/')) || !port || *port == 0 || *port > 65535) {
    refuse(url.text, "the port must be a number from 1 to 65535");
  }
  to.port = static_cast<std::uint16_t>(*port);
}

void read_network(const source& url, endpoint& to) {
  read_host(url, to);
  read_port(url, to);
  read_user(url, to);
  if (url.parts.has_query()) {
    refuse(url.text, "a query is not accepted here; the database is written /db after host and port");
  }
  std::string path = url.parts.path();
  if (!path.empty() && path != "/") {
    to.database = read_database(url.text, std::string_view(path).substr(1), "/db after host and port");
  }
}

void read_query(const source& url, endpoint& to) {
  bool seen = false;
  for (const auto& parameter : url.parts.params()) {
    // The key is not quoted: it may be a piece of a password that was not percent-encoded.
    if (parameter.key != "db" || seen) {
      refuse(url.text, "the only query accepted is ?db=N, once");
    }
    to.database = read_database(url.text, parameter.value, "?db=N");
    seen = true;
  }
}

void read_path(const source& url, endpoint& to, const std::string& form) {
  if (!url.parts.host().empty() || url.parts.has_port()) {
    refuse(url.text, "the path must be absolute, with three slashes: " + form);
  }
  to.path = url.parts.path();
  if (!to.path.empty() && !to.path.starts_with('/')) {
    refuse(url.text, "the path must be absolute: " + form);
  }
  if (has_control(to.path)) {
    refuse(url.text, "the path holds a control character");
  }
  read_query(url, to);
}

void read_unix(const source& url, endpoint& to) {
  read_path(url, to, "unix:///path[?db=N]");
  read_user(url, to);
  if (to.path.empty() || to.path == "/") {
    refuse(url.text, "the path of the socket is missing: unix:///path[?db=N]");
  }
  if (to.path.size() > longest_socket_path) {
    refuse(url.text, "the path of the socket is longer than " + std::to_string(longest_socket_path) +
                         " bytes, which the system does not accept");
  }
}

void read_embedded(const source& url, endpoint& to) {
  read_path(url, to, "embedded:///folder");
  if (url.parts.has_userinfo()) {
    refuse(url.text, "an embedded server has no users and no password: write embedded: or embedded:///folder");
  }
}

transport read_scheme(const source& url) {
  std::string scheme(url.parts.scheme());
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  if (scheme == "redis") return transport::tcp;
  if (scheme == "rediss") return transport::tls;
  if (scheme == "unix") return transport::unix_socket;
  if (scheme == "embedded") return transport::embedded;
  if (scheme == "redis+sentinel" || scheme == "redis+cluster") {
    refuse(url.text, scheme + ":// is not supported yet; " + std::string(accepted_forms));
  }
  refuse(url.text, "the scheme is unknown; " + std::string(accepted_forms));
}

std::string bracketed(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

}  // namespace

std::string endpoint::display() const {
  if (kind == transport::embedded) {
    return (path.empty() ? "embedded:" : "embedded://" + path) +
           (database == 0 ? "" : "?db=" + std::to_string(database));
  }
  const std::string user = password.empty() || username.empty() ? "" : username + "@";
  if (kind == transport::unix_socket) {
    return "unix://" + user + path + "?db=" + std::to_string(database);
  }
  const std::string scheme = kind == transport::tls ? "rediss://" : "redis://";
  return scheme + user + bracketed(host) + ":" + std::to_string(port) + "/" + std::to_string(database);
}

endpoint parse_url(std::string_view text) {
  const auto parsed = urls::parse_uri(text);
  if (!parsed) {
    refuse(text,
           "this is not a URL; special characters in user and password must be percent-encoded (@ is %40, / is "
           "%2F); " +
               std::string(accepted_forms));
  }
  const source url{text, *parsed};
  endpoint result;
  result.kind = read_scheme(url);
  if (url.parts.has_fragment()) {
    refuse(text, "a # must be percent-encoded as %23");
  }
  switch (result.kind) {
    case transport::tcp:
    case transport::tls:
      read_network(url, result);
      break;
    case transport::unix_socket:
      read_unix(url, result);
      break;
    case transport::embedded:
      read_embedded(url, result);
      break;
  }
  return result;
}

endpoint make_endpoint(const config& settings) {
  endpoint result = parse_url(settings.url);
  if (!settings.username.empty()) {
    result.username = settings.username;
  }
  if (!settings.password.empty()) {
    result.password = settings.password;
  }
  if (result.kind == transport::embedded && !(result.username.empty() && result.password.empty())) {
    throw config_error(
        "username (REDIS_USERNAME), password (REDIS_PASSWORD): an embedded server has neither; leave both "
        "empty with url (REDIS_URL) " +
        result.display());
  }
  return result;
}

}  // namespace redstart::net
