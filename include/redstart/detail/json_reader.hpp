// SPDX-License-Identifier: MIT
// Fills a C++ value from a parsed JSON document and says where they differ.
#pragma once

#include "redstart/detail/json_kind.hpp"
#include "redstart/detail/json_path.hpp"

#include <boost/describe/enum_from_string.hpp>
#include <boost/mp11/algorithm.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <exception>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

namespace redstart::detail {

class json_reader {
 public:
  // `budget` bounds the values that may be looked at while alternatives of variants are tried. Without it a nested
  // document made for the purpose would multiply the work at each level.
  explicit json_reader(std::size_t budget) : budget_(budget) {}

  // False when `from` does not fit; `problem` then says where and why, and `out` is valid but unspecified.
  template <class T>
  [[nodiscard]] bool read(const json::value& from, T& out, const json_path& at = json_path::root()) {
    constexpr json_kind kind = read_kind<T>;
    if (quiet_ && !spend(from, kind == json_kind::native || kind == json_kind::custom)) return false;
    if constexpr (kind == json_kind::native)
      return native(from, out, at);
    else if constexpr (kind == json_kind::custom)
      return custom(from, out, at);
    else if constexpr (kind == json_kind::null)
      return from.is_null() || wrong_kind(at, "null", from);
    else if constexpr (kind == json_kind::boolean)
      return boolean(from, out, at);
    else if constexpr (kind == json_kind::number)
      return number(from, out, at);
    else if constexpr (kind == json_kind::text && owning_text<T>)
      return text(from, out, at);
    else if constexpr (kind == json_kind::enumeration)
      return enumerator(from, out, at);
    else if constexpr (kind == json_kind::record)
      return record(from, out, at);
    else if constexpr (kind == json_kind::optional)
      return optional(from, out, at);
    else if constexpr (kind == json_kind::variant)
      return variant(from, out, at);
    else if constexpr (kind == json_kind::tuple)
      return tuple(from, out, at);
    else if constexpr (kind == json_kind::map)
      return map(from, out, at);
    else if constexpr (kind == json_kind::list)
      return list(from, out, at);
    else
      static_assert(kind != json_kind::none && kind != json_kind::text,
                    "redstart cannot read this type from JSON: describe it with BOOST_DESCRIBE_STRUCT or "
                    "BOOST_DESCRIBE_ENUM, or give it a tag_invoke overload for boost::json::value_to_tag; views and "
                    "pointers cannot be read, they would outlive what they look at");
  }

  // Of the failure: `place: reason`, and both apart. The place's steps are names of members and numbers of elements.
  [[nodiscard]] std::string problem() const;
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  [[nodiscard]] const json::array& place() const noexcept { return place_; }
  [[nodiscard]] bool is_missing() const noexcept { return missing_; }

 private:
  // What is read must not refer to the document's own memory, hence the copies with the default resource.
  bool native(const json::value& from, json::value& out, const json_path& at);
  bool native(const json::value& from, json::object& out, const json_path& at);
  bool native(const json::value& from, json::array& out, const json_path& at);
  bool native(const json::value& from, json::string& out, const json_path& at);

  template <class T>
  bool custom(const json::value& from, T& out, const json_path& at) {
    try {
      out = json::value_to<T>(json::value(from, json::storage_ptr()));
      return true;
    } catch (const std::exception& problem) {
      return fail(at, problem.what());
    }
  }

  bool boolean(const json::value& from, bool& out, const json_path& at);

  template <json_integer T>
  bool number(const json::value& from, T& out, const json_path& at) {
    if (const auto* integer = from.if_int64(); integer != nullptr && std::in_range<T>(*integer)) {
      out = static_cast<T>(*integer);
      return true;
    }
    if (const auto* natural = from.if_uint64(); natural != nullptr && std::in_range<T>(*natural)) {
      out = static_cast<T>(*natural);
      return true;
    }
    // Some languages have no integers and write 5 as 5.0.
    if (const auto* real = from.if_double(); real != nullptr && !exact_ && whole<T>(*real)) {
      out = static_cast<T>(*real);
      return true;
    }
    return from.is_number() ? not_an_integer<T>(at) : wrong_kind(at, "a number", from);
  }

  // Only as far as every integer is a double: beyond, the integer that was meant may be another one. A NaN fails.
  template <json_integer T>
  static bool whole(double real) {
    constexpr double exact = 9007199254740992;  // 2 to the 53rd
    return std::abs(real) <= exact && std::trunc(real) == real && std::in_range<T>(static_cast<std::int64_t>(real));
  }

