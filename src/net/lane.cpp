// SPDX-License-Identifier: MIT
#include "net/lane.hpp"

#include "core/error_reply.hpp"
#include "net/clock.hpp"
#include "net/duration_text.hpp"
#include "redstart/detail/outbox.hpp"
#include "redstart/error.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/consign.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <span>

namespace redstart::net {

namespace {

constexpr std::string_view no_memory = "out of memory";
// How soon work that found no memory is tried again, and how often a connection is asked for without any in between.
constexpr std::chrono::milliseconds starved_pause{10};
constexpr int starved_tries = 3;

// With a thousand in flight, neither an operation nor the coroutine that waits for it is in the cache when its reply
// comes. Of the coroutine only one address is known, in the midst of what it will use. Inline, because GCC takes a
// function that only prefetches for one without effect, and leaves its calls out.
[[gnu::always_inline]] inline void prefetch_waiter(const core::operation& op) noexcept {
  constexpr std::ptrdiff_t cache_line = 64;
  for (std::size_t at = 0; at < sizeof(op.storage); at += cache_line) __builtin_prefetch(op.storage + at);
  const char* const caller = static_cast<const char*>(op.caller);
  if (!caller) return;
  for (std::ptrdiff_t line = -2; line <= 2; ++line) __builtin_prefetch(caller + line * cache_line);
}

// The loop holds the lock for moments, but often: a caller of another thread that went to sleep each time would cost
// both a visit to the kernel.
std::unique_lock<std::mutex> lock_soon(std::mutex& mutex) {
  constexpr int tries = 100;
  std::unique_lock lock(mutex, std::try_to_lock);
  for (int i = 0; !lock && i < tries; ++i) lock.try_lock();
  if (!lock) lock.lock();
  return lock;
}

// Short enough to need no memory itself.
void set_text(std::string& text, std::string_view to) noexcept {
  try {
    text.assign(to);
  } catch (...) {
    text.assign(no_memory);
  }
}

}  // namespace

// What an error says of an operation.
class lane::context final : public detail::operation_context {
 public:
  context(const lane& on, const core::operation& op) : on_(on), op_(op) {}
  [[nodiscard]] std::string describe() const override {
    return op_.request.description() + " on " + on_.options_->display;
  }
  [[nodiscard]] std::string advise(std::string_view error_text) const override {
    return std::string(core::advice(error_text));
  }

