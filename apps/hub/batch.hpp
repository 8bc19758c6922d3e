// SPDX-License-Identifier: MIT
// Elements of the queue, and what is to be told and kept of them.
#pragma once

#include "event.hpp"
#include "lru_map.hpp"
#include "risk.hpp"
#include "settings.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hub {

/// An alert that has to be published. Of a tracked object (`object` is not empty) only when it was not alerted at this
/// severity before.
struct alert {
  std::size_t element = 0;  ///< the one it came from
  std::string text;
  std::string object;
  severity level = severity::low;
};

/// An element that is no event.
struct unreadable_element {
  std::size_t element = 0;
  std::string text;
};

/// A camera of which there were events, with its latest detection.
struct seen_camera {
  std::string id;
  std::string latest;
};

struct scored_batch {
  std::vector<alert> alerts;
  std::vector<unreadable_element> unreadable;
  std::vector<seen_camera> cameras;  ///< each one once
  std::size_t repeated = 0;          ///< alerts of objects that this process has alerted at that severity before
};

/// Scores batches one after the other. One user at a time.
class batch_scorer {
 public:
  /// The ids of alerts begin with `id_prefix`, which no other process may use.
  batch_scorer(const settings& of, std::string id_prefix);

  /// Never throws because of what an element is. `now` is the time, not that of the events.
  scored_batch score(std::span<const std::string> elements, moment now);

  /// Forgets which objects were alerted: who knows whether what came of the last batch will be published.
  void forget_alerted() { alerted_.clear(); }

 private:
  struct alerted_object {
    severity level = severity::low;
    moment time{};
  };

  void score_one(std::size_t index, const std::string& element, scored_batch& into);
  void note_latest(const detection& seen, const assessment& risk, scored_batch& into);
  bool alerted_before(const detection& seen, severity level);
  std::string next_id();

  event_reader reader_;
  risk_rules rules_;
  int alert_threshold_;
  std::chrono::milliseconds marker_ttl_;
  moment now_{};  // of the batch that is scored
  std::string id_prefix_;
  std::uint64_t last_id_ = 0;
  // Tracked objects and the highest severity they were alerted at: other batches may not have written their markers
  // yet.
  lru_map<alerted_object> alerted_{8192};
  std::unordered_map<std::string, std::size_t> camera_index_;  // of the batch that is scored
};

}  // namespace hub
