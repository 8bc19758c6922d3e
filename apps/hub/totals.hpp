// SPDX-License-Identifier: MIT
// What this process has done since it started.
#pragma once

#include <atomic>
#include <cstdint>

namespace hub {

/// A number that only grows; any thread may add and read.
class total {
 public:
  void add(std::uint64_t more = 1) noexcept { value_.fetch_add(more, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// `posted` of all hubs on one Redis is `processed` of all of them and what is still in the queue. Elements that
/// something else put into the queue, and that are no events, are `unreadable`.
struct totals {
  total posted;      ///< events that came in and were queued
  total rejected;    ///< requests with events that were refused
  total processed;   ///< events that were scored and whose alerts, if any, were published
  total alerts;      ///< alerts that were published
  total repeated;    ///< alerts that were not, because their object had been alerted before
  total unreadable;  ///< elements that were no events, for detections:unreadable
  total unkept;      ///< those of them that Redis refused to keep there: the log has their beginnings
  total given_back;  ///< elements that were taken and put back unprocessed
  total retries;     ///< tries that failed to write what came of a batch
  total unlisted;    ///< batches' cameras that were not listed, because there were enough
};

}  // namespace hub
