// SPDX-License-Identifier: MIT
// Writes small JSON objects straight into a string, without a document in between.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace hub {

/// Appends a text with its quotes; `text` must be UTF-8.
void append_quoted(std::string& out, std::string_view text);

/// At most so many bytes of it, not cut within a character.
[[nodiscard]] std::string_view beginning(std::string_view text, std::size_t most);

/// One object, from its first member to `end`. Names are written as they are.
///
///   std::string out;
///   object_writer(out).text("severity", "high").number("risk_score", 65).end();
class object_writer {
 public:
  explicit object_writer(std::string& out) : out_(out) { out_ += '{'; }

  object_writer& text(std::string_view name, std::string_view value) {
    append_quoted(begin(name), value);
    return *this;
  }
  object_writer& number(std::string_view name, std::integral auto value) {
    begin(name) += std::to_string(value);
    return *this;
  }
  /// A value that is JSON already.
  object_writer& raw(std::string_view name, std::string_view json) {
    begin(name) += json;
    return *this;
  }
  template <class Texts>
  object_writer& texts(std::string_view name, const Texts& values) {
    std::string& out = begin(name);
    out += '[';
    for (const std::string_view value : values) {
      if (out.back() != '[') out += ',';
      append_quoted(out, value);
    }
    out += ']';
    return *this;
  }
  void end() { out_ += '}'; }

 private:
  std::string& begin(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    return ((out_ += '"') += name) += "\":";
  }
  std::string& out_;
};

}  // namespace hub
