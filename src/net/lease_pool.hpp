// SPDX-License-Identifier: MIT
// Connections that are lent to one user at a time: for commands that block, and for WATCH.
#pragma once

#include "core/lease_book.hpp"
#include "net/lane.hpp"
#include "redstart/health.hpp"

#include <list>
#include <map>
#include <memory>

namespace redstart::net {

using core::lease_config;

class lease_pool;

/// One connection, lent. Giving it back happens in the destructor, cannot fail and does not wait; a connection that is
/// not quiet (something is in flight, or unread) is closed instead.
///
/// What a command that is closed under way had taken from a queue is lost with its connection: waiting pops have
/// machinery of their own. Belongs to the strand of its pool.
class lease {
 public:
  lease() noexcept = default;
  lease(lease&& other) noexcept = default;
  lease& operator=(lease&& other) noexcept;
  ~lease() { give_back(); }

  lane& operator*() const noexcept { return *connection_; }
  lane* operator->() const noexcept { return connection_.get(); }
  explicit operator bool() const noexcept { return connection_ != nullptr; }
  /// The connection has a state that the next user must not find (WATCH, an unknown one): it will be closed.
  void taint() noexcept { tainted_ = true; }
  /// Afterwards this is empty. May be called again.
  void give_back() noexcept;

 private:
  friend class lease_pool;
  lease(std::shared_ptr<lease_pool> pool, std::shared_ptr<lane> connection, core::lease_number number) noexcept
      : pool_(std::move(pool)), connection_(std::move(connection)), number_(number) {}

  std::shared_ptr<lease_pool> pool_;
  std::shared_ptr<lane> connection_;
  core::lease_number number_ = 0;
  bool tainted_ = false;
};

/// Runs on the strand. Users are served in the order they came; the connection used last is lent first, so that the
/// rest can grow old and be closed.
class lease_pool final : public std::enable_shared_from_this<lease_pool> {
 public:
  lease_pool(strand on, std::shared_ptr<const shared_options> options, const lease_config& config);

  /// Lends a connection: an idle one, asked with PING first when it was idle for long, or a new one, or the next that
  /// is given back, whichever is there first.
  ///
  /// Throws `pool_timeout` when all were in use until `deadline`; `connection_error` when a new one could not be made,
  /// in one attempt or by `deadline`; `not_connected` when closed; `cancelled` when closed meanwhile, or when the
  /// awaiting coroutine is cancelled, which leaves nothing behind: a connection on its way goes to the next user.
  asio::awaitable<lease> borrow(core::time_point deadline);

  void open() noexcept { book_.open(); }
  /// Closes every connection, lent ones too: what is under way on them ends with `cancelled`, as does waiting.
  void close() noexcept;
  /// Completes when no attempt to connect is under way any more.
  asio::awaitable<void> closed();

  /// `open == idle + leased` at any time.
  [[nodiscard]] pool_figures figures() const noexcept { return book_.figures(); }

 private:
  friend class lease;
  class user;
  class ping;
  class ping_maker;
  using stop_signal = std::shared_ptr<asio::cancellation_signal>;

  std::exception_ptr describe_end(const user& who) const;
  void take_back(core::lease_number number, lane& connection, bool tainted) noexcept;
  void work() noexcept;
  void start_dial(std::uint64_t round) noexcept;
  static asio::awaitable<void> dial(std::shared_ptr<lease_pool> self, std::uint64_t round, stop_signal stop);
  void adopt(const std::shared_ptr<lane>& opened, std::uint64_t round);
  void fail_dial(std::uint64_t round, const std::exception_ptr& failure) noexcept;
  void start_ask(core::lease_number number, core::time_point until) noexcept;
  void finish_ask(core::lease_number number, bool alive) noexcept;
  void drop(core::lease_number number) noexcept;
  void schedule_sweep() noexcept;

  const strand strand_;
  const std::shared_ptr<const shared_options> options_;
  const lease_config config_;
  core::lease_book book_;
  std::map<core::lease_number, std::shared_ptr<lane>> lanes_;  // all that the book knows
  core::lease_number last_number_ = 0;
  bool working_ = false;
  std::list<stop_signal> dials_;
  event dial_ended_;
  asio::steady_timer sweep_timer_;
  core::time_point sweep_due_ = core::time_point::max();
};

}  // namespace redstart::net
