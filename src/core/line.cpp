// SPDX-License-Identifier: MIT
#include "core/line.hpp"

#include "core/error_reply.hpp"

#include <algorithm>
#include <cassert>

namespace redstart::core {

namespace {

// What is looked at when the reply comes.
void prefetch(const operation* op) noexcept {
  if (!op) return;
  __builtin_prefetch(op);
  __builtin_prefetch(&op->request);
}

}  // namespace

// What was sent is kept until its answer comes, and so has a bound of its own: a server that reads and does not answer
// would otherwise have us keep whatever the network carries. The library's own operations are few, and may be elements
// on their way back, which must not be refused.
inline bool line::has_room(const operation& op) const noexcept {
  if (op.internal) return true;
  const std::size_t pending = waiting_bytes_ + unsent_bytes();
  if (pending != 0 && pending + op.request.bytes().size() > config_.max_output_bytes) return false;
  const operation* first = in_line_.front();
  return !first || first->begin >= sent_ || sent_ - first->begin < config_.max_output_bytes;
}

inline void line::stage(operation& op) {
  (writing_ || !late_output_.empty() ? late_output_ : output_)
      .append(op.request.bytes());  // may throw; nothing has changed then
  op.begin = staged_;
  op.replies_due = op.request.replies();
  op.state = operation_state::staged;
  staged_ += op.request.bytes().size();
  in_line_.push_back(op);
}

line::admission line::push(operation& op) {
  // One that is never answered would take the answer of the next.
  assert(op.request.replies() != 0);
  const std::size_t size = op.request.bytes().size();
  if (operations_ >= config_.max_operations) return admission::full;
  // What was cancelled holds its place until the output is asked for, which a blocked connection does not do.
  if (!has_room(op)) restage();
  if (!has_room(op)) return admission::full;

  if (open_ && waiting_.empty() && unsent_bytes() < config_.high_water) {
    stage(op);
  } else {
    op.state = operation_state::waiting;
    waiting_.push_back(op);
    waiting_bytes_ += size;
  }
  ++operations_;
  if (op.deadline != time_point::max()) wheel_.insert(op, op.deadline);
  return admission::accepted;
}

void line::stage_waiting() {
  while (!waiting_.empty() && unsent_bytes() < config_.high_water) {
    operation& op = *waiting_.front();
    waiting_.remove(op);
    try {
      stage(op);
    } catch (...) {
      operation_list rest;
      rest.push_back(op);
      rest.append(waiting_);
      waiting_.swap(rest);
      throw;
    }
    waiting_bytes_ -= op.request.bytes().size();
  }
}

// Takes the unsent operations that ended out of the output. They are few or the connection is stuck, so the cost of
// copying what follows them does not matter; it needs no memory, as the output only gets shorter.
void line::restage() {
  if (!cut_) return;
  const std::uint64_t border = end_of_output();
  if (*cut_ < border) output_.resize(output_head_ + static_cast<std::size_t>(*cut_ - sent_));
  late_output_.resize(static_cast<std::size_t>(std::max(*cut_, border) - border));
  staged_ = *cut_;
  operation* first = nullptr;
  for (operation* op = in_line_.back(); op && op->begin >= *cut_; op = op->previous_in_line) first = op;
  for (operation* op = first; op; op = op->next_in_line) {
    (op->begin < border ? output_ : late_output_).append(op->request.bytes());
    op->begin = staged_;
    staged_ += op->request.bytes().size();
  }
  cut_.reset();
}

detail::completion* line::detach(operation& op, operation_end why) {
  // One that has ended or was answered is being told, without a lock: only its state may be looked at.
  if (op.state == operation_state::idle || op.end != operation_end::none || !op.waiter) return nullptr;
  if (op.collecting) {
    op.end = why;
    return nullptr;
  }
  leave(op);
  op.end = why;
  return std::exchange(op.waiter, nullptr);
}

// The waiter goes. Where no byte was sent the slot goes with it; otherwise it stays for the late reply, and as the rest
// of the bytes will follow, the server is going to execute it.
void line::leave(operation& op) noexcept {
  wheel_.remove(op);
  switch (op.state) {
    case operation_state::idle:
      return;
    case operation_state::waiting:
      waiting_.remove(op);
      waiting_bytes_ -= op.request.bytes().size();
      break;
    case operation_state::delayed:
      delayed_.remove(op);
      waiting_bytes_ -= op.request.bytes().size();
      break;
    case operation_state::staged:
      if (op.begin < begun()) {
        op.was_sent = true;
        return;
      }
      in_line_.remove(op);
      cut_ = std::min(cut_.value_or(op.begin), op.begin);
      break;
  }
  op.state = operation_state::idle;
  --operations_;
}

bool line::may_have_run(const operation& op) const noexcept {
  return op.state == operation_state::staged && op.begin + op.request.first_command_bytes() <= sent_;
}

void line::end(operation& op, operation_end why, ended_list& ended) {
  if (op.collecting) {
    op.end = why;
    return;
  }
  leave(op);
  op.end = why;
  ended.push_back(op);
}

void line::opened() noexcept {
  assert(!open_ && in_line_.empty() && unsent_bytes() == 0 && !writing_);
  sent_ = staged_ = 0;
  open_ = true;
}

void line::lost(bool for_good, operation_end why, ended_list& ended) {
  assert(!writing_);
  open_ = false;
  operation_list again;
  assert(!in_line_.front() || in_line_.front()->collecting == 0);
  while (operation* op = in_line_.pop_front()) {
    const bool ran = may_have_run(*op);
    op->was_sent = op->was_sent || ran;  // also of one that is sent again: it may be given up before that
    const bool untouched = op->replies_due == op->request.replies();
    if (op->waiter && !for_good && untouched && (!ran || op->request.repeatable())) {
      requeue(*op, again);
      continue;
    }
    wheel_.remove(*op);
    op->state = operation_state::idle;
    op->end = why;
    --operations_;
    ended.push_back(*op);
  }
  again.append(waiting_);
  waiting_.swap(again);
  // Its operations wait again or have ended: kept, the bytes would count twice.
  std::string().swap(output_);
  std::string().swap(late_output_);
  output_head_ = 0;
  cut_.reset();
  if (!for_good) return;
  while (!waiting_.empty()) end(*waiting_.front(), why, ended);
  while (!delayed_.empty()) end(*delayed_.front(), why, ended);
}

void line::turn_away(operation_end why, ended_list& ended) {
  turn_away(in_line_, why, ended);
  turn_away(waiting_, why, ended);
  turn_away(delayed_, why, ended);
}

void line::turn_away(operation_list& from, operation_end why, ended_list& ended) {
  operation* next = nullptr;
  for (operation* op = from.front(); op; op = next) {
    next = op->next_in_line;
    if (op->waiter && !op->internal) end(*op, why, ended);
  }
}

void line::requeue(operation& op, operation_list& again) noexcept {
  op.state = operation_state::waiting;
  waiting_bytes_ += op.request.bytes().size();
  again.push_back(op);
  if (!op.linked() && op.deadline != time_point::max()) wheel_.insert(op, op.deadline);
}

std::string_view line::output() {
  if (!open_) return {};
  restage();
  if (!late_output_.empty()) {
    output_.append(late_output_);
    late_output_.clear();
  }
  stage_waiting();
  return std::string_view(output_).substr(output_head_);
}

std::string_view line::begin_write() {
  const std::string_view bytes = output();
  writing_ = !bytes.empty();
  return bytes;
}

void line::wrote(std::size_t count) noexcept {
  assert(count <= output_.size() - output_head_ && (!cut_ || *cut_ >= begun()));
  writing_ = false;
  output_head_ += count;
  sent_ += count;
  if (output_head_ == output_.size()) {
    output_.clear();
    output_head_ = 0;
    if (output_.capacity() > 4 * config_.high_water) output_.shrink_to_fit();
    output_.swap(late_output_);
  } else if (output_head_ >=
             std::max(config_.high_water, unsent_bytes())) {  // no byte is moved more than once, on average
    output_.erase(0, output_head_);
    output_head_ = 0;
  }
}

line::reply_target line::take_reply(reply_view reply, time_point now) {
  operation* op = in_line_.front();
  // A reply to bytes that were not sent is nobody's.
  if (!op || op->begin >= sent_) return {reply_action::unexpected, nullptr};
  if (op->replies_due > 1) {
    --op->replies_due;
    if (op->waiter) ++op->collecting;
    return {reply_action::collect, op};
  }
  // To half a command Redis says only that it is malformed, and hangs up.
  const bool whole = op->begin + op->request.bytes().size() <= sent_;
  if (!whole && !reply.is_error()) return {reply_action::unexpected, nullptr};
  in_line_.remove(*op);
  // The next but one: the next is on its way already.
  if (const operation* next = in_line_.front()) prefetch(next->next_in_line);
  wheel_.remove(*op);
  if (whole && op->waiter && reply.is_error() && try_delay(*op, reply, now)) return {reply_action::retry, op};
  op->state = operation_state::idle;
  --operations_;
  return {reply_action::answer, op};
}

bool line::try_delay(operation& op, reply_view reply, time_point now) {
  if (op.request.replies() != 1 || op.blocks || !refused_before_execution(reply.text())) return false;
  const auto wait = backoff::wait(config_.backoff_initial, config_.backoff_max, op.refusals, random_);
  if (op.deadline <= now + wait) return false;
  ++op.refusals;
  op.resume_at = now + wait;
  op.state = operation_state::delayed;
  delayed_.push_back(op);
  waiting_bytes_ += op.request.bytes().size();
  wheel_.insert(op, op.resume_at);
  return true;
}

detail::completion* line::collected(operation& op) {
  if (--op.collecting != 0 || op.end == operation_end::none) return nullptr;
  leave(op);
  return std::exchange(op.waiter, nullptr);
}

void line::expire(time_point now, ended_list& ended) {
  wheel_.expire(now, [&](deadline_hook& hook) {
    auto& op = static_cast<operation&>(hook);
    if (op.state == operation_state::delayed && now < op.deadline) {
      delayed_.remove(op);
      op.state = operation_state::waiting;
      waiting_.push_back(op);
      if (op.deadline != time_point::max()) wheel_.insert(op, op.deadline);
      return;
    }
    end(op, operation_end::timed_out, ended);
  });
}

bool line::expects_elements() const noexcept {
  for (const operation* op = in_line_.front(); op; op = op->next_in_line) {
    if (op->keeps_orphan) return true;
  }
  return false;
}

bool line::is_blocked() const noexcept {
  const operation* op = in_line_.front();
  return op && op->blocks && op->begin < sent_;
}

bool line::answer_due() const noexcept {
  const operation* op = in_line_.front();
  // A large one that is still being written is waited for by nobody yet.
  return op && op->begin + op->request.bytes().size() <= sent_ && !op->blocks;
}

}  // namespace redstart::core
