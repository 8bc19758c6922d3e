// SPDX-License-Identifier: MIT
// The commands on their way on a pub/sub connection. Redis answers in order: a subscribe or unsubscribe with one
// confirmation a name, or with one error instead of them all; a ping with one reply.
#pragma once

#include "core/subscription_set.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace redstart::detail {

/// One connection's; `clear` begins another's. No I/O.
class pubsub_line {
 public:
  enum class verb : std::uint8_t { subscribe, unsubscribe, ping };
  struct command {
    verb what = verb::ping;
    core::subscription_kind kind = core::subscription_kind::channel;
    std::vector<std::string> names{};
    std::size_t confirmed = 0;
  };

  /// Adds a command to the output and to the line. `names` is empty for a ping and for nothing else.
  void push(verb what, core::subscription_kind kind = core::subscription_kind::channel,
            std::span<const std::string_view> names = {});

  /// A confirmation, or the reply to a ping, came. False: it answers no command that is due.
  [[nodiscard]] bool answer(verb what, core::subscription_kind kind = core::subscription_kind::channel);
  /// An error came: takes out the command that it answers. Empty: none was due.
  [[nodiscard]] std::optional<command> refuse();

  [[nodiscard]] bool empty() const noexcept { return due_.empty(); }
  /// The commands pushed and those answered since this was made, to wait for what was pushed by now.
  [[nodiscard]] std::uint64_t pushed() const noexcept { return answered_ + due_.size(); }
  [[nodiscard]] std::uint64_t answered() const noexcept { return answered_; }

  /// The bytes to send. Valid until the next call that is not const.
  [[nodiscard]] std::string_view output() const noexcept { return std::string_view(output_).substr(sent_); }
  void wrote(std::size_t count) noexcept;

  /// The connection is gone. What was due counts as answered.
  void clear() noexcept;

 private:
  void pop() noexcept;

  std::deque<command> due_;
  std::uint64_t answered_ = 0;
  std::string output_;
  std::size_t sent_ = 0;
};

}  // namespace redstart::detail
