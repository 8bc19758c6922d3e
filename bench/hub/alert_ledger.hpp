// SPDX-License-Identifier: MIT
// What became of each event of one run: when it was due, given to a connection and answered, and when its alert came.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

using clock = std::chrono::steady_clock;

struct event_record {
  clock::time_point due;
  std::optional<clock::time_point> released, answered, alerted;
  bool loud = true;  // one that must raise an alert
  int alerts = 0;
};

struct spread {
  double p50 = 0, p99 = 0, max = 0;
};

/// Milliseconds, by nearest rank.
inline spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * double(values.size())));
    return values[std::max<std::size_t>(rank, 1) - 1];
  };
  return {at(0.50), at(0.99), values.back()};
}

class alert_ledger {
 public:
  /// `tag` begins the ids of this run's events and of no other's.
  alert_ledger(std::string tag, std::size_t count) : tag_(std::move(tag) + "-"), events_(count) {}

  std::vector<event_record>& events() { return events_; }
  const std::vector<event_record>& events() const { return events_; }
  std::string id(std::size_t index) const { return tag_ + std::to_string(index); }

  /// An alert for the event `event_id` came; those of other runs do not count.
  void alert(std::string_view event_id, clock::time_point now) {
    if (!event_id.starts_with(tag_)) return;
    const auto digits = event_id.substr(tag_.size());
    std::size_t index = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (problem != std::errc() || end != digits.data() + digits.size() || index >= events_.size()) return;
    auto& event = events_[index];
    ++event.alerts;
    if (!event.alerted) event.alerted = now;
    if (event.loud && event.alerts == 1) ++alerted_;
  }
  void answer(std::size_t index, clock::time_point now) {
    events_[index].answered = now;
    ++answered_;
  }
  void refuse() { ++refused_; }

  std::size_t loud() const {
    return count([](const event_record& e) { return e.loud; });
  }
  std::size_t alerted() const { return alerted_; }
  std::size_t answered() const { return answered_; }
  std::size_t refused() const { return refused_; }
  std::size_t missing() const {
    return count([](const event_record& e) { return e.loud && e.alerts == 0; });
  }
  std::size_t repeated() const {
    return count([](const event_record& e) { return e.loud && e.alerts > 1; });
  }
  std::size_t unwanted() const {
    return count([](const event_record& e) { return !e.loud && e.alerts > 0; });
  }
  bool settled() const { return answered_ + refused_ == events_.size() && alerted_ == loud(); }

  /// How long after it was due each event reached the point `when`; those that did not are left out.
  spread since_due(std::optional<clock::time_point> event_record::* when) const {
    std::vector<double> values;
    for (const auto& event : events_) {
      if (event.loud && event.*when) values.push_back(milliseconds(*(event.*when) - event.due));
    }
    return spread_of(std::move(values));
  }

 private:
  static double milliseconds(clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }
  template <class Predicate>
  std::size_t count(Predicate predicate) const {
    return static_cast<std::size_t>(std::count_if(events_.begin(), events_.end(), predicate));
  }

  std::string tag_;
  std::vector<event_record> events_;
  std::size_t alerted_ = 0, answered_ = 0, refused_ = 0;
};

}  // namespace bench
