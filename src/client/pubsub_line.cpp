// SPDX-License-Identifier: MIT
#include "client/pubsub_line.hpp"

#include "resp/encoder.hpp"

#include <cassert>
#include <utility>

namespace redstart::detail {

namespace {

std::string_view word_of(pubsub_line::verb what, core::subscription_kind kind) noexcept {
  const bool pattern = kind == core::subscription_kind::pattern;
  switch (what) {
    case pubsub_line::verb::subscribe:
      return pattern ? "PSUBSCRIBE" : "SUBSCRIBE";
    case pubsub_line::verb::unsubscribe:
      return pattern ? "PUNSUBSCRIBE" : "UNSUBSCRIBE";
    case pubsub_line::verb::ping:
      break;
  }
  return "PING";
}

}  // namespace

void pubsub_line::push(verb what, core::subscription_kind kind, std::span<const std::string_view> names) {
  assert(names.empty() == (what == verb::ping));
  std::vector<std::string_view> args{word_of(what, kind)};
  args.insert(args.end(), names.begin(), names.end());
  command added{.what = what, .kind = kind, .names = {names.begin(), names.end()}};
  const std::size_t end = output_.size();
  const std::size_t more = resp::encoded_size(args);
  output_.reserve(end + more);
  due_.push_back(std::move(added));
  // Both or neither: from here on nothing throws.
  output_.resize(end + more);
  resp::encode(output_.data() + end, args);
}

bool pubsub_line::answer(verb what, core::subscription_kind kind) {
  if (due_.empty() || due_.front().what != what || due_.front().kind != kind) return false;
  command& head = due_.front();
  if (++head.confirmed >= head.names.size()) pop();
  return true;
}

std::optional<pubsub_line::command> pubsub_line::refuse() {
  if (due_.empty()) return std::nullopt;
  command refused = std::move(due_.front());
  pop();
  return refused;
}

void pubsub_line::pop() noexcept {
  due_.pop_front();
  ++answered_;
}

void pubsub_line::wrote(std::size_t count) noexcept {
  sent_ += count;
  if (sent_ < output_.size()) return;
  output_.clear();
  sent_ = 0;
  // What a resubscription needed is not needed again soon.
  if (output_.capacity() > std::size_t{64} * 1024) output_.shrink_to_fit();
}

void pubsub_line::clear() noexcept {
  answered_ += due_.size();
  due_.clear();
  output_.clear();
  sent_ = 0;
}

}  // namespace redstart::detail
