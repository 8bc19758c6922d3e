// SPDX-License-Identifier: MIT
#include "client/client_core.hpp"

#include "client/leased_command.hpp"
#include "redstart/error.hpp"

#include <boost/asio/detached.hpp>

#include <functional>
#include <random>

namespace redstart::detail {

namespace {

core::random_source make_random() {
  return [engine = std::mt19937_64(std::random_device{}())]() mutable -> std::uint64_t { return engine(); };
}

std::shared_ptr<net::shared_options> make_options(const asio::any_io_executor& home, const config& settings) {
  settings.validate();
  auto options = std::make_shared<net::shared_options>();
  const net::endpoint where = net::make_endpoint(settings);
  options->home = home;
  options->display = where.display();
  options->connection.dial = {.where = where,
                              .tls = settings.tls,
                              .timeout = settings.connect_timeout,
                              .user_timeout = settings.liveness_timeout,
                              .keepalive = settings.health_check_interval};
  options->connection.login = {.username = where.username,
                               .password = where.password,
                               .client_name = settings.client_name,
                               .database = where.database,
                               .protocol = settings.protocol,
                               .want_client_id = true};
  options->connection.limits = {.depth = settings.max_reply_depth,
                                .elements = settings.max_reply_elements,
                                .bulk_bytes = settings.max_reply_bytes};
  options->line = {.max_operations = settings.max_operations,
                   .max_output_bytes = settings.max_output_bytes,
                   .backoff_initial = settings.backoff_initial,
                   .backoff_max = settings.backoff_max};
  options->timeout = settings.timeout;
  options->health_check_interval = settings.health_check_interval;
  options->liveness_timeout = settings.liveness_timeout;
  options->connect_attempts = settings.connect_attempts;
  options->random = make_random();
  options->log = settings.log;
  return options;
}

std::vector<std::shared_ptr<net::lane>> make_lanes(const net::strand& on,
                                                   const std::shared_ptr<net::shared_options>& options,
                                                   unsigned count) {
  std::vector<std::shared_ptr<net::lane>> lanes;
  for (unsigned i = 0; i < count; ++i) {
    lanes.push_back(std::make_shared<net::lane>(on, options, net::after_loss::reconnect));
  }
  return lanes;
}

}  // namespace

client_core::client_core(const asio::any_io_executor& home, config settings)
    : settings_(std::move(settings)),
      strand_(home),
      options_(make_options(home, settings_)),
      lanes_(make_lanes(strand_, options_, settings_.lanes)),
      leases_(std::make_shared<net::lease_pool>(strand_, options_,
                                                net::lease_config{.max_leased = settings_.max_leased,
                                                                  .idle_timeout = settings_.lease_idle_timeout,
                                                                  .check_after = settings_.lease_check_after})),
      pops_(std::make_shared<pop_service>(strand_, options_, lanes_.front())),
      pubsub_(std::make_shared<pubsub_service>(strand_, options_)),
      embedded_(strand_),
      phase_changed_(strand_) {}

client_core::~client_core() = default;

// --- Connecting ------------------------------------------------------------------------------------------------------

asio::awaitable<void> client_core::connect() {
  const auto self = shared_from_this();
  while (phase_ == phase_type::connecting || phase_ == phase_type::closing) co_await phase_changed_.wait();
  if (phase_ == phase_type::connected) co_return;

  set_phase(phase_type::connecting);
  std::exception_ptr failure;
  try {
    const auto where = net::make_endpoint(settings_);
    if (where.kind == net::endpoint::transport::embedded) {
      options_->connection.dial.where.kind = net::endpoint::transport::unix_socket;
      options_->connection.dial.where.path = co_await embedded_.start(where.path);
    }
    co_await open_lanes();
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    // What is half open must be closed although whoever asked for it may have been cancelled.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    bool closed = false;
    for (int tries = 2; !closed && tries > 0; --tries) {
      try {
        co_await close_all();
        closed = true;
      } catch (const std::bad_alloc&) {
        // There may be memory the second time.
      }
    }
    set_phase(phase_type::closed);
    std::rethrow_exception(failure);
  }
  leases_->open();
  pops_->open();
  pubsub_->open();
  set_phase(phase_type::connected);
}

asio::awaitable<void> client_core::open_lanes() {
  for (const auto& lane : lanes_) co_await lane->open(settings_.connect_attempts);
}

asio::awaitable<void> client_core::disconnect() {
  const auto self = shared_from_this();
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  while (phase_ == phase_type::connecting || phase_ == phase_type::closing) {
    // An attempt to connect notices, and whoever started it closes what it had opened.
    if (phase_ == phase_type::connecting) {
      for (const auto& lane : lanes_) lane->close();
    }
    co_await phase_changed_.wait();
  }
  if (phase_ == phase_type::closed) co_return;
  set_phase(phase_type::closing);
  try {
    co_await close_all();
  } catch (...) {
    // Not everything is closed, for lack of memory: it may be asked for again.
    set_phase(phase_type::connected);
    throw;
  }
  set_phase(phase_type::closed);
}

// Those that use others first.
asio::awaitable<void> client_core::close_all() {
  for (const auto& lane : lanes_) lane->turn_away();
  pubsub_->close();
  pops_->close();
  leases_->close();
  co_await pops_->closed();
  co_await pubsub_->closed();
  co_await leases_->closed();
  for (const auto& lane : lanes_) lane->close();
  for (const auto& lane : lanes_) co_await lane->closed();
  co_await embedded_.stop();
}

void client_core::set_phase(phase_type phase) {
  phase_ = phase;
  phase_changed_.notify_all();
}

// --- Operations ------------------------------------------------------------------------------------------------------

net::submit_options client_core::submit_options_of(const call_options& options) const noexcept {
  return {.timeout = options.timeout.value_or(settings_.timeout)};
}

// By key, so that operations on one key keep their order.
net::lane& client_core::lane_for(const request& command) noexcept {
  if (lanes_.size() == 1) return *lanes_.front();
  return *lanes_[std::hash<std::string_view>()(command.first_argument()) % lanes_.size()];
}

void client_core::submit(request&& command, const call_options& options, completion_maker& maker) {
  if (options.idempotent) command.declare_repeatable();
  lane_for(command).submit(std::move(command), submit_options_of(options), maker);
}

void client_core::submit_pop(pop_request&& pop, const call_options& options, completion_maker& maker) {
  pops_->submit(std::move(pop), submit_options_of(options).timeout, maker);
}

void client_core::submit_command(any_command&& command, const call_options& options, completion_maker& maker) {
  if (!command.blocks) return submit(std::move(command.command), options, maker);
  leased_command::start(strand_, leases_, std::move(command), submit_options_of(options).timeout, maker);
}

}  // namespace redstart::detail
