// SPDX-License-Identifier: MIT
#include "resp/reader.hpp"

#include "resp/double_text.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <system_error>

namespace redstart::resp {
namespace {

constexpr std::size_t crlf_size = 2;
constexpr std::size_t longest_text_line = 64 * 1024;
// The longest number has 20 characters; the rest is room for leading zeros.
constexpr std::size_t longest_number_line = 32;
// `txt:`
constexpr std::size_t verbatim_format_size = 4;
constexpr std::size_t largest_extent = std::numeric_limits<std::uint32_t>::max();

bool is_crlf(const char* at) noexcept { return at[0] == '\r' && at[1] == '\n'; }

bool is_big_number(std::string_view text) noexcept {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_double(std::string_view text) noexcept {
  double ignored = 0;
  return parse_double(text, ignored) != std::errc::invalid_argument;
}

}  // namespace

reader::reader(limits bounds) : limits_(bounds) {
  limits_.elements = std::min(limits_.elements, largest_extent - 1);
  // A caller may set a limit that nobody reaches, so it is no size to reserve.
  open_.reserve(std::min(limits_.depth, limits{}.depth));
}

void reader::reset() noexcept {
  open_.clear();
  begin();
  status_ = read_status::complete;
}

void reader::begin() noexcept {
  assert(open_.empty());
  status_ = read_status::need_more;
  next_ = scanned_ = appended_ = announced_ = attribute_ = root_ = 0;
  wanted_ = 1;
}

read_status reader::read(std::string_view data, std::vector<reply_node>& nodes) {
  if (status_ == read_status::complete) {
    if (read_whole_bulk(data, nodes)) return status_;
    begin();
  }
  if (status_ == read_status::violation) return status_;
  do {
    if (data.size() < wanted_) return read_status::need_more;
    if (const read_status item = read_item(data, nodes); item != read_status::complete) return item;
    wanted_ = next_ + 1;
  } while (!open_.empty() || attribute_ != 0);
  return status_ = read_status::complete;
}

// The commonest reply by far, a bulk string that stands alone and is all there, for half of the instructions that the
// general way takes (docs/performance.md). Whatever is unusual about it, a wrong byte included, is left to that way,
// with nothing touched: so this decides nothing that the general way would decide differently.
bool reader::read_whole_bulk(std::string_view data, std::vector<reply_node>& nodes) {
  constexpr std::size_t most_digits = 9;
  const char* const begin = data.data();
  const std::size_t stop = std::min(data.size(), most_digits + 1);
  if (data.empty() || *begin != '$') return false;
  std::size_t size = 0;
  std::size_t at = 1;
  for (; at < stop; ++at) {
    const auto digit = static_cast<unsigned>(static_cast<unsigned char>(begin[at])) - '0';
    if (digit > 9) break;
    size = size * 10 + digit;
  }
  const std::size_t text = at + crlf_size;
  if (at == 1 || data.size() < text + size + crlf_size || size > limits_.bulk_bytes) return false;
  if (!is_crlf(begin + at) || !is_crlf(begin + text + size)) return false;
  reply_node& node = nodes.emplace_back();
  node.kind = reply_kind::bulk_string;
  node.offset = text;
  node.size = size;
  next_ = text + size + crlf_size;
  root_ = 0;
  return true;
}

// Reads the scalar or the header of the aggregate at next_. On `complete` next_ stands behind it.
read_status reader::read_item(std::string_view data, std::vector<reply_node>& nodes) {
  switch (data[next_]) {
    case '$':
      return read_bulk(reply_kind::bulk_string, data, nodes);
    case '+':
      return read_text(reply_kind::simple_string, data, nodes);
    case ':':
      return read_integer(data, nodes);
    case '*':
      return read_aggregate(reply_kind::array, data, nodes);
    case '_':
      return read_null(data, nodes);
    case '-':
      return read_text(reply_kind::error, data, nodes);
    case '#':
      return read_boolean(data, nodes);
    case ',':
      return read_text(reply_kind::number, data, nodes);
    case '(':
      return read_text(reply_kind::big_number, data, nodes);
    case '!':
      return read_bulk(reply_kind::error, data, nodes);
    case '=':
      return read_bulk(reply_kind::verbatim, data, nodes);
    case '%':
      return read_aggregate(reply_kind::map, data, nodes);
    case '~':
      return read_aggregate(reply_kind::set, data, nodes);
    case '>':
      return read_aggregate(reply_kind::push, data, nodes);
    case '|':
      return read_aggregate(reply_kind::attribute, data, nodes);
    default:
      return fail("unknown type byte");
  }
}

read_status reader::read_text(reply_kind kind, std::string_view data, std::vector<reply_node>& nodes) {
  std::string_view line;
  std::size_t after = 0;
  if (const auto status = scan_line(data, longest_text_line, line, after); status != read_status::complete)
    return status;
  if (kind == reply_kind::number && !is_double(line)) return fail("malformed double");
  if (kind == reply_kind::big_number && !is_big_number(line)) return fail("malformed big number");
  reply_node& node = append(kind, nodes);
  node.offset = next_ + 1;
  node.size = line.size();
  return end_value(after, nodes);
}

read_status reader::read_integer(std::string_view data, std::vector<reply_node>& nodes) {
  std::int64_t value = 0;
  std::size_t after = 0;
  if (const auto status = scan_integer(data, value, after); status != read_status::complete) return status;
  append(reply_kind::integer, nodes).integer = value;
  return end_value(after, nodes);
}

read_status reader::read_boolean(std::string_view data, std::vector<reply_node>& nodes) {
  std::string_view line;
  std::size_t after = 0;
  if (const auto status = scan_line(data, 1, line, after); status != read_status::complete) return status;
  if (line != "t" && line != "f") return fail("malformed boolean");
  append(reply_kind::boolean, nodes).integer = line == "t" ? 1 : 0;
  return end_value(after, nodes);
}

read_status reader::read_null(std::string_view data, std::vector<reply_node>& nodes) {
  std::string_view line;
  std::size_t after = 0;
  if (const auto status = scan_line(data, 0, line, after); status != read_status::complete) return status;
  append(reply_kind::null, nodes);
  return end_value(after, nodes);
}

read_status reader::read_bulk(reply_kind kind, std::string_view data, std::vector<reply_node>& nodes) {
  std::int64_t announced = 0;
  std::size_t text = 0;
  if (const auto status = scan_integer(data, announced, text); status != read_status::complete) return status;
  if (announced == -1 && kind == reply_kind::bulk_string) {
    append(reply_kind::null, nodes);
    return end_value(text, nodes);
  }
  if (announced < 0) return fail("negative length");
  auto size = static_cast<std::size_t>(announced);
  if (size > limits_.bulk_bytes) return fail("bulk string longer than the limit");
  if (kind == reply_kind::verbatim && size < verbatim_format_size) return fail("verbatim string without a format");

  const std::size_t end = text + size;
  if (data.size() < end + crlf_size) return wait_for(end + crlf_size);
  if (!is_crlf(data.data() + end)) return fail("bulk string is not followed by CRLF");
  if (kind == reply_kind::verbatim) {
    if (data[text + verbatim_format_size - 1] != ':') return fail("verbatim string without a format");
    text += verbatim_format_size;
    size -= verbatim_format_size;
  }
  reply_node& node = append(kind, nodes);
  node.offset = text;
  node.size = size;
  return end_value(end + crlf_size, nodes);
}

read_status reader::read_aggregate(reply_kind kind, std::string_view data, std::vector<reply_node>& nodes) {
  std::int64_t count = 0;
  std::size_t after = 0;
  if (const auto status = scan_integer(data, count, after); status != read_status::complete) return status;
  if (count == -1 && kind == reply_kind::array) {
    append(reply_kind::null, nodes);
    return end_value(after, nodes);
  }
  std::uint64_t children = 0;
  if (const auto status = accept_count(kind, count, children); status != read_status::complete) return status;
  const std::size_t index = appended_;
  append(kind, nodes).size = children;
  if (children != 0) {
    open_.push_back({index, children});
    next_ = after;
    return read_status::complete;
  }
  if (kind != reply_kind::attribute) return end_value(after, nodes);
  attribute_ = index + 1;
  next_ = after;
  return read_status::complete;
}

// Counts what is announced, not what has arrived: nested headers that together promise too much fail at once.
read_status reader::accept_count(reply_kind kind, std::int64_t count, std::uint64_t& children) {
  if (count < 0) return fail("negative length");
  if (open_.size() >= limits_.depth) return fail("nested deeper than the limit");
  const bool pairs = kind == reply_kind::map || kind == reply_kind::attribute;
  std::size_t room = limits_.elements - announced_;
  // An attribute is no element of what it stands in, but a chain of them must end too.
  if (kind == reply_kind::attribute) {
    if (room == 0) return fail("more elements than the limit");
    --room;
    ++announced_;
  }
  if (static_cast<std::uint64_t>(count) > (pairs ? room / 2 : room)) return fail("more elements than the limit");
  children = static_cast<std::uint64_t>(count) * (pairs ? 2 : 1);
  announced_ += children;
  return read_status::complete;
}

// Finds the end of the line at next_, whose text is at most `longest` bytes.
read_status reader::scan_line(std::string_view data, std::size_t longest, std::string_view& line, std::size_t& after) {
  const std::size_t start = next_ + 1;
  // One byte behind the longest text may be looked at. It has to be the CR: so the verdict is the same for every split.
  const std::size_t stop = std::min(data.size(), start + longest + 1);
  std::size_t at = std::max(scanned_, start);
  while (at < stop && data[at] != '\r' && data[at] != '\n') ++at;
  scanned_ = at;
  if (at == stop) return stop > start + longest ? fail("line too long") : wait_for(data.size() + 1);
  if (data[at] == '\n') return fail("LF without CR");
  if (at + 1 == data.size()) return wait_for(data.size() + 1);
  if (data[at + 1] != '\n') return fail("CR without LF");
  line = data.substr(start, at - start);
  after = at + crlf_size;
  return read_status::complete;
}

// Reads a number and its CRLF: an integer, or the length of a string or an aggregate.
read_status reader::scan_integer(std::string_view data, std::int64_t& value, std::size_t& after) {
  constexpr std::uint64_t largest_tenth = std::numeric_limits<std::int64_t>::max() / 10;
  const std::size_t start = next_ + 1;
  const std::size_t stop = std::min(data.size(), start + longest_number_line + 1);
  std::size_t at = start;
  bool negative = false;
  if (at < stop && (data[at] == '-' || data[at] == '+')) negative = data[at++] == '-';

  const std::size_t first_digit = at;
  std::uint64_t magnitude = 0;
  for (; at < stop; ++at) {
    const auto digit = static_cast<unsigned>(static_cast<unsigned char>(data[at])) - '0';
    if (digit > 9) break;
    // 2^63 - 1 ends in 7, and one more is allowed below zero.
    if (magnitude >= largest_tenth && (magnitude > largest_tenth || digit > (negative ? 8U : 7U)))
      return fail("integer out of range");
    magnitude = magnitude * 10 + digit;
  }
  if (at == stop) return stop > start + longest_number_line ? fail("line too long") : wait_for(data.size() + 1);
  if (data[at] == '?' && at == start && data[next_] != ':')
    return fail("streamed strings and aggregates are not supported");
  if (data[at] != '\r' || at == first_digit) return fail("malformed integer");
  if (at + 1 == data.size()) return wait_for(data.size() + 1);
  if (data[at + 1] != '\n') return fail("CR without LF");
  value = static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
  after = at + crlf_size;
  return read_status::complete;
}

reply_node& reader::append(reply_kind kind, std::vector<reply_node>& nodes) {
  assert(nodes.size() >= appended_);
  reply_node& node = nodes.emplace_back();
  node.kind = kind;
  if (attribute_ != 0) {
    node.attributes = static_cast<std::uint32_t>(appended_ + 1 - attribute_);
    attribute_ = 0;
  }
  // Attributes at the top take this place too, until what they describe takes it from them.
  if (open_.empty()) root_ = appended_;
  ++appended_;
  return node;
}

// A value ended at `after`, and with it every aggregate whose last child it was.
read_status reader::end_value(std::size_t after, std::vector<reply_node>& nodes) {
  next_ = after;
  while (!open_.empty() && --open_.back().left == 0) {
    const std::size_t index = open_.back().node;
    reply_node& node = nodes[nodes.size() - appended_ + index];
    node.extent = static_cast<std::uint32_t>(appended_ - index);
    open_.pop_back();
    // An attribute is no child of what surrounds it: nothing ends with it.
    if (node.kind == reply_kind::attribute) {
      attribute_ = index + 1;
      break;
    }
  }
  return read_status::complete;
}

read_status reader::wait_for(std::size_t bytes) noexcept {
  wanted_ = bytes;
  return read_status::need_more;
}

read_status reader::fail(std::string_view why) noexcept {
  violation_ = why;
  return status_ = read_status::violation;
}

}  // namespace redstart::resp
