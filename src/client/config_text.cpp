// SPDX-License-Identifier: MIT
#include "client/config_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

namespace redstart {
namespace {

struct unit {
  std::string_view name;
  std::int64_t size;
};

// Largest first: a number is written in the largest unit that divides it.
constexpr std::array duration_units{unit{"h", 3'600'000}, unit{"m", 60'000}, unit{"s", 1000}, unit{"ms", 1}};
constexpr std::array byte_units{unit{"g", 1 << 30}, unit{"m", 1 << 20}, unit{"k", 1 << 10}, unit{"", 1}};

std::optional<std::int64_t> parse_digits(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || text.front() == '-') {
    return std::nullopt;
  }
  return value;
}

std::optional<std::int64_t> multiply(std::optional<std::int64_t> value, std::int64_t factor) {
  std::int64_t result = 0;
  if (!value || __builtin_mul_overflow(*value, factor, &result)) {
    return std::nullopt;
  }
  return result;
}

std::string_view digits_of(std::string_view text) { return text.substr(0, text.find_first_not_of("0123456789.")); }

std::optional<std::int64_t> unit_size(std::span<const unit> units, std::string_view name) {
  const auto found = std::find_if(units.begin(), units.end(), [&](const unit& each) { return each.name == name; });
  return found == units.end() ? std::nullopt : std::optional(found->size);
}

// Thousandths of the number before the unit: `1.5` is 1500. More digits would be lost, so they are refused.
std::optional<std::int64_t> parse_thousandths(std::string_view text) {
  const auto point = text.find('.');
  if (point == std::string_view::npos) {
    return multiply(parse_digits(text), 1000);
  }
  const auto fraction = text.substr(point + 1);
  if (point == 0 || fraction.empty() || fraction.size() > 3 || fraction.find('.') != std::string_view::npos) {
    return std::nullopt;
  }
  return parse_digits(std::string(text.substr(0, point)) + std::string(fraction) +
                      std::string(3 - fraction.size(), '0'));
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  const auto digits = digits_of(text);
  const auto name = text.substr(digits.size());
  const auto size = unit_size(duration_units, name.empty() ? "s" : name);
  const auto thousandths = size ? multiply(parse_thousandths(digits), *size) : std::nullopt;
  if (!thousandths || *thousandths % 1000 != 0) {
    return std::nullopt;
  }
  return *thousandths / 1000;
}

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  const auto digits = digits_of(text);
  std::string name(text.substr(digits.size()));
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c == 'K' ? 'k' : c == 'M' ? 'm' : c == 'G' ? 'g' : c;
  });
  const auto size = unit_size(byte_units, name);
  return size ? multiply(parse_digits(digits), *size) : std::nullopt;
}

std::optional<std::int64_t> parse_flag(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return 1;
  if (text == "false" || text == "no" || text == "off" || text == "0") return 0;
  return std::nullopt;
}

std::string in_largest_unit(std::span<const unit> units, std::int64_t value) {
  const auto fits = [&](const unit& each) { return value % each.size == 0; };
  const auto& best = value == 0 ? units.back() : *std::find_if(units.begin(), units.end(), fits);
  return std::to_string(value / best.size) + std::string(best.name);
}

}  // namespace

std::optional<std::int64_t> parse_number(option_kind kind, std::string_view text) {
  switch (kind) {
    case option_kind::flag:
      return parse_flag(text);
    case option_kind::count:
      return parse_digits(text);
    case option_kind::duration:
      return parse_duration(text);
    case option_kind::bytes:
      return parse_bytes(text);
    case option_kind::text:
      break;
  }
  return std::nullopt;
}

std::string to_text(option_kind kind, std::int64_t value) {
  switch (kind) {
    case option_kind::flag:
      return value == 0 ? "false" : "true";
    case option_kind::duration:
      return in_largest_unit(duration_units, value);
    case option_kind::bytes:
      return in_largest_unit(byte_units, value);
    case option_kind::count:
    case option_kind::text:
      break;
  }
  return std::to_string(value);
}

std::string accepted_text(option_kind kind, std::int64_t least, std::int64_t most) {
  const std::string range = " from " + to_text(kind, least) + " to " + to_text(kind, most);
  switch (kind) {
    case option_kind::flag:
      return "true or false";
    case option_kind::duration:
      return "a duration" + range + ", written 250ms, 5s, 2m or 1h; a bare number counts seconds";
    case option_kind::bytes:
      return "a size" + range + ", written in bytes or as 64k, 256m, 1g";
    case option_kind::count:
      return "a number" + range;
    case option_kind::text:
      break;
  }
  return "a text";
}

}  // namespace redstart
