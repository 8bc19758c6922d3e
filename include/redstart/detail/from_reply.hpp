// SPDX-License-Identifier: MIT
// From a reply to the type that was asked for.
#pragma once

#include "redstart/codec.hpp"
#include "redstart/reply.hpp"

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace redstart::detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
concept reply_map = requires(T map, typename T::key_type key, typename T::mapped_type value) {
  map.emplace(std::move(key), std::move(value));
};
template <class T>
concept reply_sequence = !std::convertible_to<const T&, std::string_view> && !byte_range<T> && requires(T list) {
  typename T::value_type;
  list.insert(list.end(), std::declval<typename T::value_type>());
};

/// Throws `mismatch`: what the reply is, and that it does not fit.
[[noreturn]] void throw_unexpected(reply_view reply, const char* wanted);

template <class T>
T from_reply(reply_view reply);

template <std::integral T>
T integer_from_reply(reply_view reply) {
  const std::int64_t value = reply.integer();
  if constexpr (std::same_as<T, bool>) {
    return value != 0;
  } else {
    if (!std::in_range<T>(value)) throw_unexpected(reply, "an integer of this size");
    return static_cast<T>(value);
  }
}

template <reply_sequence T>
T sequence_from_reply(reply_view reply) {
  T list;
  if constexpr (requires { list.reserve(reply.size()); }) list.reserve(reply.size());
  for (const reply_view element : reply) list.insert(list.end(), from_reply<typename T::value_type>(element));
  return list;
}

// A map of RESP3, or the flat list of RESP2.
template <reply_map T>
T map_from_reply(reply_view reply) {
  if (reply.size() % 2 != 0) throw_unexpected(reply, "keys and values");
  T map;
  for (auto it = reply.begin(); it != reply.end(); ++it) {
    auto key = from_reply<typename T::key_type>(*it++);
    map.emplace(std::move(key), from_reply<typename T::mapped_type>(*it));
  }
  return map;
}

template <class T, std::size_t... Index>
T tuple_from_reply(reply_view reply, std::index_sequence<Index...>) {
  if (reply.size() != sizeof...(Index)) throw_unexpected(reply, "as many elements as asked for");
  auto it = reply.begin();
  const auto next = [&it] { return *it++; };
  // Braces: evaluated from left to right.
  return T{from_reply<std::tuple_element_t<Index, T>>(next())...};
}

/// The value of a reply as `T`; throws `mismatch` when it does not fit.
template <class T>
T from_reply(reply_view reply) {
  if constexpr (std::same_as<T, reply_view>) {
    return reply;
  } else if constexpr (std::same_as<T, class reply>) {
    return T(reply);
  } else if constexpr (is_optional<T>) {
    if (reply.is_null()) return std::nullopt;
    return from_reply<typename T::value_type>(reply);
  } else {
    if (reply.kind() == reply_kind::integer || reply.kind() == reply_kind::boolean) {
      if constexpr (std::integral<T>) {
        return integer_from_reply<T>(reply);
      } else if constexpr (std::floating_point<T>) {
        return static_cast<T>(reply.integer());
      } else {
        return decode_value<T>(std::to_string(reply.integer()));
      }
    }
    if (reply.is_aggregate()) {
      if constexpr (reply_map<T>) {
        return map_from_reply<T>(reply);
      } else if constexpr (reply_sequence<T>) {
        return sequence_from_reply<T>(reply);
      } else if constexpr (requires { std::tuple_size<T>::value; }) {
        return tuple_from_reply<T>(reply, std::make_index_sequence<std::tuple_size_v<T>>());
      } else {
        throw_unexpected(reply, "a single value");
      }
    }
    if (!reply.has_text()) throw_unexpected(reply, "a value");
    if constexpr (std::floating_point<T>) {
      if (reply.kind() == reply_kind::number) return static_cast<T>(reply.number());
    }
    return decode_value<T>(reply.text());
  }
}

/// A decoder for `start`: the whole reply as `T`.
template <class T>
struct decode_reply {
  void operator()(reply_view reply, T& result) const { result = from_reply<T>(reply); }
};

/// For reads of one key: the bytes decide nothing, the type does. A missing key is an empty optional.
template <class T>
struct decode_optional_value {
  void operator()(reply_view reply, std::optional<T>& result) const {
    if (reply.is_null()) return;
    if (!reply.has_text()) throw_unexpected(reply, "a string");
    result.emplace(decode_value<T>(reply.text()));
  }
};

/// For reads of several elements.
template <class T>
struct decode_values {
  void operator()(reply_view reply, std::vector<T>& result) const {
    if (reply.is_null()) return;
    result.reserve(reply.size());
    for (const reply_view element : reply) result.push_back(decode_value<T>(element.text()));
  }
};

/// `+OK` is true, null is false: what SET with a condition answers.
struct decode_applied {
  void operator()(reply_view reply, bool& result) const { result = !reply.is_null(); }
};

}  // namespace redstart::detail
