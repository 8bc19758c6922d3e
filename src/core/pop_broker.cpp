// SPDX-License-Identifier: MIT
#include "core/pop_broker.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace redstart::core {

namespace {

using std::chrono::milliseconds;

// Less, and some servers round it to zero, which waits for ever.
constexpr milliseconds shortest_block{2};
constexpr milliseconds shortest_unblock_pause{1};
constexpr milliseconds longest_unblock_pause{50};
constexpr milliseconds shortest_block_pause{10};
constexpr milliseconds longest_block_pause{1000};
// A BLPOP that ends by itself within this time is not worth an unblock, which could hit the next one instead.
constexpr milliseconds settle{5};
// Room for held elements that a queue keeps once they are gone.
constexpr std::size_t kept_room = 64;

}  // namespace

void pop_waiter_list::push_back(pop_waiter& waiter) noexcept {
  waiter.previous_in_line = last_;
  waiter.next_in_line = nullptr;
  (last_ != nullptr ? last_->next_in_line : first_) = &waiter;
  last_ = &waiter;
}

void pop_waiter_list::remove(pop_waiter& waiter) noexcept {
  (waiter.previous_in_line != nullptr ? waiter.previous_in_line->next_in_line : first_) = waiter.next_in_line;
  (waiter.next_in_line != nullptr ? waiter.next_in_line->previous_in_line : last_) = waiter.previous_in_line;
  waiter.next_in_line = waiter.previous_in_line = nullptr;
}

// --- Queues ----------------------------------------------------------------------------------------------------------

pop_queue& pop_broker::entry(std::string_view name) {
  if (const auto found = by_name_.find(name); found != by_name_.end()) return *found->second;
  std::list<pop_queue> added(1);
  added.front().name = name;
  by_name_.emplace(added.front().name, added.begin());
  queues_.splice(queues_.end(), added);
  return queues_.back();
}

// Only `next` calls this, so that what an action shows stays valid until then.
void pop_broker::retire(pop_queue& queue) noexcept {
  if (queue.waiters.front() != nullptr || queue.available() != 0 || in_flight(queue)) return;
  if (queue.is_handing || queue.is_looking) return;
  const auto found = by_name_.find(queue.name);
  const auto where = found->second;
  by_name_.erase(found);
  queues_.erase(where);
}

bool pop_broker::in_flight(const pop_queue& queue) const noexcept {
  return queue.probing || queue.draining || queue.covered;
}

void pop_broker::recount(pop_queue& queue) noexcept {
  const bool waits = queue.waiters.front() != nullptr;
  const bool uncovered = waits && !queue.covered && !queue.probe_wanted && !queue.probing;
  const bool idle = queue.covered && !waits;
  uncovered_ += static_cast<std::size_t>(uncovered) - static_cast<std::size_t>(queue.counts_uncovered);
  idle_covered_ += static_cast<std::size_t>(idle) - static_cast<std::size_t>(queue.counts_idle);
  queue.counts_uncovered = uncovered;
  queue.counts_idle = idle;
}

// To be called after every change of a queue: keeps the counters true, and has it looked at by `next`.
void pop_broker::changed(pop_queue& queue) noexcept {
  recount(queue);
  if (queue.probe_wanted || queue.drain_wanted) looking_.push_back(queue);
  handing_.push_back(queue);
}

void pop_broker::accept(pop_queue& queue, std::vector<std::string> elements) {
  if (queue.available() == 0) {
    queue.held = std::move(elements);
    queue.held_head = 0;
  } else {
    queue.held.insert(queue.held.end(), std::make_move_iterator(elements.begin()),
                      std::make_move_iterator(elements.end()));
  }
}

// --- Consumers -------------------------------------------------------------------------------------------------------

