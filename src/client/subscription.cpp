// SPDX-License-Identifier: MIT
#include "redstart/subscription.hpp"

#include "client/subscription_state.hpp"
#include "redstart/error.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/system_executor.hpp>

#include <utility>

namespace redstart {

namespace detail {

void start_next(const std::shared_ptr<subscription_state>& state, next_handler handler,
                const asio::any_io_executor& executor) {
  if (state) {
    state->next(std::move(handler), executor);
    return;
  }
  asio::post(executor, [handler = std::move(handler)]() mutable {
    std::move(handler)(std::make_exception_ptr(cancelled("next: this subscription is empty, or was moved from")),
                       message());
  });
}

asio::any_io_executor executor_of(const subscription_state* state) noexcept {
  return state != nullptr ? state->home() : asio::any_io_executor(asio::system_executor());
}

}  // namespace detail

subscription& subscription::operator=(subscription&& other) noexcept {
  if (this == &other) return *this;
  close();
  state_ = std::move(other.state_);
  return *this;
}

void subscription::close() noexcept {
  if (state_) state_->close();
}

bool subscription::is_open() const noexcept { return state_ && state_->is_open(); }

}  // namespace redstart
