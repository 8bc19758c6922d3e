// SPDX-License-Identifier: MIT
#include "redstart/detail/json_document.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <system_error>
#include <utility>

namespace redstart::detail {

namespace {

using boost::system::error_code;
using json_text = json::string_view;

std::string_view std_view(json_text text) { return {text.data(), text.size()}; }

// Builds the document for Boost's parser, with one difference to its own: Boost 1.81 reads some doubles a bit off, here
// the text of each is read again, exactly.
class document_builder {
 public:
  // Required by the parser; it compares against them.
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();

  explicit document_builder(json::storage_ptr storage) : stack_({}, temporary_, sizeof temporary_) {
    stack_.reset(std::move(storage));
  }

  json::value release() { return stack_.release(); }
  [[nodiscard]] bool number_too_large() const { return number_too_large_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return true; }
  bool on_array_begin(error_code&) { return true; }
  bool on_object_end(std::size_t size, error_code&) { return stack_.push_object(size), true; }
  bool on_array_end(std::size_t size, error_code&) { return stack_.push_array(size), true; }
  bool on_key_part(json_text part, std::size_t, error_code&) { return stack_.push_chars(part), true; }
  bool on_key(json_text rest, std::size_t, error_code&) { return stack_.push_key(rest), true; }
  bool on_string_part(json_text part, std::size_t, error_code&) { return stack_.push_chars(part), true; }
  bool on_string(json_text rest, std::size_t, error_code&) { return stack_.push_string(rest), true; }
  bool on_bool(bool value, error_code&) { return stack_.push_bool(value), true; }
  bool on_null(error_code&) { return stack_.push_null(), true; }
  bool on_comment_part(json_text, error_code&) { return true; }
  bool on_comment(json_text, error_code&) { return true; }

  bool on_number_part(json_text part, error_code&) {
    number_.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t value, json_text, error_code&) {
    number_.clear();
    return stack_.push_int64(value), true;
  }
  bool on_uint64(std::uint64_t value, json_text, error_code&) {
    number_.clear();
    return stack_.push_uint64(value), true;
  }
  bool on_double(double approximate, json_text rest, error_code& problem) {
    number_too_large_ =
        !push_exact(approximate, number_.empty() ? std_view(rest) : number_.append(rest.data(), rest.size()));
    number_.clear();
    if (number_too_large_) problem = json::error::exponent_overflow;
    return !number_too_large_;
  }

 private:
  bool push_exact(double approximate, std::string_view text) {
    double exact = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), exact);
    // Out of range means too large, or so small that it is zero: only the approximation tells which.
    const bool out_of_range = result.ec != std::errc();
    if ((out_of_range && std::abs(approximate) > 1) || std::isinf(exact)) return false;
    stack_.push_double(out_of_range ? std::copysign(0.0, approximate) : exact);
    return true;
  }

  unsigned char temporary_[2048];
  json::value_stack stack_;
  std::string number_;  // the beginning of a number that arrives in parts
  bool number_too_large_ = false;
};

json::parse_options strict() {
  json::parse_options options;
  options.max_depth = json_max_depth;
  return options;
}

}  // namespace

bool parse_json(std::string_view text, json::value& out, std::string* why) {
  json::basic_parser<document_builder> parser(strict(), out.storage());
  error_code problem;
  const std::size_t end = parser.write_some(false, text.data(), text.size(), problem);
  if (!problem && end < text.size()) problem = json::error::extra_data;
  if (!problem) {
    out = parser.handler().release();
    return true;
  }
  if (why != nullptr) {
    const bool range = parser.handler().number_too_large();
    *why = "not JSON: " + (range ? "a number beyond the range of double" : problem.message()) + " at byte " +
           std::to_string(end) + " of " + std::to_string(text.size());
  }
  return false;
}

}  // namespace redstart::detail
