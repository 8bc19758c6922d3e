// SPDX-License-Identifier: MIT
#include "web/http_date.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <regex>
#include <string>

namespace redstart::web::detail {
namespace {

TEST(http_date, is_a_fixdate_in_gmt_and_english) {
  const std::regex shape(
      "(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} "
      "[0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT");
  EXPECT_TRUE(std::regex_match(std::string(http_date()), shape)) << http_date();
}

TEST(http_date, says_the_time_of_now) {
  const std::time_t before = std::time(nullptr);
  const std::string text(http_date());
  const std::time_t after = std::time(nullptr);
  std::tm parts{};
  ASSERT_NE(strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts), nullptr) << text;
  const std::time_t said = timegm(&parts);
  EXPECT_GE(said, before);
  EXPECT_LE(said, after);
}

}  // namespace
}  // namespace redstart::web::detail
