// SPDX-License-Identifier: MIT
#include "net/lease_pool.hpp"

#include "redstart/error.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/consign.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <string>
#include <utility>

namespace redstart::net {

namespace {

using clock = core::time_point::clock;

std::string milliseconds(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::round<std::chrono::milliseconds>(time).count()) + " ms";
}

}  // namespace

// --- The lease -------------------------------------------------------------------------------------------------------

lease& lease::operator=(lease&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  pool_ = std::move(other.pool_);
  connection_ = std::move(other.connection_);
  number_ = other.number_;
  tainted_ = other.tainted_;
  return *this;
}

void lease::give_back() noexcept {
  // Emptied first: what follows may run code that looks at this lease again.
  const auto connection = std::move(connection_);
  if (const auto pool = std::move(pool_)) pool->take_back(number_, *connection, tainted_);
}

// --- Borrowing -------------------------------------------------------------------------------------------------------

// Lives in the frame of `borrow`: however that ends, nothing stays behind in the book.
class lease_pool::user final : public core::lease_user {
 public:
  user(lease_pool& pool, core::time_point deadline)
      : pool_(pool), arrived_(clock::now()), deadline_(deadline), alarm_(pool.strand_, deadline) {}
  ~user() override {
    pool_.book_.leave(*this);
    pool_.work();
  }

  void arrive() {
    pool_.book_.arrive(*this, deadline_, arrived_);
    pool_.work();
  }
  asio::awaitable<void> wait() {
    error_code ignored;
    co_await alarm_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  [[nodiscard]] bool is_late() const { return clock::now() >= deadline_; }
  [[nodiscard]] std::chrono::nanoseconds waited() const { return clock::now() - arrived_; }
  void fail(const std::exception_ptr& why) noexcept { failure_ = why; }
  [[nodiscard]] const std::exception_ptr& failure() const noexcept { return failure_; }

 private:
  void called() noexcept override { alarm_.cancel(); }

  lease_pool& pool_;
  const core::time_point arrived_;
  const core::time_point deadline_;
  asio::steady_timer alarm_;
  std::exception_ptr failure_;
};

lease_pool::lease_pool(strand on, std::shared_ptr<const shared_options> options, const lease_config& config)
    : strand_(std::move(on)),
      options_(std::move(options)),
      config_(config),
      book_(config),
      dial_ended_(strand_),
      sweep_timer_(strand_) {}

asio::awaitable<lease> lease_pool::borrow(core::time_point deadline) {
  using state_type = core::lease_user::state_type;
  const auto self = shared_from_this();
  if (!book_.is_open()) throw not_connected("borrowing a connection: not connected, call connect first");
  user me(*this, deadline);
  me.arrive();
  while (me.state() == state_type::waiting) {
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
      throw cancelled("borrowing a connection to " + options_->display + ": cancelled by its caller");
    }
    if (me.is_late()) {
      const auto end = describe_end(me);
      book_.time_out(me);
      std::rethrow_exception(end);
    }
    co_await me.wait();
  }
  if (me.state() != state_type::served) std::rethrow_exception(describe_end(me));
  const core::lease_number number = book_.take(me);
  co_return lease(self, lanes_.find(number)->second, number);
}

std::exception_ptr lease_pool::describe_end(const user& who) const {
  const std::string& where = options_->display;
  if (who.state() == core::lease_user::state_type::failed) return who.failure();
  if (who.state() == core::lease_user::state_type::dismissed) {
    return std::make_exception_ptr(
        cancelled("borrowing a connection to " + where + ": cancelled, the client was disconnected"));
  }
  const std::string waited = milliseconds(who.waited());
  if (!book_.is_exhausted()) {
    return std::make_exception_ptr(
        connection_error("no connection to " + where + " within " + waited + ": the server has not answered yet"));
  }
  return std::make_exception_ptr(pool_timeout("all " + std::to_string(config_.max_leased) + " leased connections to " +
                                              where + " are in use for " + waited +
                                              "; raise max_leased, or hold them for shorter"));
}

void lease_pool::take_back(core::lease_number number, lane& connection, bool tainted) noexcept {
  book_.give_back(number, !tainted && connection.is_connected() && connection.is_quiet(), clock::now());
  work();
}

// --- Working ---------------------------------------------------------------------------------------------------------

// What is started here may end at once and report: the loop that runs already sees to what follows from it.
void lease_pool::work() noexcept {
  if (std::exchange(working_, true)) return;
  for (;;) {
    const core::lease_action action = book_.next(clock::now());
    if (action.kind == core::lease_action::kind_type::nothing) break;
    switch (action.kind) {
      case core::lease_action::kind_type::nothing:
        break;
      case core::lease_action::kind_type::dial:
        start_dial(action.round);
        break;
      case core::lease_action::kind_type::ask:
        start_ask(action.connection, action.until);
        break;
      case core::lease_action::kind_type::close:
        drop(action.connection);
        break;
    }
  }
  working_ = false;
  schedule_sweep();
}

void lease_pool::start_dial(std::uint64_t round) noexcept {
  try {
    const auto stop = std::make_shared<asio::cancellation_signal>();
    dials_.push_back(stop);
    asio::co_spawn(strand_, dial(shared_from_this(), round, stop),
                   asio::consign(asio::bind_cancellation_slot(stop->slot(), asio::detached), stop));
  } catch (...) {
    fail_dial(round, std::current_exception());
  }
}