 private:
  const lane& on_;
  const core::operation& op_;
};

lane::lane(strand on, std::shared_ptr<const shared_options> options, after_loss policy)
    : strand_(std::move(on)),
      options_(std::move(options)),
      policy_(policy),
      phase_changed_(strand_),
      line_(options_->line, options_->random, core::time_point::clock::now()),
      liveness_(options_->health_check_interval, options_->liveness_timeout, core::time_point::clock::now()),
      timer_(strand_),
      pause_(strand_) {}

template <class MakeText>
void lane::log(log_level level, MakeText make_text) const noexcept {
  if (!options_->log) return;
  try {
    options_->log(level, make_text());
  } catch (...) {
    // A line less, of a sink that throws or of a program that is out of memory, must not stop the driver.
  }
}

lane::~lane() { discard_all(); }

// Without an executor nobody can be told. Their handlers must go all the same: they may own what owns this lane.
void lane::discard_all() noexcept {
  core::ended_list ended;
  {
    const std::lock_guard lock(mutex_);
    accepting_ = false;
    line_.lost(true, core::operation_end::shut_down, ended);
  }
  while (core::operation* op = ended.pop_front()) {
    if (detail::completion* waiter = std::exchange(op->waiter, nullptr)) waiter->discard();
    if (op->state == core::operation_state::idle) pool_.put(*op);
  }
}

// --- Connecting ------------------------------------------------------------------------------------------------------

asio::awaitable<void> lane::open(unsigned attempts) {
  const auto self = shared_from_this();
  set_phase(phase_type::opening);
  try {
    stop_ = std::make_shared<asio::cancellation_signal>();
    co_await connect({attempts, true});
    set_phase(phase_type::running);
    asio::co_spawn(strand_, keep(self),
                   asio::consign(asio::bind_cancellation_slot(stop_->slot(), asio::detached), stop_));
  } catch (...) {
    if (connection_) lose(no_memory, true);  // nobody would read from it
    set_phase(phase_type::closed);
    throw;
  }
}

void lane::set_phase(phase_type phase) {
  phase_ = phase;
  phase_changed_.notify_all();
}

asio::awaitable<void> lane::closed() {
  const auto self = shared_from_this();
  while (phase_ != phase_type::closed) co_await phase_changed_.wait();
}

asio::awaitable<void> lane::connect(persistence allowed) {
  core::backoff backoff(options_->line.backoff_initial, options_->line.backoff_max, options_->random);
  const auto begin = core::time_point::clock::now();
  const std::string& where = options_->display;
  for (unsigned tried = 1;; ++tried) {
    std::string failure;
    bool give_up = allowed.most != 0 && tried >= allowed.most;
    std::unique_ptr<connection> opened;
    try {
      opened = co_await connection::open(strand_, options_->connection);
    } catch (const config_error&) {
      throw;
    } catch (const login_refused& e) {
      failure = e.what();
      give_up = give_up || allowed.give_up_when_refused;
    } catch (const error& e) {
      failure = e.what();
    } catch (const std::bad_alloc&) {
      failure = no_memory;
    } catch (const boost::system::system_error& e) {
      if (e.code() != asio::error::operation_aborted) throw;
      throw cancelled("connecting to " + where + " was cancelled");
    }
    if (stopping()) throw cancelled("connecting to " + where + " was cancelled: the client was disconnected");
    if (opened) {
      adopt(std::move(opened));
      co_return;
    }
    {
      const std::lock_guard lock(mutex_);
      last_error_ = failure;
    }
    const auto spent = core::time_point::clock::now() - begin;
    if (give_up) {
      throw connection_error("no connection to " + where + " after " + std::to_string(tried) +
                             (tried == 1 ? " try in " : " tries in ") + milliseconds(spent) + ": " + failure);
    }
    const auto wait = backoff.next();
    log(log_level::warning,
        [&] { return "no connection to " + where + ": " + failure + "; next try in " + milliseconds(wait); });
    pause_.expires_after(wait);
    error_code interrupted;
    co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, interrupted));
    if (stopping()) throw cancelled("connecting to " + where + " was cancelled: the client was disconnected");
  }
}

void lane::adopt(std::unique_ptr<connection> opened) {
  connection_ = std::move(opened);
  broken_.clear();
  broke_protocol_ = doubted_ = write_blocked_ = awaiting_writable_ = false;
  liveness_ =
      core::liveness(options_->health_check_interval, options_->liveness_timeout, core::time_point::clock::now());
  {
    const std::lock_guard lock(mutex_);
    ++connects_;
    accepting_ = true;
    turned_away_ = false;
    last_error_.clear();
    line_.opened();
  }
  log(log_level::info, [this] { return "connected to " + options_->display; });
  service();
  if (on_change_) on_change_(true);
}

asio::awaitable<void> lane::keep(std::shared_ptr<lane> self) {
  // When the executor is destroyed this frame goes without reaching its end.
  struct discard_at_destruction {
    lane* of;
    ~discard_at_destruction() {
      if (of) of->discard_all();
    }
  } guard{self.get()};

  while (!self->stopping()) {
    std::string why;
    try {
      why = co_await self->serve();
    } catch (const std::exception& e) {
      set_text(why, e.what());  // no memory for a reply, or closed
    }
    const bool again = !self->stopping() && self->policy_ == after_loss::reconnect;
    self->lose(why, !again);
    if (!again) break;
    bool connected = false;
    for (int tries_left = starved_tries; !connected && tries_left > 0;) {
      try {
        co_await self->connect({0, false});
        connected = true;
      } catch (const std::bad_alloc&) {
        // Not even for a pause between two attempts.
        if (--tries_left == 0) self->lose(no_memory, true);
      } catch (const std::exception& e) {
        // Closed meanwhile, or a file of the TLS configuration is gone: nobody must wait for this lane any more.
        self->lose(e.what(), true);
        tries_left = 0;
      }
    }
    if (!connected) break;
  }
  guard.of = nullptr;
  self->set_phase(phase_type::closed);
}

