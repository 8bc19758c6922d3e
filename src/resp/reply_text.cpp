// SPDX-License-Identifier: MIT
// Replies as text for people, in the manner of redis-cli.
//
//   1) "a"
//   2) 1) (integer) 1
//      2) (nil)
//
// Maps are numbered `1#`, sets `1~`, pushes `1>`; attributes stand as `1|` lines before what they describe.
#include "redstart/reply.hpp"

#include <string>
#include <string_view>

namespace redstart {
namespace {

// Replies nest as deep as the reader's limit, which the user sets; the call stack is not his to set.
constexpr int deepest = 64;

void append_escaped_byte(std::string& out, char byte) {
  constexpr std::string_view plain = "\\\"\n\r\t\a\b";
  constexpr std::string_view spelled = "\\\"nrtab";
  constexpr std::string_view hex = "0123456789abcdef";
  if (const auto found = plain.find(byte); found != std::string_view::npos) {
    out += '\\';
    out += spelled[found];
  } else if (byte >= ' ' && byte <= '~') {
    out += byte;
  } else {
    const auto value = static_cast<unsigned char>(byte);
    out += "\\x";
    out += hex[value >> 4U];
    out += hex[value & 0xFU];
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char byte : text) append_escaped_byte(out, byte);
  out += '"';
}

// For texts that stand alone on their line, where quotes are no end. A line of RESP has no line break, `!` may.
void append_line(std::string& out, std::string_view text) {
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') {
      out += byte;
    } else {
      append_escaped_byte(out, byte);
    }
  }
}

void append_scalar(std::string& out, reply_view view) {
  switch (view.kind()) {
    case reply_kind::simple_string:
      return append_line(out, view.text());
    case reply_kind::bulk_string:
      return append_quoted(out, view.text());
    case reply_kind::error:
      return append_line(out += "(error) ", view.text());
    case reply_kind::number:
      return append_line(out += "(double) ", view.text());
    case reply_kind::big_number:
      return append_line(out += "(big number) ", view.text());
    case reply_kind::verbatim:
      return append_quoted(out += "(verbatim) ", view.text());
    case reply_kind::integer:
      out += "(integer) " + std::to_string(view.integer());
      return;
    case reply_kind::boolean:
      out += view.integer() != 0 ? "(true)" : "(false)";
      return;
    default:
      out += "(nil)";
  }
}

std::string_view name_of_empty(reply_kind kind) {
  switch (kind) {
    case reply_kind::map:
      return "(empty hash)";
    case reply_kind::set:
      return "(empty set)";
    case reply_kind::push:
      return "(empty push)";
    case reply_kind::attribute:
      return "(empty attribute)";
    default:
      return "(empty array)";
  }
}

char mark_of(reply_kind kind) {
  switch (kind) {
    case reply_kind::map:
      return '#';
    case reply_kind::set:
      return '~';
    case reply_kind::push:
      return '>';
    case reply_kind::attribute:
      return '|';
    default:
      return ')';
  }
}

void append_value(std::string& out, reply_view view, const std::string& indent, int depth);

void append_children(std::string& out, reply_view view, const std::string& indent, int depth) {
  const bool pairs = view.kind() == reply_kind::map || view.kind() == reply_kind::attribute;
  const std::size_t lines = pairs ? view.size() / 2 : view.size();
  const std::size_t width = std::to_string(lines).size();
  const std::string inner = indent + std::string(width + 2, ' ');
  auto child = view.begin();
  for (std::size_t line = 1; line <= lines; ++line) {
    if (line > 1) out += '\n' + indent;
    const std::string number = std::to_string(line);
    out.append(width - number.size(), ' ').append(number) += mark_of(view.kind());
    append_value(out += ' ', *child++, inner, depth + 1);
    if (pairs) append_value(out += " => ", *child++, inner, depth + 1);
  }
}

void append_bare(std::string& out, reply_view view, const std::string& indent, int depth) {
  if (!view.is_aggregate()) return append_scalar(out, view);
  if (view.size() == 0) {
    out += name_of_empty(view.kind());
  } else if (depth >= deepest) {
    out += "(...)";
  } else {
    append_children(out, view, indent, depth);
  }
}

// Appends the attributes that stand before the node, the first one first, each on lines of its own.
void append_attributes(std::string& out, reply_view view, const std::string& indent, int depth) {
  const reply_node* node = view.nodes();
  while (node->attributes != 0) node -= node->attributes;
  for (; node != view.nodes(); node += node->extent) {
    append_bare(out, {node, view.base()}, indent, depth);
    out += '\n' + indent;
  }
}

void append_value(std::string& out, reply_view view, const std::string& indent, int depth) {
  append_attributes(out, view, indent, depth);
  append_bare(out, view, indent, depth);
}

}  // namespace

std::string to_string(reply_view view) {
  std::string out;
  append_value(out, view, "", 0);
  return out;
}

}  // namespace redstart