asio::awaitable<void> lease_pool::dial(std::shared_ptr<lease_pool> self, std::uint64_t round, stop_signal stop) {
  std::shared_ptr<lane> opened;
  std::exception_ptr failure;
  try {
    opened = std::make_shared<lane>(self->strand_, self->options_, after_loss::end);
    co_await opened->open(1);
    self->adopt(opened, round);
  } catch (...) {
    failure = std::current_exception();
  }
  self->dials_.remove(stop);
  if (failure) {
    if (opened) opened->close();
    self->fail_dial(round, failure);
  }
  self->dial_ended_.notify_all();
  self->work();
}

void lease_pool::adopt(const std::shared_ptr<lane>& opened, std::uint64_t round) {
  const core::lease_number number = ++last_number_;
  // Only once the book has it: the book may have been closed meanwhile, or be out of memory.
  const auto known = lanes_.emplace(number, opened).first;
  try {
    if (book_.dialed(round, number, clock::now())) {
      opened->on_change([weak = weak_from_this(), number](bool connected) {
        const auto pool = connected ? nullptr : weak.lock();
        if (!pool) return;
        pool->book_.lost(number);
        pool->work();
      });
      return;
    }
  } catch (...) {
    lanes_.erase(known);
    throw;
  }
  lanes_.erase(known);
  opened->close();
}

void lease_pool::fail_dial(std::uint64_t round, const std::exception_ptr& failure) noexcept {
  if (auto* failed = static_cast<user*>(book_.dial_failed(round))) failed->fail(failure);
}

// The question whether a connection lives, on its way.
class lease_pool::ping final : public detail::completion {
 public:
  ping(std::shared_ptr<lease_pool> pool, core::lease_number number) noexcept
      : pool_(std::move(pool)), number_(number) {}
  void collect(reply_view) noexcept override {}
  // An error is an answer too.
  void answer(reply_view, const detail::operation_context&, detail::outbox&) noexcept override { end(true); }
  void fail(std::exception_ptr, detail::completion_site) noexcept override { end(false); }
  bool try_fail(const std::exception_ptr&) noexcept override {
    try {
      // Inside `submit`, under the lock of the lane that would have to be closed.
      asio::post(pool_->strand_, [pool = pool_, number = number_] { pool->finish_ask(number, false); });
    } catch (...) {
      return false;
    }
    this->~ping();
    return true;
  }
  void discard() noexcept override { this->~ping(); }

 private:
  void end(bool alive) noexcept {
    const auto pool = std::move(pool_);
    const core::lease_number number = number_;
    this->~ping();
    pool->finish_ask(number, alive);
  }

  std::shared_ptr<lease_pool> pool_;
  core::lease_number number_;
};

class lease_pool::ping_maker final : public detail::completion_maker {
 public:
  ping_maker(std::shared_ptr<lease_pool> pool, core::lease_number number) noexcept
      : completion_maker(sizeof(ping), alignof(ping)), pool_(std::move(pool)), number_(number) {}
  detail::completion* make(void* where, bool, const detail::operation_ref&) override {
    static_assert(sizeof(ping) <= core::operation::storage_size);
    return ::new (where) ping(pool_, number_);
  }

 private:
  std::shared_ptr<lease_pool> pool_;
  core::lease_number number_;
};

void lease_pool::start_ask(core::lease_number number, core::time_point until) noexcept {
  try {
    const bool limited = until != core::time_point::max();
    ping_maker maker(shared_from_this(), number);
    lanes_.find(number)->second->submit(
        {true, {"PING"}}, {.timeout = limited ? until - clock::now() : std::chrono::nanoseconds::max()}, maker);
  } catch (...) {
    finish_ask(number, false);
  }
}

void lease_pool::finish_ask(core::lease_number number, bool alive) noexcept {
  book_.asked(number, alive, clock::now());
  work();
}

void lease_pool::drop(core::lease_number number) noexcept {
  const auto found = lanes_.find(number);
  if (found == lanes_.end()) return;
  const auto connection = std::move(found->second);
  lanes_.erase(found);
  try {
    connection->close();
  } catch (...) {
    // The socket is closed before anything needs memory, and the lane notices that by itself.
  }
}

void lease_pool::schedule_sweep() noexcept {
  const auto due = book_.next_due();
  if (!due || *due >= sweep_due_) return;
  try {
    sweep_timer_.expires_at(*due);
    sweep_timer_.async_wait([weak = weak_from_this()](error_code ec) {
      const auto self = weak.lock();
      if (ec || !self) return;
      self->sweep_due_ = core::time_point::max();
      self->work();
    });
    sweep_due_ = *due;
  } catch (...) {
    // Tried again at the next event.
  }
}

// --- Closing ---------------------------------------------------------------------------------------------------------

void lease_pool::close() noexcept {
  book_.close();
  for (auto next = dials_.begin(); next != dials_.end();) {
    const stop_signal stop = *next++;  // a dial that ends takes its own out of the list
    stop->emit(asio::cancellation_type::terminal);
  }
  sweep_timer_.cancel();
  sweep_due_ = core::time_point::max();
  work();
}

asio::awaitable<void> lease_pool::closed() {
  const auto self = shared_from_this();
  while (!dials_.empty()) co_await dial_ended_.wait();
}

}  // namespace redstart::net
