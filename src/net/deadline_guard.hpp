// SPDX-License-Identifier: MIT
// A limit on a piece of driver code: closes whatever is in the way when time is up.
#pragma once

#include "net/stream.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace redstart::net {

/// Calls `on_expiry` on the strand once `timeout` has passed, unless the guard is gone by then. `on_expiry` closes the
/// thing the code is waiting for, which then fails; `expired()` tells that failure from others.
class deadline_guard {
 public:
  deadline_guard(const strand& on, std::chrono::nanoseconds timeout, std::function<void()> on_expiry)
      : state_(std::make_shared<state>(on, std::move(on_expiry))) {
    state_->timer.expires_after(timeout);
    state_->timer.async_wait([state = state_](error_code ec) {
      if (ec || !state->on_expiry) return;
      state->expired = true;
      state->on_expiry();
    });
  }
  deadline_guard(const deadline_guard&) = delete;
  deadline_guard& operator=(const deadline_guard&) = delete;
  // The handler may be queued already: it finds nothing to call.
  ~deadline_guard() {
    state_->on_expiry = nullptr;
    state_->timer.cancel();
  }

  [[nodiscard]] bool expired() const noexcept { return state_->expired; }

 private:
  struct state {
    state(const strand& on, std::function<void()> f) : timer(on), on_expiry(std::move(f)) {}
    asio::steady_timer timer;
    std::function<void()> on_expiry;
    bool expired = false;
  };
  std::shared_ptr<state> state_;
};

}  // namespace redstart::net
