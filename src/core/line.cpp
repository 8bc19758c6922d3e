// SPDX-License-Identifier: MIT
#include "core/line.hpp"

#include <algorithm>
#include <cassert>

#include "core/error_reply.hpp"

namespace redstart::core {

line::admission line::push(operation& op) {
  const std::size_t size = op.request.bytes().size();
  const bool full = operations_ >= config_.max_operations;
  const std::size_t pending = waiting_bytes_ + unsent_bytes();
  if (full || (pending != 0 && pending + size > config_.max_output_bytes)) return admission::full;

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

void line::stage(operation& op) {
  output_.append(op.request.bytes());  // may throw; nothing has changed then
  op.begin = staged_;
  op.replies_due = op.request.replies();
  op.state = operation_state::staged;
  staged_ += op.request.bytes().size();
  in_line_.push_back(op);
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
  output_.resize(output_head_ + static_cast<std::size_t>(*cut_ - sent_));
  staged_ = *cut_;
  operation* first = nullptr;
  for (operation* op = in_line_.back(); op && op->begin >= *cut_; op = op->previous_in_line) first = op;
  for (operation* op = first; op; op = op->next_in_line) {
    op->begin = staged_;
    output_.append(op->request.bytes());
    staged_ += op->request.bytes().size();
  }
  cut_.reset();
}

detail::completion* line::detach(operation& op, operation_end why) {
  // One that has ended already is on its way to be told.
  if (!op.waiter || op.end != operation_end::none || op.state == operation_state::idle) return nullptr;
  if (op.collecting) {
    op.end = why;
    return nullptr;
  }
  leave(op);
  op.end = why;
  return std::exchange(op.waiter, nullptr);
}

// The waiter goes. Where no byte was sent the slot goes with it; otherwise it stays for the late reply.
void line::leave(operation& op) noexcept {
  wheel_.remove(op);
  op.was_sent = may_have_run(op);
  switch (op.state) {
    case operation_state::idle:
      return;
    case operation_state::waiting:
      waiting_.remove(op);
      waiting_bytes_ -= op.request.bytes().size();
      break;
    case operation_state::delayed:
      delayed_.remove(op);
      break;
    case operation_state::staged:
      if (op.begin < sent_) return;
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

void line::opened() {
  assert(!open_ && in_line_.empty());
  output_.clear();
  output_head_ = 0;
  sent_ = staged_ = 0;
  cut_.reset();
  open_ = true;
  stage_waiting();
}

void line::lost(bool for_good, operation_end why, ended_list& ended) {
  open_ = false;
  operation_list again;
  while (operation* op = in_line_.pop_front()) {
    const bool ran = may_have_run(*op);
    const bool untouched = op->replies_due == op->request.replies();
    if (op->waiter && !for_good && untouched && (!ran || op->request.repeatable())) {
      requeue(*op, again);
      continue;
    }
    wheel_.remove(*op);
    op->state = operation_state::idle;
    op->was_sent = ran;
    op->end = why;
    --operations_;
    ended.push_back(*op);
  }
  again.append(waiting_);
  waiting_.swap(again);
  if (!for_good) return;
  while (!waiting_.empty()) end(*waiting_.front(), why, ended);
  while (!delayed_.empty()) end(*delayed_.front(), why, ended);
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
  stage_waiting();
  return std::string_view(output_).substr(output_head_);
}

void line::wrote(std::size_t count) noexcept {
  assert(count <= unsent_bytes() && !cut_);
  output_head_ += count;
  sent_ += count;
  if (output_head_ == output_.size()) {
    output_.clear();
    output_head_ = 0;
    if (output_.capacity() > 4 * config_.high_water) output_.shrink_to_fit();
  } else if (output_head_ >= config_.high_water) {
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
    op->collecting = op->waiter != nullptr;
    return {reply_action::collect, op};
  }
  in_line_.remove(*op);
  wheel_.remove(*op);
  if (op->waiter && reply.is_error() && try_delay(*op, reply, now)) return {reply_action::retry, op};
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
  wheel_.insert(op, op.resume_at);
  return true;
}

detail::completion* line::collected(operation& op) {
  op.collecting = false;
  if (op.end == operation_end::none) return nullptr;
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
      waiting_bytes_ += op.request.bytes().size();
      if (op.deadline != time_point::max()) wheel_.insert(op, op.deadline);
      return;
    }
    end(op, operation_end::timed_out, ended);
  });
}

bool line::answer_due() const noexcept {
  const operation* op = in_line_.front();
  return op && op->begin < sent_ && !op->blocks;
}

}  // namespace redstart::core