void lane::turn_away() {
  try {
    // Posted, as in `close`.
    asio::post(strand_, [self = shared_from_this()] {
      core::ended_list ended;
      {
        const std::lock_guard lock(self->mutex_);
        self->turned_away_ = true;
        self->line_.turn_away(core::operation_end::shut_down, ended);
      }
      self->tell(ended);
    });
  } catch (const std::bad_alloc&) {
    // Then `close` ends them.
  }
}

void lane::close() {
  if (stopping()) return;
  const bool running = phase_ == phase_type::running;
  set_phase(phase_type::closing);
  {
    const std::lock_guard lock(mutex_);
    accepting_ = false;
  }
  pause_.cancel();
  timer_.cancel();
  timer_due_ = core::time_point::max();
  if (connection_) connection_->close();
  if (running) stop_->emit(asio::cancellation_type::terminal);
  try {
    // Posted: this may be called from a handler that an operation of this lane is completing.
    asio::post(strand_, [self = shared_from_this()] { self->lose("the client was disconnected", true); });
  } catch (const std::bad_alloc&) {
    // Then it is done when the driver notices that its connection is closed.
  }
}

void lane::abandon_connection(std::string_view why) noexcept { break_connection(why); }

void lane::break_connection(std::string_view why, bool protocol) noexcept {
  if (!connection_ || !broken_.empty()) return;
  set_text(broken_, why);
  broke_protocol_ = protocol;
  connection_->close();
}

void lane::lose(std::string_view why, bool for_good) noexcept {
  const bool was_open = std::exchange(connection_, nullptr) != nullptr;
  core::ended_list ended;
  {
    const std::lock_guard lock(mutex_);
    set_text(last_error_, why);
    if (was_open) ++losses_;
    if (for_good) accepting_ = false;
    line_.lost(for_good, core::operation_end::lost, ended);
  }
  if (was_open) {
    log(for_good ? log_level::info : log_level::warning,
        [&] { return "lost the connection to " + options_->display + ": " + std::string(why); });
    if (on_change_) on_change_(false);
  }
  tell(ended);
  if (!for_good) service();
}

// --- Replies ---------------------------------------------------------------------------------------------------------

asio::awaitable<std::string> lane::serve() {
  const auto connected = connection_;
  for (;;) {
    const bool alive = co_await connected->read();
    if (connection_ != connected) co_return "the client was disconnected";
    handle_replies();
    if (!broken_.empty()) co_return broken_;
    if (!alive) {
      broke_protocol_ = connected->broke_protocol();
      co_return connected->failure();
    }
  }
}

// A few at a time: whose replies these are is found out under the lock, and they are handed over without it. So an
// operation is in the nearest cache from the one to the other, and what its handler asks next is written where it was.
void lane::handle_replies() {
  const auto connected = connection_;
  core::reply_batch& replies = connected->replies();
  liveness_.received(core::time_point::clock::now());
  doubted_ = false;
  bool expected = true;
  {
    detail::outbox away;
    while (expected && round_.next_reply < replies.size()) {
      expected = claim_replies(replies);
      for (const claimed& item : std::span(round_.items).first(round_.count)) {
        deliver(item, replies[item.reply], away);
      }
    }
    const std::lock_guard lock(mutex_);
    put_back();
  }
  round_ = {};
  replies.clear();
  if (!expected) break_connection("the server answered what nobody had asked", true);
  service();
}

bool lane::claim_replies(const core::reply_batch& replies) {
  const core::time_point now = core::time_point::clock::now();
  const std::lock_guard lock(mutex_);
  // What operations are submitted while the replies are handed over is sent by the `service` that follows.
  service_posted_ = true;
  put_back();
  const auto claim = [this](core::operation& op, bool last) {
    round_.items[round_.count++] = {&op, round_.next_reply, last};
  };
  for (; round_.next_reply < replies.size() && round_.count < round_.items.size(); ++round_.next_reply) {
    const reply_view reply = replies[round_.next_reply];
    if (reply.kind() == reply_kind::push) continue;
    const auto [action, op] = line_.take_reply(reply, now);
    switch (action) {
      case core::line::reply_action::unexpected:
        return false;
      case core::line::reply_action::retry:
        break;
      case core::line::reply_action::collect:
        if (op->waiter) claim(*op, false);
        break;
      case core::line::reply_action::answer:
        if (op->waiter) {
          claim(*op, true);
          prefetch_waiter(*op);
        } else if (op->keeps_orphan) {
          claim(*op, true);
          ++round_.orphans;
        } else {
          pool_.put(*op);
        }
        break;
    }
  }
  return true;
}

