// SPDX-License-Identifier: MIT
#include "web/response_head.hpp"

#include "web/framing.hpp"
#include "web/http_date.hpp"

#include <boost/beast/core/string.hpp>

#include <array>
#include <charconv>
#include <string_view>

namespace redstart::web::detail {

namespace {

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), written.ptr);
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

// Headers that we write by ourselves.
bool is_ours(std::string_view name) {
  for (const char* own : {"Transfer-Encoding", "Content-Length", "Connection", "Date", "X-Content-Type-Options"}) {
    if (boost::beast::iequals({name.data(), name.size()}, own)) return true;
  }
  return false;
}

// Upgrade is for the next hop only, which Connection says: https://www.rfc-editor.org/rfc/rfc9110#section-7.8
std::string_view connection_options(const reply_to& to, bool upgrades) {
  if (!to.keep) return upgrades ? "close, upgrade" : "close";
  if (to.version < 11) return upgrades ? "keep-alive, upgrade" : "keep-alive";
  return upgrades ? "upgrade" : "";
}

}  // namespace

void append_head(std::string& out, const response& made, const reply_to& to) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<unsigned>(made.status));
  const auto reason = http::obsolete_reason(made.status);
  out.append(1, ' ').append(reason.data(), reason.size()).append("\r\n");
  append_header(out, "Date", http_date());
  if (!made.content_type.empty()) append_header(out, "Content-Type", made.content_type);
  // Nobody shall guess that an answer is a script.
  out.append("X-Content-Type-Options: nosniff\r\n");
  bool upgrades = false;
  for (const auto& [name, value] : made.headers) {
    upgrades = upgrades || boost::beast::iequals(name, "Upgrade");
    const bool twice = !made.content_type.empty() && boost::beast::iequals(name, "Content-Type");
    if (!twice && !is_ours(name)) append_header(out, name, value);
  }
  const std::string_view options = connection_options(to, upgrades);
  if (!options.empty()) append_header(out, "Connection", options);
  if (!is_bodiless(made.status)) {
    out.append("Content-Length: ");
    append_number(out, made.body.size());
    out.append("\r\n");
  }
  out.append("\r\n");
}

}  // namespace redstart::web::detail
