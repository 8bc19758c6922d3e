// SPDX-License-Identifier: MIT
// What was posted to the hub, as elements of the queue.
#pragma once

#include "event.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hub {

/// Takes apart the body of a request: one event, or an array of them. One user at a time.
class posted_events {
 public:
  static constexpr std::size_t most = 1000;

  explicit posted_events(std::optional<std::chrono::minutes> utc_offset = {}) : reader_(utc_offset) {}

  /// The events, each as it was posted but for white space between its parts: views of `body` or of this object, valid
  /// while the body is and until the next call. False when one of them is none, then `problem` says where:
  /// `["body", 3, "objects", 0]`.
  bool read(std::string_view body);

  [[nodiscard]] const std::vector<std::string_view>& events() const noexcept { return events_; }
  [[nodiscard]] const event_problem& problem() const noexcept { return problem_; }

 private:
  bool refuse(std::size_t index, bool in_array);

  document document_;
  event_reader reader_;
  std::string compact_;
  std::vector<std::string_view> events_;
  event_problem problem_;
};

}  // namespace hub
