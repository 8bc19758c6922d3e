// SPDX-License-Identifier: MIT
#include "redstart/session.hpp"

#include "client/client_core.hpp"
#include "client/session_state.hpp"
#include "core/command_table.hpp"
#include "net/clock.hpp"
#include "redstart/error.hpp"

#include <boost/asio/dispatch.hpp>

#include <new>

namespace redstart::detail {

namespace {

session_effect effect_of(std::string_view name) noexcept {
  using core::equal_ignoring_case;
  if (equal_ignoring_case(name, "WATCH") || equal_ignoring_case(name, "MULTI")) return session_effect::begins;
  const bool ends =
      equal_ignoring_case(name, "EXEC") || equal_ignoring_case(name, "DISCARD") || equal_ignoring_case(name, "UNWATCH");
  return ends ? session_effect::ends : session_effect::none;
}

}  // namespace

// --- The state -------------------------------------------------------------------------------------------------------

session_state::session_state(net::strand on, net::lease lent, const asio::any_io_executor& home,
                             std::chrono::nanoseconds patience)
    : strand_(std::move(on)),
      lane_(lent->shared_from_this()),
      home_(home),
      patience_(patience),
      lease_(std::move(lent)) {}

// Not through `close`: the executor is gone.
session_state::~session_state() { give_back(); }

void session_state::submit(session_command&& command, completion_maker& maker) {
  const std::lock_guard lock(mutex_);
  if (closed_) return refuse(command.command.command, maker);
  const net::submit_options options = options_for(command.command);
  const bool risky = command.effect == session_effect::begins || command.effect == session_effect::whole;
  lane_->submit(std::move(command.command.command), options, maker);
  if (risky) ++unknown_;
}

void session_state::refuse(const request& command, completion_maker& maker) {
  const auto failure = std::make_exception_ptr(not_connected(command.description() + ": the session is closed"));
  void* where = ::operator new(maker.size, std::align_val_t{maker.alignment});
  completion* waiter = nullptr;
  try {
    waiter = maker.make(where, true, {*this, nullptr, 0});
  } catch (...) {
    ::operator delete(where, std::align_val_t{maker.alignment});
    throw;
  }
  waiter->fail(failure, completion_site::caller);
}

net::submit_options session_state::options_for(const any_command& command) const noexcept {
  if (!command.blocks) return {.timeout = patience_};
  const bool for_ever = command.block_time.count() == 0;
  return {.timeout = for_ever ? std::chrono::nanoseconds::max() : patience_ + command.block_time, .blocks = true};
}

void session_state::note_answer(session_effect effect, reply_view answer) noexcept {
  if (effect == session_effect::none) return;
  // An UNWATCH inside of MULTI is queued, and ends nothing.
  if (effect == session_effect::ends && answer.text() == "QUEUED") return;
  const std::lock_guard lock(mutex_);
  if (effect != session_effect::ends) --unknown_;
  marked_ = effect == session_effect::begins;
}

void session_state::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  // At once where that is possible: whoever asks for a connection next, from the same handler, may well get this one.
  asio::dispatch(strand_, [self = shared_from_this()] { self->give_back(); });
}

void session_state::give_back() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (marked_ || unknown_ != 0) lease_.taint();
  }
  lease_.give_back();
}

// --- What the templates call -----------------------------------------------------------------------------------------

session_command make_session_command(std::span<const std::string_view> args) {
  const session_effect effect = effect_of(args.front());
  if (effect == session_effect::none) return {make_command(args), effect};
  session_command made{.command = {}, .effect = effect};
  made.command.command.add(args, false);
  return made;
}

void submit_session(session_state& on, session_command&& command, completion_maker& maker) {
  on.submit(std::move(command), maker);
}

void note_answer(session_state& of, session_effect effect, reply_view answer) noexcept {
  of.note_answer(effect, answer);
}

void close_session(const std::shared_ptr<session_state>& state) noexcept { state->close(); }

const asio::any_io_executor& home_executor(const session_state& of) noexcept { return of.home(); }

std::shared_ptr<session_state> require_session(const std::shared_ptr<session_state>& state) {
  if (!state) throw not_connected("this session is closed, or was moved from; get another one with lease");
  return state;
}

asio::awaitable<session> lease(client_core& core) {
  const auto self = core.shared_from_this();
  const auto patience = core.default_timeout();
  net::lease lent = co_await core.leases().borrow(net::deadline_after(patience));
  co_return session(std::make_shared<session_state>(core.strand(), std::move(lent), core.home(), patience));
}

void collect_watched_transaction::collect(reply_view reply) {
  if (reply.is_error() && refusal.empty()) refusal = reply.text();
}

void collect_watched_transaction::operator()(reply_view reply, std::optional<std::vector<class reply>>& result) const {
  if (reply.is_error()) throw server_refusal{refusal.empty() ? std::string(reply.text()) : refusal};
  note_answer(*state, session_effect::whole, reply);
  if (reply.is_null()) return;
  if (!reply.is_aggregate()) throw_unexpected(reply, "the answers of a transaction");
  result.emplace();
  for (const reply_view element : reply) result->emplace_back(element);
}

}  // namespace redstart::detail