void lane::put_back() noexcept {
  for (const claimed& item : std::span(round_.items).first(round_.count)) {
    if (item.last) pool_.put(*item.op);
  }
  round_.count = 0;
}

void lane::deliver(const claimed& item, reply_view reply, detail::outbox& away) {
  if (item.last) {
    if (detail::completion* waiter = std::exchange(item.op->waiter, nullptr)) {
      waiter->answer(reply, context(*this, *item.op), away);
    } else {
      if (on_orphan_) on_orphan_(item.op->request, reply);
      --round_.orphans;
    }
    return;
  }
  item.op->waiter->collect(reply);
  detail::completion* waiter = nullptr;
  {
    const std::lock_guard lock(mutex_);
    waiter = line_.collected(*item.op);
  }
  if (!waiter) return;
  away.send();  // in the order in which they ended
  waiter->fail(describe_end(*item.op), detail::completion_site::loop);
}

// --- Requests --------------------------------------------------------------------------------------------------------

void lane::submit(detail::request&& request, const submit_options& options, detail::completion_maker& maker) {
  const core::time_point deadline = deadline_after(options.timeout);
  std::unique_lock lock = lock_soon(mutex_);
  core::operation& op = *pool_.take();
  try {
    op.request = std::move(request);
    op.deadline = deadline;
    op.patience = options.timeout;
    op.keeps_orphan = options.keeps_orphan;
    op.blocks = options.blocks;
    op.internal = options.internal;
    op.caller = maker.caller;
    op.waiter = detail::make_within(op.storage, maker, {*this, &op, op.id});
  } catch (...) {
    pool_.put(op);
    throw;
  }
  std::exception_ptr refusal;
  try {
    if (!accepting_ || (turned_away_ && !options.internal)) {
      refusal = describe_closed(op);
    } else {
      // Posted before the operation enters the line: what cannot be sent must not be in it.
      post_service();
      if (line_.push(op) == core::line::admission::full) {
        refusal = std::make_exception_ptr(
            overloaded(context(*this, op).describe() + ": " + std::to_string(line_.operations()) +
                       " operations are waiting, no more are taken; send less at a time, or raise max_operations or "
                       "max_output_bytes"));
      }
    }
  } catch (...) {
    refusal = std::current_exception();
  }
  if (!refusal) return;
  detail::completion* waiter = std::exchange(op.waiter, nullptr);
  const bool told = waiter->try_fail(refusal);
  if (!told) {
    // What the handler owns goes with it, and is the user's.
    lock.unlock();
    waiter->discard();
    lock.lock();
  }
  pool_.put(op);
  if (!told) throw std::bad_alloc();
}

void lane::cancel(void* op, std::uint64_t id) noexcept {
  auto& node = *static_cast<core::operation*>(op);
  const std::lock_guard lock(mutex_);
  if (node.id != id) return;
  if (!line_.is_detachable(node)) {
    line_.detach(node, core::operation_end::cancelled);  // while it is collecting: told after that
    return;
  }
  const bool was_sent = std::exchange(node.was_sent, line_.has_begun(node));
  node.end = core::operation_end::cancelled;
  // Under the lock, because the node may be used again as soon as its late reply has come. The handler is only posted.
  const bool told = node.waiter->try_fail(describe_end(node));
  node.end = core::operation_end::none;
  if (!told) {
    node.was_sent = was_sent;
    return;
  }
  line_.detach(node, core::operation_end::cancelled);
  if (node.state == core::operation_state::idle) pool_.put(node);
}

void lane::post_service() {
  if (service_posted_) return;
  asio::post(strand_, [self = shared_from_this()] { self->service(); });
  service_posted_ = true;
}