  template <json_integer T>
  bool not_an_integer(const json_path& at) {
    if (quiet_) return false;
    return fail(at, "expected an integer from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                        std::to_string(std::numeric_limits<T>::max()) + ", got another number");
  }

  bool number(const json::value& from, double& out, const json_path& at);
  bool number(const json::value& from, float& out, const json_path& at);

  template <class T>
  bool text(const json::value& from, T& out, const json_path& at) {
    const json::string* text = from.if_string();
    if (text == nullptr) return wrong_kind(at, "a string", from);
    out.assign(text->data(), text->size());
    return true;
  }

  template <class T>
  bool enumerator(const json::value& from, T& out, const json_path& at) {
    const json::string* name = from.if_string();
    if (name == nullptr) return wrong_kind(at, "a string", from);
    if (boost::describe::enum_from_string(name->c_str(), out) && name->find('\0') == json::string::npos) return true;
    return quiet_ ? false : fail(at, "expected one of " + enumerators<T>());
  }

  template <class T>
  static std::string enumerators() {
    std::string names;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>(
        [&](auto enumerator) { (names += names.empty() ? "\"" : ", \"") += std::string(enumerator.name) + '"'; });
    return names;
  }

  template <class T>
  bool record(const json::value& from, T& out, const json_path& at) {
    const json::object* object = from.if_object();
    if (object == nullptr) return wrong_kind(at, "an object", from);
    bool fits = true;
    boost::mp11::mp_for_each<members_of<T>>([&](auto member) {
      fits = fits && this->member(object->if_contains(member.name), out.*member.pointer, member.name, at);
    });
    return fits;
  }

  template <class T>
  bool member(const json::value* from, T& out, std::string_view name, const json_path& at) {
    if (from != nullptr) return read(*from, out, at / name);
    if constexpr (read_kind<T> == json_kind::optional) {
      out.reset();
      return true;
    }
    missing_ = !quiet_;
    return fail(at / name, "the member is missing");
  }

  template <class T>
  bool optional(const json::value& from, T& out, const json_path& at) {
    if (!from.is_null()) return read(from, out.emplace(), at);
    out.reset();
    return true;
  }

  // The first alternative that fits. Alternatives that fit as they stand come before those that need a number
  // converted, so that variant<int, double> reads 5.0 as the double that it was.
  template <class T>
  bool variant(const json::value& from, T& out, const json_path& at) {
    const bool quiet = std::exchange(quiet_, true);
    const bool exact = std::exchange(exact_, true);
    bool fits = any_alternative(from, out, at);
    exact_ = exact;
    fits = fits || (!exact && any_alternative(from, out, at));
    quiet_ = quiet;
    if (budget_ == 0) return fail(at, "gave up: too many combinations of variants to try");
    return fits || wrong_kind(at, "a value that fits one of the variant's alternatives", from);
  }

  template <class T>
  bool any_alternative(const json::value& from, T& out, const json_path& at) {
    return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
      return (alternative<Index>(from, out, at) || ...);
    }(std::make_index_sequence<std::variant_size_v<T>>());
  }

  template <std::size_t Index, class T>
  bool alternative(const json::value& from, T& out, const json_path& at) {
    return read(from, out.template emplace<Index>(), at);
  }

  template <class T>
  bool tuple(const json::value& from, T& out, const json_path& at) {
    const json::array* array = array_of(from, std::tuple_size_v<T>, at);
    std::size_t index = 0;
    return array != nullptr &&
           std::apply([&](auto&... parts) { return (element(*array, index++, parts, at) && ...); }, out);
  }

  template <class T>
  bool element(const json::array& from, std::size_t index, T& out, const json_path& at) {
    return read(from[index], out, at / index);
  }

  template <class T>
  bool map(const json::value& from, T& out, const json_path& at) {
    const json::object* object = from.if_object();
    if (object == nullptr) return wrong_kind(at, "an object", from);
    out.clear();
    for (const auto& member : *object) {
      const std::string_view name(member.key().data(), member.key().size());
      typename T::key_type key{};
      typename T::mapped_type value{};
      if (!this->key(name, key, at) || !read(member.value(), value, at / name)) return false;
      out.try_emplace(std::move(key), std::move(value));
    }
    return true;
  }

  template <class T>
  bool key(std::string_view name, T& out, const json_path& at) {
    if constexpr (json_integer<T>) {
      const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), out);
      const bool whole_name = problem == std::errc() && end == name.data() + name.size();
      return whole_name || fail(at / name, "expected an integer as the member's name");
    } else {
      out.assign(name.data(), name.size());
      return true;
    }
  }

  template <class T>
  bool list(const json::value& from, T& out, const json_path& at) {
    if constexpr (is_fixed_list<T>) {
      const json::array* array = array_of(from, std::size(out), at);
      if (array == nullptr) return false;
      for (std::size_t index = 0; index < std::size(out); ++index) {
        if (!element(*array, index, out[index], at)) return false;
      }
      return true;
    } else {
      return growing(from, out, at);
    }
  }

  template <class T>
  bool growing(const json::value& from, T& out, const json_path& at) {
    static_assert(growing_list<T>, "redstart cannot read this container: it has neither push_back nor insert");
    const json::array* array = from.if_array();
    if (array == nullptr) return wrong_kind(at, "an array", from);
    out.clear();
    if constexpr (requires { out.reserve(array->size()); }) out.reserve(array->size());
    for (std::size_t index = 0; index < array->size(); ++index) {
      std::ranges::range_value_t<T> value{};
      if (!element(*array, index, value, at)) return false;
      if constexpr (requires { out.push_back(std::move(value)); })
        out.push_back(std::move(value));
      else
        out.insert(std::move(value));
    }
    return true;
  }

  // The array in `from`, null after a failure when it is none or has another size.
  const json::array* array_of(const json::value& from, std::size_t size, const json_path& at);

  // Takes the cost of reading `from` from the budget; `whole` when all of it will be copied. False when it is spent.
  bool spend(const json::value& from, bool whole);

  // Both return false.
  bool wrong_kind(const json_path& at, std::string_view expected, const json::value& got);
  bool fail(const json_path& at, std::string_view what);

  std::string reason_;
  std::string place_text_;
  json::array place_;
  bool missing_ = false;  // a member that is not there, rather than a wrong one
  std::size_t budget_;
  bool quiet_ = false;  // inside a variant: a failure is not the end, so its message is not made
  bool exact_ = false;  // inside a variant's first try: integers are integers and doubles are doubles
};

}  // namespace redstart::detail
