// SPDX-License-Identifier: MIT
// Bytes of Redis as values of many types: refused with words, or a value that is written and read again as itself. The
// input is what a key held.
#include "client/utf8.hpp"
#include "fuzz/fuzz.hpp"
#include "redstart/codec.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/operators.hpp>
#include <boost/json/parse.hpp>

#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <type_traits>
#include <variant>

namespace redstart::fuzz {
namespace {

namespace json = boost::json;
using boost::describe::operators::operator==;

enum class level { idle, armed, alarm };
BOOST_DESCRIBE_ENUM(level, idle, armed, alarm)

struct box {
  float left = 0;
  std::uint8_t width = 0;
};
BOOST_DESCRIBE_STRUCT(box, (), (left, width))

struct event {
  std::string id;
  std::optional<level> state;
  std::optional<double> score;
  std::variant<int, double, std::string, std::vector<box>, std::monostate> detail;
  std::map<std::string, box> boxes;
  std::map<int, std::vector<bool>> seen;
  std::optional<std::pair<std::int64_t, std::uint64_t>> range;
};
BOOST_DESCRIBE_STRUCT(event, (), (id, state, score, detail, boxes, seen, range))

// A variant at each level: what an attacker would nest.
struct tree {
  std::variant<bool, std::vector<tree>, std::map<std::string, std::vector<tree>>> node;
};
BOOST_DESCRIBE_STRUCT(tree, (), (node))

template <class T>
std::optional<T> decode(std::string_view bytes) {
  try {
    return detail::decode_value<T>(bytes);
  } catch (const mismatch& refused) {
    const std::string_view what = refused.what();
    require(!what.empty() && what.size() < 8192, "a message says something, and is short");
    require(detail::is_utf8(what), "a message is UTF-8");
    return std::nullopt;
  }
}

// JSON has no NaN, so that what was read always equals itself.
template <class T>
void round_trip(std::string_view bytes) {
  const std::optional<T> value = decode<T>(bytes);
  if (!value) return;
  std::string first;
  const std::string_view written = detail::encode_value(*value, first);
  require(detail::is_utf8(written), "what is written is UTF-8");
  const std::optional<T> again = decode<T>(written);
  require(again.has_value(), "what is written can be read", written);
  require(*again == *value, "what is written is read the same", written);
  std::string second;
  require(detail::encode_value(*again, second) == written, "what is read is written the same", written);
}

void as_document(std::string_view bytes) {
  const json::value value = detail::decode_value<json::value>(bytes);
  json::value parsed;
  std::string why;
  const bool is_json = detail::parse_json(bytes, parsed, &why);
  require(is_json == why.empty(), "a document is refused with words");
  if (!is_json) {
    const auto* text = value.if_string();
    require(text != nullptr && std::string_view(text->data(), text->size()) == bytes, "what is no JSON is a string");
  }
  std::string scratch;
  const std::string_view written = detail::encode_value(value, scratch);
  // A string is written as it is, and may then be the text of something else.
  if (value.is_string()) return;
  const json::value again = detail::decode_value<json::value>(written);
  require(again == value && again.kind() == value.kind(), "a document is read as it was written", written);
  std::string second;
  require(detail::encode_value(again, second) == written, "a document is written as it was read", written);
  boost::system::error_code refused;
  (void)json::parse(json::string_view(written.data(), written.size()), refused);
  require(!refused, "others can read what is written", written);
}

// The C library reads numbers exactly, too.
void as_number(std::string_view bytes) {
  const auto value = decode<double>(bytes);
  if (!value) return;
  require(std::isfinite(*value), "JSON has no NaN and no infinity");
  const double expected = std::strtod(std::string(bytes).c_str(), nullptr);
  const bool subnormal = std::abs(expected) < std::numeric_limits<double>::min();
  require(*value == expected || (subnormal && *value == 0), "a number is the nearest double", bytes);
}

}  // namespace
}  // namespace redstart::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redstart::fuzz;
  const std::string_view bytes = text_of(data, size);
  as_document(bytes);
  as_number(bytes);
  round_trip<event>(bytes);
  round_trip<tree>(bytes);
  round_trip<float>(bytes);
  round_trip<std::vector<std::optional<std::variant<std::int8_t, float, std::string, level>>>>(bytes);
  round_trip<std::map<std::int64_t, std::tuple<bool, std::string>>>(bytes);
  round_trip<std::optional<std::string>>(bytes);
  round_trip<boost::json::object>(bytes);
  return 0;
}
