// SPDX-License-Identifier: MIT
#include "redstart/detail/request.hpp"

#include "core/command_table.hpp"
#include "resp/encoder.hpp"

#include <algorithm>

namespace redstart::detail {

void request::add(std::span<const std::string_view> args, bool repeatable) {
  const std::size_t more = resp::encoded_size(args);
  if (size_ + more > capacity_) reserve(more);
  resp::encode((heap_ ? heap_.get() : inline_) + size_, args);
  size_ += more;
  if (replies_++ == 0) first_command_bytes_ = size_;
  repeatable_ = repeatable_ && repeatable;
}

void request::reserve(std::size_t more) {
  // A single command is taken exactly; only what grows again is given room to.
  const std::size_t capacity = size_ == 0 ? more : std::max(2 * capacity_, size_ + more);
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  std::memcpy(larger.get(), bytes().data(), size_);
  heap_ = std::move(larger);
  capacity_ = capacity;
}

namespace {

// The next bulk string of an encoded command; empty when there is none.
std::string_view take_argument(std::string_view& bytes) noexcept {
  const std::size_t line = bytes.find("\r\n");
  if (line == std::string_view::npos || bytes.front() != '$') return {};
  std::size_t length = 0;
  for (const char digit : bytes.substr(1, line - 1)) length = 10 * length + static_cast<std::size_t>(digit - '0');
  const std::string_view argument = bytes.substr(line + 2, length);
  bytes.remove_prefix(std::min(bytes.size(), line + 2 + length + 2));
  return argument;
}

// What follows the number of arguments.
std::string_view behind_header(std::string_view command) noexcept {
  return command.substr(std::min(command.size(), command.find("\r\n") + 2));
}

void append_printable(std::string& out, std::string_view text) {
  constexpr std::size_t longest = 64;
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  if (text.size() > longest) out += "...";
}

}  // namespace

std::string_view request::first_argument() const noexcept {
  std::string_view rest = behind_header(bytes());
  take_argument(rest);
  return take_argument(rest);
}

std::string request::description() const {
  std::string_view rest = behind_header(bytes());
  const std::string_view name = take_argument(rest);
  std::string text;
  // A name with blanks in it is a whole command line, put into one argument by mistake.
  append_printable(text, name.substr(0, name.find_first_of(" \t\r\n")));
  const core::command_info* command = core::find_command(name);
  // Only keys are shown: any other argument may be a secret.
  if (command && command->first_key == 1) {
    if (const std::string_view key = take_argument(rest); !key.empty()) append_printable(text += ' ', key);
  }
  if (replies_ > 1) text += " and " + std::to_string(replies_ - 1) + " more";
  return text;
}

}  // namespace redstart::detail
