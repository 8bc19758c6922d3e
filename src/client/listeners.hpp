// SPDX-License-Identifier: MIT
// Who listens to what.
#pragma once

#include "client/subscription_state.hpp"
#include "core/subscription_set.hpp"
#include "net/event.hpp"

#include <array>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace redstart::detail {

/// The kinds that a client can subscribe to.
inline constexpr std::array subscription_kinds{core::subscription_kind::channel, core::subscription_kind::pattern};

/// One subscription as the service sees it.
struct listener {
  explicit listener(const net::strand& on) : changed(on) {}

  std::shared_ptr<subscription_state> state;
  std::array<std::vector<std::string>, subscription_kinds.size()> names;  // by kind, each once
  std::size_t missing = 0;   // names that Redis has not confirmed on this connection
  bool established = false;  // all were confirmed once: it is given messages, and told of losses
  bool enrolled = false;
  std::exception_ptr failure;  // why it never was established
  net::event changed;          // one of the last three

  std::vector<std::string>& names_of(core::subscription_kind kind) { return names[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] bool has_names() const noexcept { return !names[0].empty() || !names[1].empty(); }
};

/// From names to listeners, and from their states.
class listener_index {
 public:
  using holder_list = std::vector<std::shared_ptr<listener>>;

  /// On `bad_alloc` the listener is not in it.
  void add(const std::shared_ptr<listener>& added);
  void remove(const listener& removed) noexcept;
  /// Takes one name away; the listener stays, perhaps with none.
  void remove_name(core::subscription_kind kind, std::string_view name, const listener& from) noexcept;

  /// Valid until the next change.
  [[nodiscard]] const holder_list& holders(core::subscription_kind kind, std::string_view name) const noexcept;
  [[nodiscard]] std::shared_ptr<listener> find(const subscription_state* state) const noexcept;
  [[nodiscard]] const std::unordered_map<const subscription_state*, std::shared_ptr<listener>>& all() const noexcept {
    return listeners_;
  }

 private:
  struct name_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const noexcept { return std::hash<std::string_view>{}(name); }
  };
  using by_name = std::unordered_map<std::string, holder_list, name_hash, std::equal_to<>>;

  std::array<by_name, subscription_kinds.size()> names_;
  std::unordered_map<const subscription_state*, std::shared_ptr<listener>> listeners_;
};

}  // namespace redstart::detail
