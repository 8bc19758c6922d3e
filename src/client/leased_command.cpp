// SPDX-License-Identifier: MIT
#include "client/leased_command.hpp"

#include "net/clock.hpp"
#include "redstart/error.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

namespace redstart::detail {

// Hands the answer on, after the connection went back: the user's next command may want it.
class leased_command::forwarding final : public completion {
 public:
  explicit forwarding(std::shared_ptr<leased_command> owner) : owner_(std::move(owner)) {}
  void collect(reply_view) noexcept override {}
  void answer(reply_view reply, const operation_context& context, outbox& away) noexcept override {
    const auto owner = take_owner();
    owner->lease_.give_back();
    if (completion* waiter = owner->take_waiter()) waiter->answer(reply, context, away);
  }
  void fail(std::exception_ptr failure, completion_site site) noexcept override {
    const auto owner = take_owner();
    // Under its lock the connection cannot be given back; the lease ends with the owner.
    owner->lease_.taint();
    if (completion* waiter = owner->take_waiter()) waiter->fail(std::move(failure), site);
  }
  void discard() noexcept override {
    const auto owner = take_owner();
    if (completion* waiter = owner->take_waiter()) waiter->discard();
  }

 private:
  std::shared_ptr<leased_command> take_owner() noexcept {
    auto owner = std::move(owner_);
    this->~forwarding();
    return owner;
  }
  std::shared_ptr<leased_command> owner_;
};

class leased_command::forwarding_maker final : public completion_maker {
 public:
  explicit forwarding_maker(std::shared_ptr<leased_command> owner)
      : completion_maker(sizeof(forwarding), alignof(forwarding)), owner_(std::move(owner)) {}
  completion* make(void* where, bool, const operation_ref&) override { return ::new (where) forwarding(owner_); }

 private:
  std::shared_ptr<leased_command> owner_;
};

leased_command::leased_command(const net::strand& on, std::shared_ptr<net::lease_pool> pool, any_command&& command,
                               std::chrono::nanoseconds patience)
    : strand_(on),
      pool_(std::move(pool)),
      command_(std::move(command)),
      patience_(patience),
      description_(command_.command.description()) {}

leased_command::~leased_command() {
  if (waiter_) waiter_->discard();
}

void leased_command::start(const net::strand& on, std::shared_ptr<net::lease_pool> pool, any_command&& command,
                           std::chrono::nanoseconds patience, completion_maker& maker) {
  const auto self = std::make_shared<leased_command>(on, std::move(pool), std::move(command), patience);
  self->waiter_ = make_on_heap(maker, {*self, self.get(), 1});
  try {
    asio::co_spawn(on, run(self), asio::detached);
  } catch (...) {
    if (!self->waiter_->try_fail(std::current_exception())) throw;
    self->waiter_ = nullptr;
  }
}

asio::awaitable<void> leased_command::run(std::shared_ptr<leased_command> self) {
  std::exception_ptr failure;
  try {
    self->lease_ = co_await self->pool_->borrow(net::deadline_after(self->patience_));
    bool wanted = false;
    {
      const std::lock_guard lock(self->mutex_);
      wanted = self->submitted_ = self->waiter_ != nullptr;
    }
    if (wanted) {
      forwarding_maker maker(self);
      self->lease_->submit(std::move(self->command_.command), self->options(), maker);
    } else {
      self->lease_.give_back();
    }
  } catch (...) {
    failure = std::current_exception();
  }
  if (!failure) co_return;
  if (completion* waiter = self->take_waiter()) waiter->fail(failure, completion_site::loop);
}

net::submit_options leased_command::options() const noexcept {
  constexpr std::chrono::nanoseconds for_ever = std::chrono::nanoseconds::max();
  const bool ends = command_.block_time.count() != 0 && patience_ < for_ever / 2;
  return {.timeout = ends ? patience_ + command_.block_time : for_ever, .blocks = true};
}

completion* leased_command::take_waiter() noexcept {
  const std::lock_guard lock(mutex_);
  return std::exchange(waiter_, nullptr);
}

void leased_command::cancel(void*, std::uint64_t) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (!waiter_) return;
    // The server still waits for it: the connection is closed, which ends that too. Posted first, so that what finds no
    // memory goes on as if it had not been cancelled.
    asio::post(strand_, [self = shared_from_this()] {
      if (self->is_abandoned()) self->lease_.give_back();
    });
    if (waiter_->try_fail(std::make_exception_ptr(cancelled(description_ + ": cancelled by its caller", submitted_)))) {
      waiter_ = nullptr;
    }
  } catch (const std::bad_alloc&) {
  }
}

bool leased_command::is_abandoned() noexcept {
  const std::lock_guard lock(mutex_);
  return waiter_ == nullptr;
}

}  // namespace redstart::detail
