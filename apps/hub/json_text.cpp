// SPDX-License-Identifier: MIT
#include "json_text.hpp"

namespace hub {

namespace {

void append_escaped(std::string& out, char c) {
  constexpr std::string_view hex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    default:
      out += "\\u00";
      out += hex[static_cast<unsigned char>(c) >> 4];
      out += hex[static_cast<unsigned char>(c) & 15];
  }
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c != '"' && c != '\\' && static_cast<unsigned char>(c) >= ' ') continue;
    out.append(text, begin, at - begin);
    append_escaped(out, c);
    begin = at + 1;
  }
  out.append(text, begin);
  out += '"';
}

std::string_view beginning(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  const auto goes_on = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };
  std::size_t end = most;
  while (end > 0 && most - end < 3 && goes_on(end)) --end;
  return text.substr(0, end);
}

}  // namespace hub
