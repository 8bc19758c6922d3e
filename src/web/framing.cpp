// SPDX-License-Identifier: MIT
#include "web/framing.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace redstart::web::detail {

bool is_token(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  const auto fits = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           others.find(c) != std::string_view::npos;
  };
  return !text.empty() && std::ranges::all_of(text, fits);
}

bool is_field_value(std::string_view text) {
  const auto fits = [](char c) {
    const auto code = static_cast<unsigned char>(c);
    return code == '\t' || (code >= ' ' && code != 0x7f);
  };
  return std::ranges::all_of(text, fits);
}

const char* framing_fault(const http::request_header<>& asked) {
  // Beast has refused what contradicts itself. What is left is a coding whose end it does not know, which it would
  // take for no body at all.
  if (const auto coding = asked.find(http::field::transfer_encoding); coding != asked.end()) {
    if (!boost::beast::iequals(coding->value(), "chunked") || asked.count(http::field::transfer_encoding) > 1) {
      return "its transfer encoding is not known here";
    }
    if (asked.version() < 11) return "HTTP/1.0 has no transfer encodings";
  }
  const auto hosts = asked.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && asked.version() >= 11)) return "it needs one Host header";
  return nullptr;
}

bool has_folded_line(std::string_view head) {
  const auto goes_on = [&](std::size_t at) { return at < head.size() && (head[at] == ' ' || head[at] == '\t'); };
  if (goes_on(0)) return true;
  for (std::size_t at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at + 1)) {
    if (goes_on(at + 1)) return true;
  }
  return false;
}

const char* response_fault(const response& made) {
  const auto status = static_cast<unsigned>(made.status);
  // 1xx would announce another response behind it.
  if (status < 200 || status > 599) return "its status is none of a response";
  if (!is_field_value(made.content_type)) return "its content type has a control character";
  for (const auto& [name, value] : made.headers) {
    if (!is_token(name)) return "the name of a header is no token";
    if (!is_field_value(value)) return "a header has a control character";
    if (name.size() > 256 || value.size() > 32 * 1024) return "a header is too long";
  }
  return nullptr;
}

bool is_bodiless(http::status status) {
  return status == http::status::no_content || status == http::status::not_modified;
}

}  // namespace redstart::web::detail
