// SPDX-License-Identifier: MIT
#include "client/message_buffer.hpp"

#include <algorithm>
#include <utility>

namespace redstart::detail {

namespace {

std::size_t size_of(const message& what) noexcept {
  return what.channel.size() + what.pattern.size() + what.payload.size();
}

}  // namespace

bool message_buffer::fits(std::size_t size) const noexcept {
  if (entries_.empty()) return true;
  return entries_.size() < max_messages_ && bytes_ < max_bytes_ && size <= max_bytes_ - bytes_;
}

bool message_buffer::push(const message_view& arrived) {
  const std::size_t size = arrived.channel.size() + arrived.pattern.size() + arrived.payload.size();
  if (!fits(size)) {
    switch (when_full_) {
      case overflow_policy::drop_oldest:
        while (!fits(size)) drop_oldest();
        break;
      case overflow_policy::drop_newest:
        ++behind_.dropped;
        return true;
      case overflow_policy::close:
        return false;
    }
  }
  entries_.push_back({behind_,
                      {.channel = std::string(arrived.channel),
                       .pattern = std::string(arrived.pattern),
                       .payload = std::string(arrived.payload)}});
  behind_ = {};
  bytes_ += size;
  if (interrupted_) ++held_;
  return true;
}

void message_buffer::drop_oldest() {
  const missing before = entries_.front().before;
  bytes_ -= size_of(entries_.front().what);
  entries_.pop_front();
  held_ = std::min(held_, entries_.size());
  missing& merged = next_missing();
  merged.gap = merged.gap || before.gap;
  merged.outage += before.outage;
  merged.dropped += before.dropped + 1;
}

std::optional<message> message_buffer::pop() {
  if (interrupted_ && held_ == entries_.size()) return std::nullopt;
  missing& before = next_missing();
  if (std::exchange(before.gap, false)) {
    return message{.kind = message::kind_type::gap,
                   .outage = std::chrono::ceil<std::chrono::milliseconds>(std::exchange(before.outage, {}))};
  }
  if (before.dropped != 0) {
    return message{.kind = message::kind_type::overflow, .dropped = std::exchange(before.dropped, 0)};
  }
  if (entries_.empty()) return std::nullopt;
  message what = std::move(entries_.front().what);
  bytes_ -= size_of(what);
  entries_.pop_front();
  return what;
}

void message_buffer::interrupt(time_point now) {
  if (interrupted_) {
    if (held_ == 0) return;
    resume(now);
  }
  interrupted_ = now;
  held_ = 0;
}

void message_buffer::resume(time_point now) {
  if (!interrupted_) return;
  missing& at = held_ == 0 ? behind_ : entries_[entries_.size() - held_].before;
  at.gap = true;
  at.outage += now - *interrupted_;
  interrupted_.reset();
  held_ = 0;
}

void message_buffer::clear() noexcept {
  entries_.clear();
  behind_ = {};
  bytes_ = 0;
  interrupted_.reset();
  held_ = 0;
}

}  // namespace redstart::detail