void pop_broker::add(pop_waiter& waiter, std::string_view name) {
  assert(waiter.where == pop_waiter::place::outside && waiter.want != 0);
  pop_queue& queue = entry(name);
  const bool first = queue.waiters.front() == nullptr;
  queue.waiters.push_back(waiter);
  queue.demand += waiter.want;
  waiter.queue = &queue;
  waiter.arrival = ++arrivals_;
  waiter.where = pop_waiter::place::in_queue;
  waiter.was_asked = false;
  wheel_.insert(waiter, waiter.deadline);
  ++waiters_;
  if (first && !closed_ && !in_flight(queue)) queue.probe_wanted = true;
  if (!queue.probe_wanted && !queue.probing) {
    const bool soon = waiter.deadline < time_point{} + config_.confirm_before;
    confirm_at_ = std::min(confirm_at_, soon ? time_point{} : waiter.deadline - config_.confirm_before);
  }
  changed(queue);
}

void pop_broker::take_out(pop_waiter& waiter) noexcept {
  pop_queue& queue = *waiter.queue;
  waiter.was_asked = asked(waiter);
  queue.waiters.remove(waiter);
  queue.demand -= waiter.want;
  wheel_.remove(waiter);
  waiter.queue = nullptr;
  waiter.where = pop_waiter::place::outside;
  if (--waiters_ == 0) confirm_at_ = time_point::max();
  changed(queue);
}

bool pop_broker::remove(pop_waiter& waiter) noexcept {
  if (waiter.where == pop_waiter::place::outside) return false;
  if (waiter.where == pop_waiter::place::in_queue) {
    take_out(waiter);
  } else {
    leaving_.remove(waiter);
    waiter.where = pop_waiter::place::outside;
  }
  return true;
}

bool pop_broker::asked(const pop_waiter& waiter) noexcept {
  return waiter.queue != nullptr ? waiter.arrival <= waiter.queue->heard : waiter.was_asked;
}

// --- Answers ---------------------------------------------------------------------------------------------------------

void pop_broker::probed(std::string_view name, std::vector<std::string> elements) {
  pop_queue& queue = entry(name);
  const bool full = queue.probing && elements.size() >= queue.asked_count;
  queue.probing = false;
  if (!full) queue.heard = arrivals_;
  // Dropped again when everybody is served by what came.
  queue.probe_wanted = full;
  accept(queue, std::move(elements));
  changed(queue);
}

void pop_broker::probe_failed(std::string_view name) {
  pop_queue& queue = entry(name);
  queue.probing = false;
  // Its waiters counted on the probe for an answer. Whose deadline comes first is not known here, but not before this.
  if (const auto earliest = wheel_.next()) confirm_at_ = std::min(confirm_at_, *earliest - config_.confirm_before);
  changed(queue);
}

void pop_broker::probe_refused(std::string_view name, std::string error) {
  pop_queue& queue = entry(name);
  queue.probing = false;
  queue.error = error.empty() ? std::string("ERR") : std::move(error);
  changed(queue);
}

void pop_broker::unblocked(bool did, time_point now) {
  unblocking_ = false;
  // An answer that was meant for an earlier BLPOP says nothing about this one.
  if (!blocking_ || unblock_for_ != block_) return;
  unblock_done_ = did;
  unblock_not_before_ = now + unblock_pause_;
  unblock_pause_ = std::min(unblock_pause_ * 2, longest_unblock_pause);
}

void pop_broker::release_block() noexcept {
  for (pop_queue* queue : covered_) {
    queue->covered = false;
    changed(*queue);
  }
  covered_.clear();
  blocking_ = false;
}

void pop_broker::popped(std::string_view name, std::string element) {
  pop_queue& queue = entry(name);
  // Redis looks at the keys in the order of the call: those before this one were empty.
  for (pop_queue* before : covered_) {
    if (before == &queue) break;
    before->heard = arrivals_;
  }
  block_pause_ = {};
  release_block();
  // Whoever was served stands behind all others next time, so that no queue starves.
  queues_.splice(queues_.end(), queues_, by_name_.find(name)->second);
  std::vector<std::string> elements;
  elements.push_back(std::move(element));
  accept(queue, std::move(elements));
  queue.drain_wanted = connected_ && queue.demand > queue.available();
  changed(queue);
}

