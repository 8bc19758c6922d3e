// SPDX-License-Identifier: MIT
// Something that drivers wait for and others announce, all on one strand.
#pragma once

#include "net/stream.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace redstart::net {

/// A condition without memory: `notify_all` wakes those who wait now. Wait in a loop around the condition itself.
class event {
 public:
  explicit event(const strand& on) : timer_(on, asio::steady_timer::time_point::max()) {}

  /// Completes at the next `notify_all`, and early when the awaiting coroutine is cancelled.
  asio::awaitable<void> wait() {
    error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  void notify_all() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

}  // namespace redstart::net