// Everything that is due now: ends what is late, sends what is staged, asks after a silent peer, sets the timer.
void lane::service() noexcept {
  core::ended_list ended;
  core::time_point due;
  bool blocked = false;
  {
    std::unique_lock lock(mutex_);
    const core::time_point now = core::time_point::clock::now();
    line_.expire(now, ended);
    // What is submitted while bytes are being written is seen by the next round.
    service_posted_ = true;
    bool starved = false;
    try {
      if (connection_) {
        check_liveness(now);
        flush(lock, ended, now);
      }
      service_posted_ = false;
      if (connection_ && !write_blocked_ && broken_.empty() && connection_->can_write() && line_.has_output()) {
        post_service();
      }
    } catch (const std::bad_alloc&) {
      service_posted_ = false;
      starved = true;
    }
    blocked = write_blocked_ && !std::exchange(awaiting_writable_, write_blocked_);
    due = line_.next_due().value_or(core::time_point::max());
    if (connection_) due = std::min(due, doubted_ ? now + std::chrono::milliseconds(1) : liveness_.next());
    if (starved) due = std::min(due, now + starved_pause);
  }
  if (blocked) wait_until_writable();
  tell(ended);
  arm_timer(due);
}

// Writes without the lock: other threads would have to sleep for as long as the kernel takes the bytes, and what they
// submit meanwhile goes with the next write. After some of these it is time to look at replies.
void lane::flush(std::unique_lock<std::mutex>& lock, core::ended_list& ended, core::time_point now) {
  constexpr int most_rounds = 16;
  for (int i = 0; i < most_rounds && !write_blocked_ && broken_.empty() && connection_->can_write(); ++i) {
    const std::string_view bytes = line_.begin_write();
    if (bytes.empty()) break;
    lock.unlock();
    std::size_t taken = 0;
    try {
      taken = connection_->try_write(bytes);
    } catch (const std::bad_alloc&) {
      lock.lock();
      line_.wrote(0);
      throw;
    }
    lock.lock();
    line_.wrote(taken);
    write_blocked_ = taken < bytes.size() && connection_->can_write();
    now = core::time_point::clock::now();
    line_.expire(now, ended);  // what became late meanwhile is not sent any more
  }
  liveness_.awaiting(line_.answer_due(), now);
}

// Not under the lock: a stream may be writable again at once.
void lane::wait_until_writable() noexcept {
  const auto wait = [](std::shared_ptr<lane> self, std::shared_ptr<connection> blocked) -> asio::awaitable<void> {
    bool writable = false;
    try {
      co_await blocked->wait_writable();
      writable = true;
    } catch (const std::bad_alloc&) {
      // Nobody would write any more.
    }
    if (self->connection_ != blocked) co_return;
    if (!writable) co_return self->break_connection(no_memory);
    self->write_blocked_ = self->awaiting_writable_ = false;
    self->service();
  };
  try {
    asio::co_spawn(strand_, wait(shared_from_this(), connection_), asio::detached);
  } catch (const std::bad_alloc&) {
    break_connection(no_memory);
  }
}

void lane::check_liveness(core::time_point now) {
  // Its silence is what it was asked for; the operation has a deadline of its own.
  if (line_.is_blocked()) liveness_.received(now);
  switch (liveness_.check(now)) {
    case core::liveness_action::nothing:
      doubted_ = false;
      break;
    case core::liveness_action::ping:
      send_ping();
      break;
    case core::liveness_action::dead:
      // The loop may have been kept busy, with the peer's answer lying in the socket: it gets a chance to be read.
      if (std::exchange(doubted_, true)) {
        break_connection("the server was silent for " + milliseconds(options_->liveness_timeout));
      }
      break;
  }
}

void lane::send_ping() {
  core::operation& op = *pool_.take();
  op.request = detail::request(true, {"PING"});
  op.deadline = core::time_point::max();
  op.internal = true;
  try {
    if (line_.push(op) == core::line::admission::accepted) return;
  } catch (...) {
    pool_.put(op);
    throw;
  }
  pool_.put(op);
}