void pop_broker::nothing_popped() {
  for (pop_queue* queue : covered_) queue->heard = arrivals_;
  // Waiters of queues that were no part of it still want their answer.
  if (uncovered_ == 0) confirm_at_ = time_point::max();
  block_pause_ = {};
  release_block();
}

void pop_broker::block_refused(time_point now) {
  for (pop_queue* queue : covered_) queue->probe_wanted = queue->waiters.front() != nullptr;
  block_pause_ = std::clamp(block_pause_ * 2, shortest_block_pause, longest_block_pause);
  block_not_before_ = now + block_pause_;
  release_block();
}

void pop_broker::drained(std::string_view name, std::vector<std::string> elements) {
  pop_queue& queue = entry(name);
  if (elements.size() < queue.asked_count) queue.heard = arrivals_;
  queue.draining = false;
  accept(queue, std::move(elements));
  changed(queue);
}

void pop_broker::drain_failed(std::string_view name) {
  pop_queue& queue = entry(name);
  queue.draining = false;
  changed(queue);
}

void pop_broker::disconnected() {
  connected_ = false;
  release_block();
  for (pop_queue& queue : queues_) {
    if (!queue.draining && !queue.drain_wanted) continue;
    queue.draining = queue.drain_wanted = false;
    changed(queue);
  }
}

void pop_broker::close() {
  closed_ = true;
  for (pop_queue& queue : queues_) changed(queue);
}

// --- What to do ------------------------------------------------------------------------------------------------------

pop_action pop_broker::next(time_point now) {
  pop_action action;
  // What is here is handed out before anybody is timed out, and nothing is sent for those who are.
  if (next_handing(action)) return action;
  expire(now);
  if (next_handing(action)) return action;
  if (pop_waiter* waiter = leaving_.front()) {
    leaving_.remove(*waiter);
    waiter->where = pop_waiter::place::outside;
    return {.type = pop_action_type::timed_out, .waiter = waiter};
  }
  // Drains are asked for before the block, so that they stand before it on the connection.
  if (next_looking(action)) return action;
  if (block_wanted() && now >= block_not_before_) return make_block(now);
  if (now >= unblock_at()) return make_unblock();
  return action;
}

bool pop_broker::next_handing(pop_action& action) noexcept {
  while (pop_queue* queue = handing_.front()) {
    if (hand_out(*queue, action)) return true;
    handing_.pop_front();
    retire(*queue);
  }
  return false;
}

bool pop_broker::next_looking(pop_action& action) noexcept {
  while (pop_queue* queue = looking_.front()) {
    looking_.pop_front();
    if (look(*queue, action)) return true;
    if (next_handing(action)) return true;
  }
  return false;
}

bool pop_broker::hand_out(pop_queue& queue, pop_action& action) noexcept {
  if (queue.available() == 0) {
    queue.held_head = 0;
    queue.held.clear();
    if (queue.held.capacity() > kept_room) queue.held = {};
  }
  pop_waiter* waiter = queue.waiters.front();
  if (waiter == nullptr) queue.error.clear();
  // Who wants several waits for the one drain that is under way, nobody else does.
  const bool patient = (queue.draining || queue.drain_wanted) && !closed_;
  const std::size_t available = queue.available();
  if (waiter != nullptr && available != 0 && (available >= waiter->want || !patient || !waiter->linked())) {
    const std::size_t count = std::min(available, waiter->want);
    action = {.type = pop_action_type::deliver, .waiter = waiter, .queue = queue.name};
    action.elements = std::span(queue.held).subspan(queue.held_head, count);
    queue.held_head += count;
    take_out(*waiter);
    return true;
  }
  if (waiter != nullptr && (closed_ || !queue.error.empty())) {
    action = {.type = closed_ ? pop_action_type::closed : pop_action_type::refused, .waiter = waiter};
    action.queue = queue.name;
    action.error = queue.error;
    take_out(*waiter);
    return true;
  }
  if (waiter == nullptr && available != 0 && !in_flight(queue)) {
    action = {.type = pop_action_type::give_back, .queue = queue.name};
    action.elements = std::span(queue.held).subspan(queue.held_head);
    queue.held_head = queue.held.size();
    return true;
  }
  return false;
}

