// SPDX-License-Identifier: MIT
#include "resp/encoder.hpp"

#include <charconv>
#include <cstring>
#include <limits>

namespace redstart::resp {
namespace {

constexpr std::size_t crlf_size = 2;

std::size_t decimal_digits(std::size_t value) noexcept {
  std::size_t digits = 1;
  for (; value >= 10; value /= 10) ++digits;
  return digits;
}

std::size_t header_size(std::size_t value) noexcept { return 1 + decimal_digits(value) + crlf_size; }

char* write_crlf(char* out) noexcept {
  *out++ = '\r';
  *out++ = '\n';
  return out;
}

char* write_number(char* out, std::size_t value) noexcept {
  // The bound is the longest number, not the room that is left: encoded_size() counted the digits already.
  return std::to_chars(out, out + std::numeric_limits<std::size_t>::digits10 + 1, value).ptr;
}

// Most arguments are short.
inline char* write_header(char* out, char type, std::size_t value) noexcept {
  *out++ = type;
  if (value >= 10) {
    out = write_number(out, value);
  } else {
    *out++ = static_cast<char>('0' + value);
  }
  return write_crlf(out);
}

}  // namespace

std::size_t encoded_size(std::span<const std::string_view> args) noexcept {
  std::size_t size = header_size(args.size());
  for (const std::string_view arg : args) size += header_size(arg.size()) + arg.size() + crlf_size;
  return size;
}

char* encode(char* out, std::span<const std::string_view> args) noexcept {
  out = write_header(out, '*', args.size());
  for (const std::string_view arg : args) {
    out = write_header(out, '$', arg.size());
    // An empty view may hold a null pointer, which memcpy must not see.
    if (!arg.empty()) std::memcpy(out, arg.data(), arg.size());
    out = write_crlf(out + arg.size());
  }
  return out;
}

}  // namespace redstart::resp
