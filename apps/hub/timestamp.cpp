// SPDX-License-Identifier: MIT
#include "timestamp.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace hub {

namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

// Takes what it expects from the front of a text; once something is missing, nothing more is taken.
class scanner {
 public:
  explicit scanner(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return good_ && rest_.empty(); }
  [[nodiscard]] bool next_is(std::string_view any) const {
    return good_ && !rest_.empty() && any.find(rest_.front()) != std::string_view::npos;
  }
  char take() {
    const char first = rest_.front();
    rest_.remove_prefix(1);
    return first;
  }
  void expect(std::string_view any) {
    if (next_is(any)) {
      take();
    } else {
      good_ = false;
    }
  }
  // A number of exactly so many digits, up to `most`.
  int digits(int count, int most) {
    int value = 0;
    for (int i = 0; i < count; ++i) {
      if (!next_is("0123456789")) {
        good_ = false;
        return 0;
      }
      value = 10 * value + (take() - '0');
    }
    if (value > most) good_ = false;
    return value;
  }
  // A fraction of a second; what is finer than milliseconds is dropped.
  milliseconds fraction() {
    int value = digits(1, 9) * 100;
    for (int unit = 10; next_is("0123456789"); unit /= 10) value += unit * (take() - '0');
    return milliseconds(value);
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::chrono::local_days read_date(scanner& from, bool& exists) {
  const int year = from.digits(4, 9999);
  from.expect("-");
  const int month = from.digits(2, 12);
  from.expect("-");
  const int day = from.digits(2, 31);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  exists = date.ok();
  return std::chrono::local_days(date);
}

milliseconds read_time(scanner& from) {
  milliseconds time = std::chrono::hours(from.digits(2, 23));
  from.expect(":");
  time += minutes(from.digits(2, 59));
  if (from.next_is(":")) {
    from.take();
    time += std::chrono::seconds(from.digits(2, 59));
    if (from.next_is(".,")) {
      from.take();
      time += from.fraction();
    }
  }
  return time;
}

std::optional<minutes> read_offset(scanner& from) {
  if (from.next_is("Zz")) {
    from.take();
    return minutes(0);
  }
  if (!from.next_is("+-")) return std::nullopt;
  const int sign = from.take() == '-' ? -1 : 1;
  int offset = 60 * from.digits(2, 23);
  const bool colon = from.next_is(":");
  if (colon) from.take();
  if (colon || !from.at_end()) offset += from.digits(2, 59);
  return minutes(sign * offset);
}

}  // namespace

std::optional<clock_reading> parse_timestamp(std::string_view text) {
  scanner from(text);
  bool exists = false;
  clock_reading reading;
  reading.wall = read_date(from, exists);
  from.expect("Tt ");
  reading.wall += read_time(from);
  reading.utc_offset = read_offset(from);
  if (!from.at_end() || !exists) return std::nullopt;
  return reading;
}

std::string to_iso(moment time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<milliseconds> clock(time - day);
  std::array<char, 48> text;
  const int size =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

minutes system_utc_offset(moment time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm local{};
  if (!localtime_r(&seconds, &local)) return minutes(0);
  return std::chrono::duration_cast<minutes>(std::chrono::seconds(local.tm_gmtoff));
}

}  // namespace hub
