// SPDX-License-Identifier: MIT
#include "chaos/context.hpp"

#include "core/error_reply.hpp"
#include "support/certificates.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace redstart::chaos {
namespace {

constexpr std::size_t most_failures = 12;  // more say nothing new

server_address address_of(const test::redis_server& server, transport via) {
  return {server.socket_path(), via == transport::tls ? server.tls_port() : std::uint16_t{0}};
}

asio::awaitable<void> call(std::function<void()> work) {
  work();
  co_return;
}

// Redis's error codes that a fault brings with it.
bool brings(server_action action, std::string_view code) {
  switch (action) {
    case server_action::out_of_memory:
      return code == "OOM";
    case server_action::misconf:
      return code == "MISCONF";
    case server_action::read_only:
      return code == "READONLY" || code == "UNBLOCKED";
    case server_action::loading:
    case server_action::kill_restart:
      return code == "LOADING";
    case server_action::no_script:
      return code == "NOSCRIPT";
    default:
      return false;
  }
}

// A transaction that is refused as a whole, all of its commands having been queued, says why behind this.
std::string_view reason_in(std::string_view text) {
  constexpr std::string_view refused = "EXECABORT Transaction discarded because of: ";
  return text.starts_with(refused) ? text.substr(refused.size()) : text;
}

}  // namespace

std::string cell::name() const {
  std::string result(what->name);
  result += '/';
  result += name_of(state);
  result += protocol == 3 ? "/resp3/" : "/resp2/";
  result += name_of(via);
  return result;
}

context::context(const cell& one, std::uint64_t seed)
    : about(one),
      server(options_for(one.what->at_server, one.via == transport::tls)),
      between(one.via, address_of(server, one.via), folder.path()),
      random_(seed) {
  settings.url = between.url();
  if (one.via == transport::tls) settings.tls.ca_file = test::test_certificates().ca_file;
  settings.protocol = one.protocol;
  settings.client_name = "chaos";
  settings.timeout = allowed.timeout;
  settings.connect_timeout = allowed.connect_timeout;
  // Some give up, and are told to try again.
  settings.connect_attempts = one.state == state_kind::connecting && chance(2) == 0 ? 3 : 0;
  settings.backoff_initial = 10ms;
  settings.backoff_max = allowed.backoff_max;
  settings.health_check_interval = allowed.health_check_interval;
  settings.liveness_timeout = allowed.liveness_timeout;
  settings.lease_check_after = 100ms;
  redis.emplace(io.get_executor(), settings);
}

context::~context() { hands_.join(); }

asio::awaitable<void> context::elsewhere(std::function<void()> work) {
  co_await asio::co_spawn(hands_.get_executor(), call(std::move(work)), asio::use_awaitable);
}

void context::start(asio::awaitable<void> work) {
  ++running;
  asio::co_spawn(io, std::move(work), [this](std::exception_ptr thrown) {
    --running;
    if (!thrown) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      fail(std::string("thrown beside: ") + e.what());
    }
  });
}

asio::awaitable<void> context::pause(std::chrono::microseconds time) {
  asio::steady_timer timer(io, time);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<bool> context::until(std::function<bool()> condition, milliseconds limit) {
  const auto end = clock::now() + limit;
  while (!condition() && clock::now() < end) co_await pause(2ms);
  co_return condition();
}

void context::fail(const std::string& what_is_wrong) {
  only_late = false;
  if (failures.size() < most_failures) failures.push_back(what_is_wrong);
}

void context::late(const std::string& what_is_wrong) {
  if (failures.size() < most_failures) failures.push_back("late: " + what_is_wrong);
}

void context::ended(const std::string& name, clock::time_point begin, clock::duration limit) {
  const auto over = clock::now() - begin - limit;
  if (over <= overshoot) return;
  overshoot = over;
  overshot = name;
}

void context::failed(const std::string& name, const error& how) {
  if (dynamic_cast<const connection_error*>(&how) != nullptr || dynamic_cast<const timeout_error*>(&how) != nullptr ||
      dynamic_cast<const pool_timeout*>(&how) != nullptr) {
    return;
  }
  if (about.what->changes_bytes() &&
      (dynamic_cast<const protocol_error*>(&how) != nullptr || dynamic_cast<const decode_error*>(&how) != nullptr)) {
    return;
  }
  if (const auto* from_server = dynamic_cast<const server_error*>(&how)) {
    expect(!how.maybe_applied(), name + ": an error from the server that may have been applied: " + how.what());
    return refused_with(name, from_server->text());
  }
  fail(name + " failed with what the fault does not bring: " + how.what());
}

void context::refused_with(const std::string& name, std::string_view text) {
  if (brings(about.what->at_server, core::error_code(reason_in(text)))) {
    ++refused;
  } else {
    fail(name + " was refused with what the fault does not bring: " + std::string(text));
  }
}

asio::awaitable<void> context::watch_lag() {
  while (!stopping) {
    const auto due = clock::now() + 2ms;
    asio::steady_timer timer(io, due);
    co_await timer.async_wait(asio::use_awaitable);
    lag = std::max<clock::duration>(lag, clock::now() - due);
  }
}

}  // namespace redstart::chaos
