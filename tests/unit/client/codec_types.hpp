// SPDX-License-Identifier: MIT
// Types that the tests of the codec share, one for each thing a user may describe.
#pragma once

#include "redstart/codec.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/operators.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace codec_types {

using boost::describe::operators::operator==;

enum class level { idle, armed, alarm };
BOOST_DESCRIBE_ENUM(level, idle, armed, alarm)

struct detection {
  int camera_id = 0;
  std::string timestamp;
  std::vector<std::string> objects;
};
BOOST_DESCRIBE_STRUCT(detection, (), (camera_id, timestamp, objects))

struct event {
  std::string id;
  level state = level::idle;
};
BOOST_DESCRIBE_STRUCT(event, (), (id, state))

struct camera_event : event {
  std::optional<double> score;
  std::map<std::string, detection> detections;
};
BOOST_DESCRIBE_STRUCT(camera_event, (event), (score, detections))

class sealed {
 public:
  sealed() = default;
  explicit sealed(int value) : secret_(value) {}
  [[nodiscard]] int secret() const { return secret_; }

 private:
  int secret_ = 0;
  BOOST_DESCRIBE_CLASS(sealed, (), (), (), (secret_))
};

struct tree {
  std::string name;
  std::vector<tree> children;
};
BOOST_DESCRIBE_STRUCT(tree, (), (name, children))

struct nothing {};
BOOST_DESCRIBE_STRUCT(nothing, (), ())

// Has a conversion for Boost.JSON, which keeps part of the document.
struct opaque {
  boost::json::value content;
  friend void tag_invoke(boost::json::value_from_tag, boost::json::value& to, const opaque& from) {
    to = {{"opaque", from.content}};
  }
  friend opaque tag_invoke(boost::json::value_to_tag<opaque>, const boost::json::value& from) {
    return {from.as_object().at("opaque")};
  }
};

// Has a conversion for Boost.JSON that does not throw, and only in this direction.
struct even {
  int number = 0;
  friend boost::json::result<even> tag_invoke(boost::json::try_value_to_tag<even>, const boost::json::value& from) {
    const auto* integer = from.if_int64();
    if (integer == nullptr || *integer % 2 != 0) return make_error_code(boost::json::error::not_number);
    return even{static_cast<int>(*integer)};
  }
};

// Has a format of its own.
struct frame {
  int number = 0;
};

// Can only be written, from bytes it has already.
struct blob {
  std::string bytes;
};

struct undescribed {
  int x = 0;
};

struct convertible {
  std::string inner;
  operator std::string_view() const { return inner; }  // NOLINT(google-explicit-constructor): what is tested
};

// Alternatives that look alike until the bottom of the tree.
struct oak;
struct elm;
struct fir;
struct yew;
using branches = std::vector<std::variant<oak, elm, fir, yew>>;
struct oak {
  branches next;
};
struct elm {
  branches next;
};
struct fir {
  branches next;
};
struct yew {
  branches next;
};
BOOST_DESCRIBE_STRUCT(oak, (), (next))
BOOST_DESCRIBE_STRUCT(elm, (), (next))
BOOST_DESCRIBE_STRUCT(fir, (), (next))
BOOST_DESCRIBE_STRUCT(yew, (), (next))

}  // namespace codec_types

template <>
struct redstart::codec<codec_types::frame> {
  static std::string_view encode(const codec_types::frame& value, std::string& scratch) {
    scratch += "frame:" + std::to_string(value.number);
    return scratch;
  }
  static codec_types::frame decode(std::string_view bytes) {
    if (bytes == "throw int") throw 1;
    if (!bytes.starts_with("frame:")) throw std::invalid_argument("no frame");
    return {std::stoi(std::string(bytes.substr(6)))};
  }
};

template <>
struct redstart::codec<codec_types::blob> {
  static std::string_view encode(const codec_types::blob& value, std::string&) { return value.bytes; }
};
