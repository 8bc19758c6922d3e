// SPDX-License-Identifier: MIT
// Every fault as data: what is done, where, and to what it applies.
#pragma once

#include "chaos/proxy.hpp"
#include "chaos/server_fault.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace redstart::chaos {

/// What the client is doing when the fault comes.
enum class state_kind : std::uint8_t { idle, one, pipelined, multi, pop, subscribed, connecting };
inline constexpr state_kind every_state[] = {state_kind::idle,      state_kind::one, state_kind::pipelined,
                                             state_kind::multi,     state_kind::pop, state_kind::subscribed,
                                             state_kind::connecting};
std::string_view name_of(state_kind state);
std::string_view name_of(transport via);

/// What happens to connections that the server had confirmed.
enum class cuts : std::uint8_t {
  none,   ///< they live on
  once,   ///< each is lost exactly once
  maybe,  ///< it depends on when bytes come and on how long the silence seems
};

struct fault {
  std::string_view name;
  std::string_view what;
  proxy_action in_proxy = proxy_action::nothing;
  server_action at_server = server_action::nothing;
  cuts cuts_connections = cuts::maybe;
  unsigned states = all;      ///< bits, by state_kind
  unsigned transports = all;  ///< bits, by transport
  /// The server answers the harness while the fault lasts.
  bool server_answers = true;
  /// A script that breaks a rule at the server, past the client, when the fault ends. Only of the self-test.
  std::string_view sabotage{};

  static constexpr unsigned all = 0xff;
  [[nodiscard]] bool applies(state_kind state, transport via) const {
    return (states >> static_cast<unsigned>(state) & 1u) != 0 && (transports >> static_cast<unsigned>(via) & 1u) != 0;
  }
  /// Bytes of the server's reach the client changed; TLS ends such a connection itself.
  [[nodiscard]] bool changes_bytes() const { return in_proxy == proxy_action::corrupt; }
};

std::span<const fault> every_fault();
/// Null when there is no such fault.
const fault* find_fault(std::string_view name);

}  // namespace redstart::chaos
