// SPDX-License-Identifier: MIT
#include "redstart/detail/json_writer.hpp"

#include "client/utf8.hpp"
#include "redstart/error.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>

namespace redstart::detail {

namespace {

// What stands in a JSON string as it is, and needs no look at its neighbours.
bool is_plain(char byte) {
  return byte >= 0x20 && byte != '"' && byte != '\\' && static_cast<unsigned char>(byte) < 0x80;
}

}  // namespace

std::string_view text_at(const char* text) {
  if (text == nullptr) throw encode_error("a null pointer is no text");
  return text;
}

void json_writer::fail(const json_path& at, std::string_view what) { throw encode_error(explain(at, what)); }

void json_writer::open(char bracket, const json_path& at) {
  if (++depth_ > json_max_depth) {
    fail(at, "nested deeper than " + std::to_string(json_max_depth) + " levels, which could not be read back");
  }
  out_ += bracket;
}

void json_writer::close(char bracket) {
  --depth_;
  out_ += bracket;
}

void json_writer::text(std::string_view text, const json_path& at) {
  if (std::ranges::all_of(text, is_plain)) {
    ((out_ += '"') += text) += '"';
    return;
  }
  if (!is_utf8(text)) fail(at, "the text is not UTF-8, which JSON needs; send bytes as a std::string of their own");
  out_ += json::serialize(json::string_view(text));
}

namespace {

// The shortest text that reads back as the same number. Without a point or an exponent it would come back as an
// integer, and -0.0 without its sign.
template <class Real>
bool append_real(std::string& out, Real value) {
  if (!std::isfinite(value)) return false;
  char digits[32];
  const std::string_view text(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  (out += text) += text.find_first_of(".e") == std::string_view::npos ? ".0" : "";
  return true;
}

}  // namespace

void json_writer::number(double value, const json_path& at) {
  if (!append_real(out_, value)) fail(at, "JSON has no NaN and no infinity");
}

void json_writer::number(float value, const json_path& at) {
  if (!append_real(out_, value)) fail(at, "JSON has no NaN and no infinity");
}

void json_writer::native(const json::string& value, const json_path& at) { text({value.data(), value.size()}, at); }

void json_writer::native(const json::array& value, const json_path& at) { list(value, at); }

void json_writer::native(const json::object& value, const json_path& at) {
  open('{', at);
  for (const auto& pair : value) {
    next();
    member({pair.key().data(), pair.key().size()}, pair.value(), at);
  }
  close('}');
}

void json_writer::native(const json::value& value, const json_path& at) {
  switch (value.kind()) {
    case json::kind::null:
      return write(nullptr, at);
    case json::kind::bool_:
      return write(value.get_bool(), at);
    case json::kind::int64:
      return write(value.get_int64(), at);
    case json::kind::uint64:
      return write(value.get_uint64(), at);
    case json::kind::double_:
      return write(value.get_double(), at);
    case json::kind::string:
      return native(value.get_string(), at);
    case json::kind::array:
      return native(value.get_array(), at);
    case json::kind::object:
      return native(value.get_object(), at);
  }
}

}  // namespace redstart::detail
