// SPDX-License-Identifier: MIT
// How a C++ value becomes the bytes of one Redis string, and comes back.
//
// The type decides:
// - Bytes as they are, never touched: what converts to `std::string_view` (strings, literals, `const char*`),
//   `boost::json::string`, and contiguous ranges of `char`, `unsigned char` or `std::byte`. Of these, the owning ones
//   can also be read.
// - JSON, compact and in UTF-8: everything else that is supported. `bool`, integers up to 64 bits, `float`, `double`;
//   enums and classes described with Boost.Describe; `std::optional`, `std::variant`, `std::pair`, `std::tuple`;
//   sequences, sets, and maps with string or integer keys; `boost::json::object` and `array`; types with `tag_invoke`
//   overloads for Boost.JSON. A `std::string` inside any of these is a JSON string, also in
//   `std::optional<std::string>`.
// - `boost::json::value`: a string it holds is written as it is, anything else as JSON. Read, text that parses as JSON
//   is JSON and other text is a string; so the string "5" comes back as the number 5.
//
// Reading JSON into a type: a missing member is an error unless it is a `std::optional`, which becomes empty, as it
// does for null; unknown members are ignored; numbers must fit, 5.0 fits an integer; of a variant the first alternative
// that fits is taken. Documents may nest 32 levels deep. Doubles come back as the same double; NaN and infinities
// cannot be written; 1.0 is written `1.0` and so stays a double.
//
// A type with a format of its own specialises `redstart::codec`:
//
//   template <>
//   struct redstart::codec<frame> {
//     // The bytes to send: a view into `value`, or into `scratch`, which is empty and lives as long as needed.
//     static std::string_view encode(const frame& value, std::string& scratch) {
//       msgpack_append(scratch, value);
//       return scratch;
//     }
//     // Any exception means that the bytes are no `frame`; its text becomes part of the decode_error.
//     static frame decode(std::string_view bytes) { return msgpack_read(bytes); }
//   };
//
// One of the two is enough when only one direction is used. The codec holds for the whole of a Redis string: inside a
// described class or a container a value is JSON.
#pragma once

#include "redstart/detail/json_document.hpp"
#include "redstart/detail/json_kind.hpp"
#include "redstart/detail/json_reader.hpp"
#include "redstart/detail/json_writer.hpp"
#include "redstart/error.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>

namespace redstart {

/// The customisation point: specialise it for a type with a format of its own, as shown above.
template <class T>
struct codec;

/// Bytes do not fit a type; the message says where: `detections[0].camera_id: expected a number, got a string`.
/// A `codec` may throw it. Operations turn it into `decode_error`, which carries the bytes.
class mismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

template <class T>
concept codec_write = requires(const T& value, std::string& scratch) {
  { codec<T>::encode(value, scratch) } -> std::convertible_to<std::string_view>;
};

template <class T>
concept codec_read = requires(std::string_view bytes) {
  { codec<T>::decode(bytes) } -> std::convertible_to<T>;
};

template <class T>
concept byte_range = std::ranges::contiguous_range<const T> && std::ranges::sized_range<const T> &&
                     one_of<std::ranges::range_value_t<const T>, char, unsigned char, std::byte>;

// By kind, so that a class with a description or a conversion of its own is JSON even if it could pass for bytes.
template <class T>
concept raw_write = write_kind<T> == json_kind::text || std::same_as<T, json::string> ||
                    (write_kind<T> == json_kind::list && byte_range<T>);

// A view could be made from the bytes too, but would dangle.
template <class T>
concept raw_read =
    (read_kind<T> == json_kind::text && owning_text<T>) || std::same_as<T, json::string> ||
    (read_kind<T> == json_kind::list && byte_range<T> && !std::ranges::view<T> && !std::is_array_v<T> &&
     (is_fixed_list<T> ||
      std::constructible_from<T, const std::ranges::range_value_t<T>*, const std::ranges::range_value_t<T>*>));

}  // namespace detail

/// Types that can be sent as the value of a Redis string.
template <class T>
concept encodable = detail::codec_write<T> || detail::raw_write<T> || detail::json_writable<T>();

/// Types that a Redis string can be read as. Those read from JSON are default constructible.
template <class T>
concept decodable = detail::codec_read<T> || detail::raw_read<T> ||
                    (detail::json_readable<T>() && std::default_initializable<T> && std::movable<T>);

namespace detail {

template <raw_write T>
std::string_view raw_bytes(const T& value) {
  if constexpr (text_like<T>) {
    return text_of(value);
  } else {
    return {reinterpret_cast<const char*>(std::ranges::data(value)), std::ranges::size(value)};
  }
}

template <raw_read T>
T raw_value(std::string_view bytes) {
  if constexpr (owning_text<T> || std::same_as<T, json::string>) {
    return T(bytes.data(), bytes.size());
  } else {
    const auto* first = reinterpret_cast<const std::ranges::range_value_t<T>*>(bytes.data());
    if constexpr (is_fixed_list<T>) {
      T value;
      if (bytes.size() != value.size()) {
        throw mismatch("expected " + std::to_string(value.size()) + " bytes, got " + std::to_string(bytes.size()));
      }
      std::copy_n(first, value.size(), value.begin());
      return value;
    } else {
      return T(first, first + bytes.size());
    }
  }
}

template <class T>
T json_value_of(std::string_view text) {
  json_document document;
  std::string problem;
  if (!document.parse(text, problem)) throw mismatch(problem);
  // A value takes at least one byte of text. The factor leaves ample room for trying it against many alternatives.
  json_reader reader(64 * text.size() + 64);
  T value{};
  if (!reader.read(document.root(), value)) throw mismatch(reader.problem());
  return value;
}

// JSON if it parses, else a string of the same bytes.
json::value json_or_string(std::string_view text);

// The bytes that a value is in Redis: a view of `value` itself when it is bytes already, else of `scratch`, which is
// overwritten and keeps its capacity. Throws `encode_error`, and what a user's codec throws.
template <class T>
std::string_view encode_value(const T& value, std::string& scratch) {
  static_assert(encodable<T>,
                "redstart cannot write this type: describe it with BOOST_DESCRIBE_STRUCT, or specialise "
                "redstart::codec for it");
  if constexpr (codec_write<T>) {
    scratch.clear();
    return codec<T>::encode(value, scratch);
  } else if constexpr (raw_write<T>) {
    return raw_bytes(value);
  } else if constexpr (encodable<T>) {
    if constexpr (std::same_as<T, json::value>) {
      if (const json::string* text = value.if_string()) return {text->data(), text->size()};
    }
    scratch.clear();
    json_writer(scratch).write(value);
    return scratch;
  }
}

// The value that `bytes` are. Throws `mismatch` and nothing else when they are none.
template <class T>
T decode_value(std::string_view bytes) {
  static_assert(decodable<T>,
                "redstart cannot read this type: describe it with BOOST_DESCRIBE_STRUCT (and make it default "
                "constructible), or specialise redstart::codec for it; views and pointers cannot be read, they would "
                "outlive the bytes");
  try {
    if constexpr (codec_read<T>) {
      return codec<T>::decode(bytes);
    } else if constexpr (raw_read<T>) {
      return raw_value<T>(bytes);
    } else if constexpr (std::same_as<T, json::value>) {
      return json_or_string(bytes);
    } else if constexpr (decodable<T>) {
      return json_value_of<T>(bytes);
    }
  } catch (const mismatch&) {
    throw;
  } catch (const std::exception& problem) {
    throw mismatch(problem.what());
  } catch (...) {
    throw mismatch("the type's codec threw something that is not a std::exception");
  }
}

}  // namespace detail
}  // namespace redstart