bool pop_broker::look(pop_queue& queue, pop_action& action) noexcept {
  const std::size_t available = queue.available();
  const std::size_t missing = queue.demand > available ? queue.demand - available : 0;
  const bool probe = std::exchange(queue.probe_wanted, false) && missing != 0;
  const bool drain = std::exchange(queue.drain_wanted, false) && missing != 0 && !probe;
  queue.probing |= probe;
  queue.draining |= drain;
  changed(queue);
  if (!probe && !drain) return false;
  queue.asked_count = std::min(missing, config_.most_at_once);
  action = {.type = probe ? pop_action_type::probe : pop_action_type::drain, .queue = queue.name};
  action.count = queue.asked_count;
  return true;
}

void pop_broker::expire(time_point now) {
  wheel_.expire(now, [&](deadline_hook& hook) {
    auto& waiter = static_cast<pop_waiter&>(hook);
    pop_queue& queue = *waiter.queue;
    // The server is about to end it by itself.
    if (blocking_ && now >= block_ends_ - settle) idle_not_before_ = block_ends_ + settle;
    if (queue.available() != 0 && queue.waiters.front() == &waiter) {
      // It was waiting for more than what is here: it leaves with what is here.
      changed(queue);
      return;
    }
    take_out(waiter);
    waiter.where = pop_waiter::place::leaving;
    leaving_.push_back(waiter);
  });
}

bool pop_broker::block_wanted() const noexcept { return connected_ && !blocking_ && uncovered_ != 0; }

pop_action pop_broker::make_block(time_point now) {
  names_.clear();
  covered_.clear();
  names_.reserve(queues_.size());
  covered_.reserve(queues_.size());
  for (pop_queue& queue : queues_) {
    if (!queue.counts_uncovered) continue;
    names_.emplace_back(queue.name);
    covered_.push_back(&queue);
    queue.covered = true;
    recount(queue);
  }
  milliseconds timeout = config_.longest_block;
  if (const auto earliest = wheel_.next(); earliest && *earliest < now + timeout) {
    timeout = std::max(std::chrono::ceil<milliseconds>(*earliest - now), shortest_block);
  }
  blocking_ = true;
  ++block_;
  block_ends_ = now + timeout;
  unblock_done_ = false;
  unblock_not_before_ = idle_not_before_ = time_point::min();
  unblock_pause_ = shortest_unblock_pause;
  return {.type = pop_action_type::block, .queues = names_, .timeout = timeout};
}

// When the outstanding BLPOP is to be ended early because it no longer fits what is waited for.
pop_broker::time_point pop_broker::unblock_at() const noexcept {
  if (!blocking_ || unblocking_ || unblock_done_) return time_point::max();
  time_point at = confirm_at_;
  if (uncovered_ != 0) at = time_point::min();
  if (idle_covered_ != 0) at = std::min(at, idle_not_before_);
  return std::max(at, unblock_not_before_);
}

pop_action pop_broker::make_unblock() noexcept {
  unblocking_ = true;
  unblock_for_ = block_;
  return {.type = pop_action_type::unblock};
}

std::optional<pop_broker::time_point> pop_broker::next_due() const noexcept {
  time_point due = std::min(wheel_.next().value_or(time_point::max()), unblock_at());
  if (block_wanted()) due = std::min(due, block_not_before_);
  if (due == time_point::max()) return std::nullopt;
  return due;
}

}  // namespace redstart::core
