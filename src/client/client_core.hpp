// SPDX-License-Identifier: MIT
// What stands behind a client: its lanes, and the services that the verbs use.
#pragma once

#include "client/embedded_service.hpp"
#include "client/pop_service.hpp"
#include "client/pubsub_service.hpp"
#include "net/lane.hpp"
#include "net/lease_pool.hpp"
#include "redstart/client.hpp"

#include <memory>
#include <string>
#include <vector>

namespace redstart::detail {

class client_core;
/// Closes what a destroyed client has left.
asio::awaitable<void> close_abandoned(std::shared_ptr<client_core> core);

/// Owned by the client; coroutines of the verbs keep it alive while they run. All of its state belongs to the strand,
/// except where `submit` says otherwise.
class client_core final : public std::enable_shared_from_this<client_core> {
 public:
  client_core(const asio::any_io_executor& home, config settings);
  client_core(const client_core&) = delete;
  client_core& operator=(const client_core&) = delete;
  ~client_core();

  asio::awaitable<void> connect();
  asio::awaitable<void> disconnect();
  asio::awaitable<health> health_check();

  /// From any thread.
  void submit(request&& command, const call_options& options, completion_maker& maker);
  void submit_pop(pop_request&& pop, const call_options& options, completion_maker& maker);
  void submit_command(any_command&& command, const call_options& options, completion_maker& maker);

  [[nodiscard]] const asio::any_io_executor& home() const noexcept { return options_->home; }
  [[nodiscard]] const net::strand& strand() const noexcept { return strand_; }
  [[nodiscard]] std::chrono::nanoseconds default_timeout() const noexcept { return settings_.timeout; }
  [[nodiscard]] net::lease_pool& leases() noexcept { return *leases_; }
  [[nodiscard]] pubsub_service& pubsub() noexcept { return *pubsub_; }

 private:
  enum class phase_type { closed, connecting, connected, closing };

  [[nodiscard]] net::submit_options submit_options_of(const call_options& options) const noexcept;
  [[nodiscard]] net::lane& lane_for(const request& command) noexcept;
  [[nodiscard]] lanes_figures lane_totals() const;
  asio::awaitable<void> open_lanes();
  asio::awaitable<void> close_all();
  void set_phase(phase_type phase);

  const config settings_;
  const net::strand strand_;
  // Changed only while everything is closed: an embedded server gets a new socket each time.
  const std::shared_ptr<net::shared_options> options_;
  std::vector<std::shared_ptr<net::lane>> lanes_;  // the same ones for as long as this lives: `submit` reads it freely
  const std::shared_ptr<net::lease_pool> leases_;
  const std::shared_ptr<pop_service> pops_;
  const std::shared_ptr<pubsub_service> pubsub_;
  embedded_service embedded_;
  phase_type phase_ = phase_type::closed;
  net::event phase_changed_;
};

}  // namespace redstart::detail