void lane::arm_timer(core::time_point due) noexcept {
  if (due >= timer_due_ || stopping()) return;
  try {
    timer_.expires_at(due);
    timer_.async_wait([weak = weak_from_this()](error_code ec) {
      const auto self = weak.lock();
      if (ec || !self) return;
      self->timer_due_ = core::time_point::max();
      self->service();
    });
    timer_due_ = due;
  } catch (...) {
    // Without a timer nobody would look at deadlines any more. The end of the connection is an event that needs none.
    timer_due_ = core::time_point::max();
    break_connection(no_memory);
  }
}

// --- Endings ---------------------------------------------------------------------------------------------------------

void lane::tell(core::ended_list& ended) noexcept {
  while (core::operation* op = ended.pop_front()) {
    if (detail::completion* waiter = std::exchange(op->waiter, nullptr)) {
      waiter->fail(describe_end(*op), detail::completion_site::loop);
    }
    const std::lock_guard lock(mutex_);
    if (op->state == core::operation_state::idle) pool_.put(*op);
  }
}

// Without memory for the words, at least the kind of error, and whether it may have been applied.
std::exception_ptr lane::describe_end(const core::operation& op) const noexcept {
  try {
    try {
      return make_end(op, true);
    } catch (const std::bad_alloc&) {
      return make_end(op, false);
    }
  } catch (...) {
    return std::current_exception();
  }
}

std::exception_ptr lane::make_end(const core::operation& op, bool in_words) const {
  const bool sent = op.was_sent;
  const auto say = [&](const auto&... words) {
    std::string text;
    if (!in_words) return text.assign(no_memory);
    text = context(*this, op).describe();
    (text.append(words), ...);
    return text;
  };
  switch (op.end) {
    case core::operation_end::cancelled:
      return std::make_exception_ptr(cancelled(say(": cancelled by its caller"), sent));
    case core::operation_end::timed_out: {
      const std::string time = milliseconds(op.patience);
      if (!line_.is_open()) {
        return std::make_exception_ptr(connection_error(say(": no answer within ", time, ", there is no connection: ",
                                                            last_error_, sent ? "" : "; it was not sent"),
                                                        sent));
      }
      if (sent) {
        return std::make_exception_ptr(
            timeout_error(say(": no answer within ", time, "; the server is slow or the network is silent"), true));
      }
      return std::make_exception_ptr(
          timeout_error(say(": not sent within ", time, ", the connection takes no more bytes")));
    }
    case core::operation_end::lost:
    case core::operation_end::shut_down:
    case core::operation_end::none:
      break;
  }
  if (stopping() || op.end == core::operation_end::shut_down) {
    return std::make_exception_ptr(cancelled(say(": the client was disconnected"), sent));
  }
  const std::string text = say(": the connection was lost before the answer came: ", last_error_,
                               sent ? "; Redis may have executed it" : "; it was not sent");
  if (broke_protocol_) return std::make_exception_ptr(protocol_error(text, sent));
  return std::make_exception_ptr(connection_error(text, sent));
}

std::exception_ptr lane::describe_closed(const core::operation& op) const {
  const std::string what = context(*this, op).describe();
  if (policy_ == after_loss::end) {
    return std::make_exception_ptr(connection_error(what + ": the connection is closed: " + last_error_));
  }
  return std::make_exception_ptr(not_connected(what + ": not connected, call connect first"));
}

// --- Looking ---------------------------------------------------------------------------------------------------------

bool lane::is_quiet() {
  const std::lock_guard lock(mutex_);
  if (!line_.empty()) return false;
  if (!connection_) return true;
  // Called by a handler, there may be more in the batch that is being handed over than anybody asked for.
  const core::reply_batch& replies = connection_->replies();
  return !replies.has_unfinished() && round_.next_reply == replies.size();
}

bool lane::expects_orphans() {
  const std::lock_guard lock(mutex_);
  return round_.orphans != 0 || line_.expects_elements();
}

std::int64_t lane::client_id() const noexcept { return connection_ ? connection_->session().client_id : 0; }

const core::handshake_result* lane::session() const noexcept { return connection_ ? &connection_->session() : nullptr; }

lane_figures lane::figures() {
  const std::lock_guard lock(mutex_);
  return {line_.is_open(), line_.operations(), connects_, losses_, last_error_};
}

}  // namespace redstart::net
