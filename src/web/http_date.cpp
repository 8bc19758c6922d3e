// SPDX-License-Identifier: MIT
#include "web/http_date.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace redstart::web::detail {

std::string_view http_date() {
  // Not strftime: its names of days and months follow the locale.
  constexpr std::array<const char*, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local std::time_t made_at = -1;
  thread_local std::array<char, 64> text{};
  thread_local std::size_t size = 0;
  const std::time_t now = std::time(nullptr);
  if (now != made_at) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    const int written = std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                      days[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                                      months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                                      parts.tm_hour, parts.tm_min, parts.tm_sec);
    size = static_cast<std::size_t>(written);
    made_at = now;
  }
  return {text.data(), size};
}

}  // namespace redstart::web::detail
