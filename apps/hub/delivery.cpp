// SPDX-License-Identifier: MIT
#include "delivery.hpp"

#include "cameras.hpp"
#include "keys.hpp"
#include "refusal.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hub {

namespace {

// Answers that a server gives for a while, without having executed anything. That its memory is full (OOM) is none of
// them: taking elements from the queue is what frees memory, so workers must go on.
bool passes(std::string_view error) {
  static constexpr auto codes = std::to_array<std::string_view>(
      {"LOADING", "BUSY", "READONLY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "MISCONF", "NOREPLICAS"});
  return std::ranges::find(codes, code_of_refusal(error)) != codes.end();
}

}  // namespace

delivery::delivery(const settings& of, scored_batch batch)
    : settings_(of),
      batch_(std::move(batch)),
      camera_done_(batch_.cameras.size()),
      camera_unlisted_(batch_.cameras.size()),
      alert_states_(batch_.alerts.size()),
      unreadable_done_(batch_.unreadable.size()),
      unreadable_tries_(batch_.unreadable.size()),
      repeated_(batch_.repeated) {
  for (std::size_t i = 0; i < alert_states_.size(); ++i) {
    if (!batch_.alerts[i].object.empty()) alert_states_[i].at = stage::check;
  }
}

bool delivery::done() const {
  const auto is_true = [](bool value) { return value; };
  return std::ranges::all_of(camera_done_, is_true) && std::ranges::all_of(unreadable_done_, is_true) &&
         std::ranges::all_of(alert_states_, [](const alert_state& state) { return state.at == stage::done; });
}

template <class... Args>
void delivery::add(redstart::pipeline& to, purpose why, std::size_t index, const Args&... args) {
  to.add(args...);
  sent_.push_back({why, index});
}

redstart::pipeline delivery::next(moment now) {
  redstart::pipeline left;
  sent_.clear();
  const std::string seen = to_iso(now);
  // Cameras come first: later batches then never overtake this one with an older detection.
  for (std::size_t i = 0; i < camera_done_.size(); ++i) {
    if (camera_done_[i]) continue;
    add_touch(left, settings_, batch_.cameras[i].id, seen, batch_.cameras[i].latest);
    sent_.push_back({purpose::camera, i});
  }
  for (std::size_t i = 0; i < unreadable_done_.size(); ++i) {
    if (!unreadable_done_[i]) {
      add(left, purpose::unreadable, i, "RPUSH", keys::unreadable, batch_.unreadable[i].text);
    }
  }
  for (std::size_t i = 0; i < alert_states_.size(); ++i) add_alert(left, i);
  const auto sends = [&](purpose why) { return std::ranges::find(sent_, why, &sent_command::why) != sent_.end(); };
  if (sends(purpose::list)) add(left, purpose::tidy, 0, "LTRIM", keys::alerts, 0, settings_.recent_alerts - 1);
  if (sends(purpose::unreadable)) {
    const auto most = static_cast<std::int64_t>(settings_.recent_unreadable);
    add(left, purpose::tidy, 0, "LTRIM", keys::unreadable, -most, -1);
  }
  return left;
}

void delivery::add_alert(redstart::pipeline& to, std::size_t index) {
  const alert& raised = batch_.alerts[index];
  const alert_state& state = alert_states_[index];
  switch (state.at) {
    case stage::check:
      add(to, purpose::check, index, "EXISTS", keys::alert_marker(raised.object, to_string(raised.level)));
      break;
    case stage::publish:
      // In the list before anybody hears of it, so that who reads the list after having missed a message finds it.
      if (!state.listed) {
        if (state.maybe_listed) add(to, purpose::tidy, index, "LREM", keys::alerts, 1, raised.text);
        add(to, purpose::list, index, "LPUSH", keys::alerts, raised.text);
      }
      if (!state.published) add(to, purpose::publish, index, "PUBLISH", keys::events, raised.text);
      break;
    case stage::mark:
      add_markers(to, index);
      break;
    case stage::done:
      break;
  }
}

// An object that was alerted as critical is not alerted as high when it goes away.
void delivery::add_markers(redstart::pipeline& to, std::size_t index) {
  const alert& raised = batch_.alerts[index];
  for (const severity level : every_severity) {
    if (level < severity_of(settings_.alert_threshold) || level > raised.level) continue;
    add(to, purpose::mark, index, "SET", keys::alert_marker(raised.object, to_string(level)), "1", "PX",
        settings_.alert_marker_ttl.count());
  }
}

delivery_trouble delivery::answered(std::span<const redstart::reply> replies) {
  delivery_trouble trouble;
  // Several commands each: done when all are.
  for (const sent_command& command : sent_) {
    if (command.why == purpose::mark) alert_states_[command.index].at = stage::done;
  }
  for (std::size_t i = 0; i < std::min(sent_.size(), replies.size()); ++i) {
    const sent_command& command = sent_[i];
    const redstart::reply& reply = replies[i];
    if (reply.is_error()) {
      refused(command, reply.text(), trouble);
    } else {
      settle(command, reply.integer());
    }
  }
  sent_.clear();
  return trouble;
}

void delivery::refused(const sent_command& command, std::string_view error, delivery_trouble& trouble) {
  if (gives_up(command, error)) {
    trouble.given_up = error;
    if (command.why == purpose::unreadable) {
      trouble.unkept.push_back(batch_.unreadable[command.index].text);
      ++unkept_;
    }
    settle(command, 0);
    return;
  }
  trouble.to_retry = error;
  if (command.why == purpose::mark) alert_states_[command.index].at = stage::mark;
}

bool delivery::gives_up(const sent_command& command, std::string_view error) {
  if (command.why == purpose::publish || passes(error)) return false;
  if (command.why != purpose::unreadable) return true;
  // Nobody waits for what is no event, but everybody for the events behind it.
  return ++unreadable_tries_[command.index] >= settings_.unreadable_tries;
}

void delivery::settle(const sent_command& command, std::int64_t answer) {
  if (command.why == purpose::unreadable) {
    unreadable_done_[command.index] = true;
    ++unreadable_;
    return;
  }
  if (command.why == purpose::camera) {
    camera_done_[command.index] = true;
    camera_unlisted_[command.index] = answer == no_room_for_camera;
    return;
  }
  if (command.why == purpose::tidy || command.why == purpose::mark) return;
  alert_state& state = alert_states_[command.index];
  if (command.why == purpose::check) {
    state.at = answer > 0 ? stage::done : stage::publish;
    if (answer > 0) ++repeated_;
    return;
  }
  if (command.why == purpose::list) state.listed = true;
  if (command.why == purpose::publish) {
    state.published = true;
    ++published_;
  }
  if (state.listed && state.published) {
    state.at = batch_.alerts[command.index].object.empty() ? stage::done : stage::mark;
  }
}

std::size_t delivery::unlisted() const { return static_cast<std::size_t>(std::ranges::count(camera_unlisted_, true)); }

void delivery::unanswered() {
  for (const sent_command& command : sent_) {
    if (command.why == purpose::list) alert_states_[command.index].maybe_listed = true;
  }
  sent_.clear();
}

std::vector<std::size_t> delivery::unfinished() const {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < alert_states_.size(); ++i) {
    if (alert_states_[i].is_unfinished()) all.push_back(batch_.alerts[i].element);
  }
  for (std::size_t i = 0; i < unreadable_done_.size(); ++i) {
    if (!unreadable_done_[i]) all.push_back(batch_.unreadable[i].element);
  }
  std::ranges::sort(all);
  return all;
}

std::vector<std::string> delivery::listed_in_vain() const {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < alert_states_.size(); ++i) {
    const alert_state& state = alert_states_[i];
    if (state.is_unfinished() && (state.listed || state.maybe_listed)) all.push_back(batch_.alerts[i].text);
  }
  return all;
}

}  // namespace hub
