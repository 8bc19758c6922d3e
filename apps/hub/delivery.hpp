// SPDX-License-Identifier: MIT
// Writes what came of a batch to Redis: what is left to be written, as one pipeline after the other.
#pragma once

#include "batch.hpp"
#include "settings.hpp"
#include "timestamp.hpp"

#include <redstart/pipeline.hpp>
#include <redstart/reply.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hub {

/// What Redis refused, in its words; empty when nothing.
struct delivery_trouble {
  std::string to_retry;  ///< and is sent again
  std::string given_up;
  std::vector<std::string> unkept{};  ///< of `given_up`, the elements that are no events, as they would have been kept
};

/// A machine: ask `next`, send it, tell what came of it, until `done`.
///
/// Most batches are one pipeline. For alerts of tracked objects there are three, because of the order that loses none:
/// is there a marker; publish; set the marker. What failed is sent again by the next pipeline, and only that. What
/// Redis refuses for good (a key of another type, no memory left) is given up: unreadable elements after
/// `settings::unreadable_tries`, publishing never, everything else at once.
class delivery {
 public:
  delivery(const settings& of, scored_batch batch);

  [[nodiscard]] bool done() const;
  /// What is left, to be sent now.
  redstart::pipeline next(moment now);
  /// The answers to the last pipeline.
  delivery_trouble answered(std::span<const redstart::reply> replies);
  /// There were no answers to the last pipeline, which may have been executed or not.
  void unanswered();

  /// Alerts that were published, and that turned out to have been published by another process before.
  [[nodiscard]] std::size_t published() const noexcept { return published_; }
  [[nodiscard]] std::size_t repeated() const noexcept { return repeated_; }
  /// Unreadable elements that are dealt with, and those of them that were given up.
  [[nodiscard]] std::size_t unreadable() const noexcept { return unreadable_; }
  [[nodiscard]] std::size_t unkept() const noexcept { return unkept_; }
  /// Cameras that are not listed, because `settings::max_cameras` others are.
  [[nodiscard]] std::size_t unlisted() const;
  /// The elements that something is lost of when nothing more is written, in order.
  [[nodiscard]] std::vector<std::size_t> unfinished() const;
  /// The alerts of unfinished elements that stand in the list, or may. Who takes such an element again lists an alert
  /// of its own, so these are to be taken away with giving it back.
  [[nodiscard]] std::vector<std::string> listed_in_vain() const;

 private:
  enum class stage { check, publish, mark, done };
  struct alert_state {
    stage at = stage::publish;
    bool listed = false;
    bool maybe_listed = false;
    bool published = false;

    [[nodiscard]] bool is_unfinished() const { return at == stage::check || (at == stage::publish && !published); }
  };
  // What a command of the last pipeline was for.
  enum class purpose { camera, check, list, tidy, publish, mark, unreadable };
  struct sent_command {
    purpose why;
    std::size_t index;
  };

  template <class... Args>
  void add(redstart::pipeline& to, purpose why, std::size_t index, const Args&... args);
  void add_alert(redstart::pipeline& to, std::size_t index);
  void add_markers(redstart::pipeline& to, std::size_t index);
  // The command was executed, or is given up. `answer` is what it answered, 0 without a number.
  void settle(const sent_command& command, std::int64_t answer);
  // Redis refused it: what is to become of it stands in `trouble` then.
  void refused(const sent_command& command, std::string_view error, delivery_trouble& trouble);
  [[nodiscard]] bool gives_up(const sent_command& command, std::string_view error);

  const settings& settings_;
  scored_batch batch_;
  std::vector<bool> camera_done_;
  std::vector<bool> camera_unlisted_;
  std::vector<alert_state> alert_states_;
  std::vector<bool> unreadable_done_;
  std::vector<std::size_t> unreadable_tries_;  // that were refused
  std::vector<sent_command> sent_;
  std::size_t published_ = 0;
  std::size_t repeated_ = 0;
  std::size_t unreadable_ = 0;
  std::size_t unkept_ = 0;
};

}  // namespace hub
