// SPDX-License-Identifier: MIT
#include "resp/double_text.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string_view>
#include <system_error>

namespace redstart::resp {
namespace {

constexpr double untouched = 4711;

double value_of(std::string_view text) {
  double value = untouched;
  EXPECT_EQ(parse_double(text, value), std::errc{}) << text;
  return value;
}

TEST(resp_double_text, reads_what_redis_writes) {
  EXPECT_EQ(value_of("0"), 0.0);
  EXPECT_EQ(value_of("3.25"), 3.25);
  EXPECT_EQ(value_of("-17"), -17.0);
  EXPECT_EQ(value_of("1e+20"), 1e20);
  EXPECT_EQ(value_of("0.10000000000000001"), 0.1);
  EXPECT_EQ(value_of("1.7976931348623157e308"), std::numeric_limits<double>::max());
  EXPECT_TRUE(std::signbit(value_of("-0")));
  EXPECT_TRUE(std::isinf(value_of("inf")));
  EXPECT_LT(value_of("-inf"), 0);
  EXPECT_TRUE(std::isnan(value_of("nan")));
  EXPECT_TRUE(std::isnan(value_of("-nan")));
}

TEST(resp_double_text, one_plus_sign_is_allowed) {
  EXPECT_EQ(value_of("+1.5"), 1.5);
  EXPECT_TRUE(std::isinf(value_of("+inf")));
  double value = untouched;
  EXPECT_EQ(parse_double("++1", value), std::errc::invalid_argument);
  EXPECT_EQ(parse_double("+-1", value), std::errc::invalid_argument);
  EXPECT_EQ(value, untouched);
}

TEST(resp_double_text, a_text_that_is_no_double_changes_nothing) {
  for (const std::string_view text : {"", "+", "-", ".", "e5", "x", " 1", "1 ", "1,5", "1.5.2", "0x10", "infx", "1e"}) {
    double value = untouched;
    EXPECT_EQ(parse_double(text, value), std::errc::invalid_argument) << text;
    EXPECT_EQ(value, untouched) << text;
  }
}

TEST(resp_double_text, a_double_that_the_type_cannot_hold_is_told_apart) {
  for (const std::string_view text : {"1e999", "-1e999", "1e-999"}) {
    double value = untouched;
    EXPECT_EQ(parse_double(text, value), std::errc::result_out_of_range) << text;
    EXPECT_EQ(value, untouched) << text;
  }
}

}  // namespace
}  // namespace redstart::resp
