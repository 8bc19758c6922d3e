// SPDX-License-Identifier: MIT
#include "core/lease_book.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace redstart::core {

// Everything moves between lists by splicing: giving back and leaving must not need memory.

// --- Users -----------------------------------------------------------------------------------------------------------

void lease_book::arrive(lease_user& user, time_point deadline, time_point now) {
  assert(open_ && user.state_ == lease_user::state_type::away);
  user.place_ = waiting_.insert(waiting_.end(), &user);
  user.state_ = lease_user::state_type::waiting;
  user.deadline_ = deadline;
  // The one used last is the freshest; with it busy, the others may grow old and be closed.
  if (!idle_.empty() && is_fresh(idle_.back(), now)) serve(idle_, std::prev(idle_.end()));
}

lease_number lease_book::take(lease_user& user) noexcept {
  assert(user.state_ == lease_user::state_type::served);
  served_.erase(user.place_);
  user.state_ = lease_user::state_type::away;
  return user.connection_;
}

void lease_book::leave(lease_user& user) noexcept {
  switch (user.state_) {
    case lease_user::state_type::waiting:
      waiting_.erase(user.place_);
      break;
    case lease_user::state_type::served:
      served_.erase(user.place_);
      release(lent_, find(lent_, user.connection_));
      break;
    case lease_user::state_type::away:
    case lease_user::state_type::failed:
    case lease_user::state_type::dismissed:
      break;
  }
  user.state_ = lease_user::state_type::away;
}

void lease_book::time_out(lease_user& user) noexcept {
  assert(user.state_ == lease_user::state_type::waiting);
  ++timeouts_;
  leave(user);
}

void lease_book::give_back(lease_number connection, bool clean, time_point now) noexcept {
  const auto lent = find(lent_, connection);
  if (lent == lent_.end()) return;
  if (clean) {
    lent->alive = now;
    release(lent_, lent);
  } else {
    drop(lent_, lent, &pool_figures::closed_broken);
  }
}

// --- Connections -----------------------------------------------------------------------------------------------------

bool lease_book::dialed(std::uint64_t round, lease_number connection, time_point now) {
  if (round != round_) return false;
  entries made{{connection, now}};
  --dialing_;
  ++created_;
  release(made, made.begin());
  return true;
}

lease_user* lease_book::dial_failed(std::uint64_t round) noexcept {
  if (round != round_) return nullptr;
  --dialing_;
  if (attempts() >= waiting_.size()) return nullptr;
  lease_user& user = *waiting_.front();
  waiting_.pop_front();
  user.state_ = lease_user::state_type::failed;
  user.called();
  return &user;
}

void lease_book::asked(lease_number connection, bool alive, time_point now) noexcept {
  const auto found = find(asked_, connection);
  if (found == asked_.end()) return;
  if (alive) {
    found->alive = now;
    release(asked_, found);
  } else {
    drop(asked_, found, &pool_figures::closed_broken);
  }
}

void lease_book::lost(lease_number connection) noexcept {
  if (const auto found = find(idle_, connection); found != idle_.end()) {
    drop(idle_, found, &pool_figures::closed_broken);
  }
}

// --- The whole -------------------------------------------------------------------------------------------------------

void lease_book::close() noexcept {
  open_ = false;
  ++round_;
  dialing_ = 0;
  for (entries* all : {&idle_, &lent_, &asked_}) doomed_.splice(doomed_.end(), *all);
  dismiss(waiting_);
  dismiss(served_);
}

void lease_book::dismiss(std::list<lease_user*>& users) noexcept {
  while (!users.empty()) {
    lease_user& user = *users.front();
    users.pop_front();
    user.state_ = lease_user::state_type::dismissed;
    user.called();
  }
}

lease_action lease_book::next(time_point now) noexcept {
  if (doomed_.empty() && next_due().value_or(time_point::max()) <= now) {
    drop(idle_, idle_.begin(), &pool_figures::closed_idle);
  }
  if (!doomed_.empty()) {
    const lease_number connection = doomed_.front().number;
    doomed_.pop_front();
    return {.kind = lease_action::kind_type::close, .connection = connection};
  }
  if (attempts() >= waiting_.size()) return {};
  if (!idle_.empty()) {
    asked_.splice(asked_.end(), idle_, std::prev(idle_.end()));
    // Half of the time: a connection that is silently dead must leave some for another one.
    const time_point deadline = waiting_.front()->deadline_;
    const bool limited = deadline != time_point::max();
    return {.kind = lease_action::kind_type::ask,
            .connection = asked_.back().number,
            .until = limited ? now + (std::max(deadline, now) - now) / 2 : deadline};
  }
  if (places_taken() >= config_.max_leased) return {};
  ++dialing_;
  return {.kind = lease_action::kind_type::dial, .round = round_};
}

std::optional<time_point> lease_book::next_due() const noexcept {
  if (idle_.empty() || config_.idle_timeout.count() == 0) return std::nullopt;
  return idle_.front().alive + config_.idle_timeout;
}

pool_figures lease_book::figures() const noexcept {
  pool_figures figures = closed_;
  figures.idle = idle_.size();
  figures.leased = lent_.size() + asked_.size();
  figures.open = figures.idle + figures.leased;
  figures.waiting = waiting_.size();
  figures.created = created_;
  figures.timeouts = timeouts_;
  return figures;
}

// --- Moving about ----------------------------------------------------------------------------------------------------

lease_book::entries::iterator lease_book::find(entries& in, lease_number number) noexcept {
  return std::find_if(in.begin(), in.end(), [number](const entry& one) { return one.number == number; });
}

std::size_t lease_book::places_taken() const noexcept { return idle_.size() + lent_.size() + attempts(); }

bool lease_book::is_fresh(const entry& connection, time_point now) const noexcept {
  return now - connection.alive <= config_.check_after;
}

// To whoever has waited longest; to the idle ones when nobody waits.
void lease_book::release(entries& from, entries::iterator connection) noexcept {
  if (!waiting_.empty()) return serve(from, connection);
  // One that was handed out and not used is as old as before.
  auto place = idle_.end();
  while (place != idle_.begin() && std::prev(place)->alive > connection->alive) --place;
  idle_.splice(place, from, connection);
}

void lease_book::serve(entries& from, entries::iterator connection) noexcept {
  lease_user& user = *waiting_.front();
  served_.splice(served_.end(), waiting_, waiting_.begin());
  lent_.splice(lent_.end(), from, connection);
  user.connection_ = connection->number;
  user.state_ = lease_user::state_type::served;
  user.called();
}

void lease_book::drop(entries& from, entries::iterator connection, std::uint64_t pool_figures::* reason) noexcept {
  ++(closed_.*reason);
  doomed_.splice(doomed_.end(), from, connection);
}

}  // namespace redstart::core
