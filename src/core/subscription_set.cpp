// SPDX-License-Identifier: MIT
#include "core/subscription_set.hpp"

#include <algorithm>
#include <utility>

namespace redstart::core {

std::vector<std::string_view> subscription_set::add(subscription_kind kind, std::span<const std::string> names) {
  std::vector<std::string_view> fresh;
  std::vector<entries::iterator> held;
  fresh.reserve(names.size());
  held.reserve(names.size());
  entries& all = of(kind);
  // Everything that may throw comes first; an entry without holders is as good as none.
  all.reserve(all.size() + names.size());
  for (const std::string& name : names) held.push_back(all.try_emplace(name).first);
  for (const auto& found : held) {
    entry& one = found->second;
    const bool first = one.holders++ == 0;
    if (first) ++held_;
    // Of a name that was refused, every further holder tries anew.
    const bool refused = one.outstanding == 0 && !one.subscribed;
    if (!connected_ || (!first && !refused)) continue;
    ++one.outstanding;
    fresh.emplace_back(found->first);
  }
  return fresh;
}

std::vector<std::string_view> subscription_set::remove(subscription_kind kind, std::span<const std::string> names) {
  std::vector<std::string_view> last;
  last.reserve(names.size());
  entries& all = of(kind);
  for (const std::string& name : names) {
    const auto found = all.find(name);
    if (found == all.end() || found->second.holders == 0 || --found->second.holders != 0) continue;
    --held_;
    if (connected_) {
      ++found->second.outstanding;
      last.emplace_back(found->first);
    } else {
      all.erase(found);
    }
  }
  return last;
}

std::optional<subscription_gap> subscription_set::confirmed(subscription_kind kind, std::string_view name,
                                                            bool subscribed, time_point now) {
  entries& all = of(kind);
  const auto found = all.find(name);
  if (found == all.end() || found->second.outstanding == 0) return std::nullopt;
  entry& one = found->second;
  --one.outstanding;
  one.subscribed = subscribed;
  if (one.outstanding != 0) return std::nullopt;
  if (std::exchange(one.again, false)) --again_;
  if (one.holders == 0) all.erase(found);
  if (again_ != 0 || !lost_at_) return std::nullopt;
  const subscription_gap gap{generation_, *lost_at_, now - *lost_at_};
  lost_at_.reset();
  return gap;
}

bool subscription_set::is_confirmed(subscription_kind kind, std::string_view name) const noexcept {
  const auto found = of(kind).find(name);
  if (found == of(kind).end()) return false;
  return found->second.holders != 0 && found->second.outstanding == 0 && found->second.subscribed;
}

bool subscription_set::all_confirmed(subscription_kind kind, std::span<const std::string> names) const noexcept {
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) { return is_confirmed(kind, name); });
}

void subscription_set::lost(time_point now) {
  if (connected_ && held_ != 0 && !lost_at_) lost_at_ = now;
  connected_ = false;
  again_ = 0;
  for (entries& all : entries_) {
    std::erase_if(all, [](const auto& item) { return item.second.holders == 0; });
    for (auto& item : all) item.second = {.holders = item.second.holders};
  }
}

std::vector<subscription_command> subscription_set::resubscribe(std::size_t chunk) {
  std::vector<subscription_command> commands;
  for (std::size_t kind = 0; kind < entries_.size(); ++kind) {
    const std::size_t first = commands.size();
    for (const auto& [name, one] : entries_[kind]) {
      if (one.holders == 0) continue;
      if (commands.size() == first || commands.back().names.size() >= chunk) {
        commands.push_back({static_cast<subscription_kind>(kind), {}});
      }
      commands.back().names.emplace_back(name);
    }
  }
  // Nothing is changed before everything that may throw is done.
  for (entries& all : entries_) {
    for (auto& [name, one] : all) {
      if (one.holders == 0) continue;
      one.outstanding = 1;
      one.again = lost_at_.has_value();
    }
  }
  again_ = lost_at_ ? held_ : 0;
  // Whoever felt the gap has left.
  if (held_ == 0) lost_at_.reset();
  connected_ = true;
  ++generation_;
  return commands;
}

namespace {

struct event_word {
  std::string_view word;
  pubsub_event_type type;
  subscription_kind kind;
  std::size_t size;  // elements of the reply
};

constexpr event_word words[] = {
    {"message", pubsub_event_type::message, subscription_kind::channel, 3},
    {"pmessage", pubsub_event_type::message, subscription_kind::pattern, 4},
    {"smessage", pubsub_event_type::message, subscription_kind::shard, 3},
    {"subscribe", pubsub_event_type::subscribed, subscription_kind::channel, 3},
    {"psubscribe", pubsub_event_type::subscribed, subscription_kind::pattern, 3},
    {"ssubscribe", pubsub_event_type::subscribed, subscription_kind::shard, 3},
    {"unsubscribe", pubsub_event_type::unsubscribed, subscription_kind::channel, 3},
    {"punsubscribe", pubsub_event_type::unsubscribed, subscription_kind::pattern, 3},
    {"sunsubscribe", pubsub_event_type::unsubscribed, subscription_kind::shard, 3},
    {"pong", pubsub_event_type::pong, subscription_kind::channel, 2},
};

bool read_message(reply_view::iterator item, pubsub_event& event) noexcept {
  if (event.kind == subscription_kind::pattern) {
    if (!(*item).has_text()) return false;
    event.pattern = (*item++).text();
  }
  if (!(*item).has_text()) return false;
  event.channel = (*item++).text();
  event.payload = (*item).text();
  return (*item).has_text();
}

bool read_confirmation(reply_view::iterator item, pubsub_event& event) noexcept {
  // Null when there was nothing to unsubscribe from.
  if (!(*item).has_text() && !(*item).is_null()) return false;
  (event.kind == subscription_kind::pattern ? event.pattern : event.channel) = (*item++).text();
  event.count = (*item).integer();
  return (*item).kind() == reply_kind::integer;
}

}  // namespace

std::optional<pubsub_event> read_pubsub(reply_view reply, int protocol) noexcept {
  const bool array = reply.kind() == reply_kind::array && protocol == 2;
  if ((!array && reply.kind() != reply_kind::push) || reply.size() == 0) return std::nullopt;
  reply_view::iterator item = reply.begin();
  const std::string_view word = (*item).text();
  const auto* const known =
      std::find_if(std::begin(words), std::end(words), [&](const event_word& one) { return one.word == word; });
  if (known == std::end(words) || reply.size() != known->size) return std::nullopt;
  ++item;
  pubsub_event event{.type = known->type, .kind = known->kind};
  bool fits = true;
  if (event.type == pubsub_event_type::message) {
    fits = read_message(item, event);
  } else if (event.type == pubsub_event_type::pong) {
    event.payload = (*item).text();
  } else {
    fits = read_confirmation(item, event);
  }
  return fits ? std::optional(event) : std::nullopt;
}

}  // namespace redstart::core
