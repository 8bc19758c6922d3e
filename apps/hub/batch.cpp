// SPDX-License-Identifier: MIT
#include "batch.hpp"

#include "alert_text.hpp"

#include <exception>
#include <utility>

namespace hub {

batch_scorer::batch_scorer(const settings& of, std::string id_prefix)
    : reader_(of.utc_offset),
      rules_(of),
      alert_threshold_(of.alert_threshold),
      marker_ttl_(of.alert_marker_ttl),
      id_prefix_(std::move(id_prefix)) {}

scored_batch batch_scorer::score(std::span<const std::string> elements, moment now) {
  now_ = now;
  scored_batch result;
  camera_index_.clear();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    std::string problem;
    try {
      score_one(i, elements[i], result);
    } catch (const std::exception& e) {
      problem = e.what();
    }
    // An element that cannot be handled would come back for ever if it stayed in the queue.
    if (!problem.empty()) result.unreadable.push_back({i, unreadable_text(elements[i], problem)});
  }
  return result;
}

void batch_scorer::score_one(std::size_t index, const std::string& element, scored_batch& into) {
  const detection* seen = reader_.read(element);
  if (!seen) {
    into.unreadable.push_back({index, unreadable_text(element, to_string(reader_.problem()))});
    return;
  }
  const assessment risk = rules_.assess(*seen);
  note_latest(*seen, risk, into);
  if (risk.score < alert_threshold_ || seen->false_positive) return;
  if (seen->tracked && alerted_before(*seen, risk.level)) {
    ++into.repeated;
    return;
  }
  alert raised;
  raised.element = index;
  raised.text = alert_text(*seen, risk, next_id());
  raised.level = risk.level;
  if (seen->tracked) {
    raised.object = seen->id;
    alerted_[seen->id] = {risk.level, now_};
  }
  into.alerts.push_back(std::move(raised));
}

void batch_scorer::note_latest(const detection& seen, const assessment& risk, scored_batch& into) {
  const auto [at, added] = camera_index_.try_emplace(std::string(seen.camera), into.cameras.size());
  if (added) into.cameras.push_back({at->first, {}});
  latest_text(into.cameras[at->second].latest, seen, risk);
}

bool batch_scorer::alerted_before(const detection& seen, severity level) {
  const alerted_object* known = alerted_.find(seen.id);
  return known && known->level >= level && now_ < known->time + marker_ttl_;
}

std::string batch_scorer::next_id() { return id_prefix_ + '-' + std::to_string(++last_id_); }

}  // namespace hub
