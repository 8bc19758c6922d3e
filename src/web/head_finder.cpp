// SPDX-License-Identifier: MIT
#include "web/head_finder.hpp"

namespace redstart::web::detail {

namespace {

// Somebody who speaks something else, TLS perhaps, is told at once and not when the time of a request is over.
bool is_method_letter(char c) { return c > ' ' && c < 0x7f; }
bool is_request_line(std::string_view line) { return line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0"); }

}  // namespace

head_finder::result head_finder::look(std::string_view bytes) {
  bytes = bytes.substr(0, longest_);
  if (!bytes.empty() && !is_method_letter(bytes.front())) return result::malformed;
  for (;;) {
    const std::size_t end = bytes.find('\n', scanned_);
    if (end == std::string_view::npos) break;
    const std::string_view line = bytes.substr(line_, end - line_);
    if (!line.ends_with('\r')) return result::malformed;
    if (line_ == 0 && !is_request_line(line.substr(0, line.size() - 1))) return result::malformed;
    line_ = scanned_ = end + 1;
    if (line.size() == 1) return result::whole;
  }
  scanned_ = bytes.size();
  return bytes.size() == longest_ ? result::too_long : result::goes_on;
}

}  // namespace redstart::web::detail
