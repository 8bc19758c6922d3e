// SPDX-License-Identifier: MIT
// Connections that are lent to one user at a time: for commands that block, and for WATCH.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "net/lane.hpp"
#include "redstart/health.hpp"

namespace redstart::net {

struct lease_config {
  unsigned max_leased = 10;
  std::chrono::milliseconds idle_timeout{60000};
  std::chrono::milliseconds check_after{5000};
};

class lease_pool;

/// One connection, lent. Giving it back happens in the destructor, cannot fail and does not wait; a connection that is not
/// quiet (something is in flight, or unread) is closed instead.
class lease {
 public:
  lease() noexcept = default;
  lease(std::shared_ptr<lease_pool> pool, std::shared_ptr<lane> connection) noexcept
      : pool_(std::move(pool)), connection_(std::move(connection)) {}
  lease(lease&&) noexcept = default;
  lease& operator=(lease&& other) noexcept;
  ~lease() { give_back(); }

  lane& operator*() const noexcept { return *connection_; }
  lane* operator->() const noexcept { return connection_.get(); }
  /// The connection has a state that the next user must not find (WATCH, an unknown one): it will be closed.
  void taint() noexcept { tainted_ = true; }
  void give_back() noexcept;

 private:
  std::shared_ptr<lease_pool> pool_;
  std::shared_ptr<lane> connection_;
  bool tainted_ = false;
};

/// Runs on the strand, but for `figures`. Users are served in the order they came; the connection used last is lent first, so that the rest can
/// grow old and be closed.
class lease_pool final : public std::enable_shared_from_this<lease_pool> {
 public:
  lease_pool(strand on, std::shared_ptr<const shared_options> options, const lease_config& config);

  /// Lends a connection: an idle one, asked with PING first when it was idle for long, or a new one, or the next that is given back.
  /// Throws `pool_timeout` when none was free until `deadline`, `connection_error` when a new one cannot be made, `not_connected` when closed.
  asio::awaitable<lease> borrow(core::time_point deadline);

  void open() noexcept { open_ = true; }
  /// Closes what is idle, now; what is lent when it comes back. Waiting users get `cancelled`.
  void close() noexcept;

  [[nodiscard]] pool_figures figures() const;

 private:
  friend class lease;
  struct idle_lane {
    std::shared_ptr<lane> connection;
    core::time_point since;
  };
  struct waiting_user {
    explicit waiting_user(const strand& on) : turn(on) {}
    event turn;
    bool called = false;
  };

  void take_back(std::shared_ptr<lane> connection, bool tainted) noexcept;
  void let_next_try() noexcept;
  asio::awaitable<bool> is_alive(lane& connection, core::time_point deadline);
  asio::awaitable<std::shared_ptr<lane>> find_or_make(core::time_point deadline);
  asio::awaitable<void> wait_for_turn(core::time_point deadline);
  void schedule_sweep();
  void sweep();
  void drop(std::shared_ptr<lane> connection, std::uint64_t pool_figures::*reason) noexcept;

  const strand strand_;
  const std::shared_ptr<const shared_options> options_;
  const lease_config config_;
  bool open_ = false;
  std::deque<idle_lane> idle_;  // the one used last at the back
  std::size_t leased_ = 0;
  std::deque<std::shared_ptr<waiting_user>> waiting_;
  pool_figures counters_;
  asio::steady_timer sweep_timer_;
  bool sweep_scheduled_ = false;
};

}  // namespace redstart::net
