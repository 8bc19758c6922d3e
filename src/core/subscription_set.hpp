// SPDX-License-Identifier: MIT
// What the one pub/sub connection of a client should be subscribed to, and what the server has confirmed of it.
//
//   name            holders  outstanding  subscribed
//   first add             1            1          no     SUBSCRIBE is sent
//   last remove           0            2          no     UNSUBSCRIBE is sent before the answer to the first came
//   add again             1            3          no     SUBSCRIBE
//   answers arrive        1      2, 1, 0  yes, no, yes   only the last one counts: the server answers in order
//
// A lost connection takes all confirmations with it; the next one is asked for everything that is held. A gap lasts
// from the loss until all that was asked for again is answered.
#pragma once

#include "redstart/reply.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace redstart::core {

enum class subscription_kind : std::uint8_t {
  channel,  ///< SUBSCRIBE
  pattern,  ///< PSUBSCRIBE
  shard,    ///< SSUBSCRIBE
};

/// The names of one command to send.
struct subscription_command {
  subscription_kind kind = subscription_kind::channel;
  std::vector<std::string_view> names;
};

/// Messages may be missing from `lost_at` on, for `lasted`.
struct subscription_gap {
  std::uint64_t generation = 0;  ///< of the connection that ended it
  std::chrono::steady_clock::time_point lost_at;
  std::chrono::steady_clock::duration lasted{};
};

/// Counts holders; who they are is not its business. Names that it returns are valid until the next call that changes
/// it. Begins without a connection. Not safe for use by several threads at once.
class subscription_set {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// One more holder of each name. Returns those to subscribe to now, the new ones and those that were refused: none
  /// without a connection, because `resubscribe` will. On `bad_alloc` nothing changed.
  std::vector<std::string_view> add(subscription_kind kind, std::span<const std::string> names);

  /// One holder less of each name; names without holders are ignored. Returns those to unsubscribe from now.
  std::vector<std::string_view> remove(subscription_kind kind, std::span<const std::string> names);

  /// The server answered for one name; `subscribed` is false also when it refused. Returns the gap that this ended.
  std::optional<subscription_gap> confirmed(subscription_kind kind, std::string_view name, bool subscribed,
                                            time_point now);

  /// True when somebody holds the name and the server has confirmed it, with no further command unanswered.
  [[nodiscard]] bool is_confirmed(subscription_kind kind, std::string_view name) const noexcept;
  [[nodiscard]] bool all_confirmed(subscription_kind kind, std::span<const std::string> names) const noexcept;

  /// The connection is gone, and with it what it confirmed. A gap begins when somebody holds a name, unless one is
  /// open already.
  void lost(time_point now);

  /// There is a connection: everything that is held, at most `chunk` names a command. To be sent before anything else.
  std::vector<subscription_command> resubscribe(std::size_t chunk = 1000);

  /// Counts connections: 0 before the first.
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  /// When the gap began that is still open.
  [[nodiscard]] std::optional<time_point> lost_at() const noexcept { return lost_at_; }
  /// Nobody holds anything: no connection is needed.
  [[nodiscard]] bool empty() const noexcept { return held_ == 0; }

 private:
  struct entry {
    std::size_t holders = 0;
    std::size_t outstanding = 0;  // commands about it that the server has not answered
    bool subscribed = false;      // what the last answer said
    bool again = false;           // the open gap waits for it
  };
  struct name_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const noexcept { return std::hash<std::string_view>{}(name); }
  };
  using entries = std::unordered_map<std::string, entry, name_hash, std::equal_to<>>;

  entries& of(subscription_kind kind) noexcept { return entries_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const entries& of(subscription_kind kind) const noexcept {
    return entries_[static_cast<std::size_t>(kind)];
  }

  std::array<entries, 3> entries_;
  std::uint64_t generation_ = 0;
  std::size_t held_ = 0;   // names with a holder
  std::size_t again_ = 0;  // names that the open gap waits for
  std::optional<time_point> lost_at_;
  bool connected_ = false;
};

enum class pubsub_event_type : std::uint8_t {
  subscribed,
  unsubscribed,
  message,
  pong,
};

/// What a server says on a pub/sub connection. Views into the reply.
struct pubsub_event {
  pubsub_event_type type = pubsub_event_type::pong;
  subscription_kind kind = subscription_kind::channel;
  std::string_view channel{};  ///< empty for (un)subscribed patterns, and when there was nothing to unsubscribe from
  std::string_view pattern{};  ///< of kind `pattern` only
  std::string_view payload{};  ///< of a message or a pong
  std::int64_t count = 0;      ///< (un)subscribed: how many subscriptions of the connection remain

  /// What was subscribed to: the pattern or the channel.
  [[nodiscard]] std::string_view name() const noexcept {
    return kind == subscription_kind::pattern ? pattern : channel;
  }
};

/// Reads one reply of a pub/sub connection: pushes, and arrays when the connection speaks RESP2. Empty for everything
/// else, which then is the answer to a command, an error, or nothing that is known.
[[nodiscard]] std::optional<pubsub_event> read_pubsub(reply_view reply, int protocol) noexcept;

}  // namespace redstart::core
