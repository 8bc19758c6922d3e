// SPDX-License-Identifier: MIT
#include "web/chunked_body.hpp"

#include "web/framing.hpp"

#include <algorithm>
#include <optional>

namespace redstart::web::detail {

namespace {

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

}  // namespace

chunked_body::result chunked_body::take(std::string_view& bytes) {
  while (!bytes.empty()) {
    if (at_ == place::data) {
      const std::string_view part =
          bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
      text_ += part;
      bytes.remove_prefix(part.size());
      left_ -= part.size();
      if (left_ == 0) at_ = place::behind_data;
      continue;
    }
    const char byte = bytes.front();
    bytes.remove_prefix(1);
    if (const result found = take_byte(byte); found != result::goes_on) return found;
  }
  return result::goes_on;
}

chunked_body::result chunked_body::take_byte(char byte) {
  const std::string_view text(&byte, 1);
  switch (at_) {
    case place::size:
      return take_size(byte);
    case place::before_extension:
      return pass_if(is_blank(byte) || byte == ';', byte == ';' ? place::extension : place::before_extension);
    case place::extension:
      return byte == '\r' ? go_on_at(place::header_end) : pass_if(is_field_value(text), place::extension);
    case place::header_end:
      return byte == '\n' ? begin_chunk() : result::malformed;
    case place::behind_data:
      return go_on_if(byte == '\r', place::data_end);
    case place::data_end:
      return go_on_if(byte == '\n', place::size);
    case place::trailer:
      return byte == '\r' ? go_on_at(place::body_end) : pass_if(is_token(text), place::trailer_name);
    case place::trailer_name:
      return byte == ':' ? go_on_at(place::trailer_value) : pass_if(is_token(text), place::trailer_name);
    case place::trailer_value:
      return byte == '\r' ? go_on_at(place::trailer_end) : pass_if(is_field_value(text), place::trailer_value);
    case place::trailer_end:
      return go_on_if(byte == '\n', place::trailer);
    case place::body_end:
      return byte == '\n' ? result::whole : result::malformed;
    case place::data:
      break;
  }
  return result::malformed;
}

chunked_body::result chunked_body::take_size(char byte) {
  constexpr unsigned most_digits = 16;
  if (const auto digit = hex_digit(byte)) {
    left_ = left_ * 16 + *digit;
    return go_on_if(++digits_ <= most_digits, place::size);
  }
  if (digits_ == 0) return result::malformed;
  if (byte == '\r') return go_on_at(place::header_end);
  return pass_if(is_blank(byte) || byte == ';', byte == ';' ? place::extension : place::before_extension);
}

chunked_body::result chunked_body::begin_chunk() noexcept {
  if (left_ > room_) return result::too_large;
  room_ -= static_cast<std::size_t>(left_);
  digits_ = 0;
  return go_on_at(left_ == 0 ? place::trailer : place::data);
}

chunked_body::result chunked_body::go_on_at(place next) noexcept {
  at_ = next;
  return result::goes_on;
}

chunked_body::result chunked_body::pass_if(bool fits, place next) noexcept {
  if (!fits || room_around_ == 0) return result::malformed;
  --room_around_;
  return go_on_at(next);
}

}  // namespace redstart::web::detail
