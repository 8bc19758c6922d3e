// SPDX-License-Identifier: MIT
// One command that blocks, on a connection of its own.
#pragma once

#include "net/lease_pool.hpp"
#include "redstart/detail/client_access.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace redstart::detail {

/// Borrows a connection, sends the command, gives the connection back. Lives as long as one of these steps does.
class leased_command final : public cancel_target, public std::enable_shared_from_this<leased_command> {
 public:
  /// From any thread. `patience` limits the wait for a connection, and for the answer after the command's own time.
  static void start(const net::strand& on, std::shared_ptr<net::lease_pool> pool, any_command&& command,
                    std::chrono::nanoseconds patience, completion_maker& maker);

  leased_command(const net::strand& on, std::shared_ptr<net::lease_pool> pool, any_command&& command,
                 std::chrono::nanoseconds patience);
  ~leased_command();

  void cancel(void* op, std::uint64_t id) noexcept override;
  std::shared_ptr<cancel_target> keep_alive() override { return shared_from_this(); }

 private:
  class forwarding;
  class forwarding_maker;

  static asio::awaitable<void> run(std::shared_ptr<leased_command> self);
  [[nodiscard]] completion* take_waiter() noexcept;
  [[nodiscard]] bool is_abandoned() noexcept;
  [[nodiscard]] net::submit_options options() const noexcept;

  const net::strand strand_;
  const std::shared_ptr<net::lease_pool> pool_;
  any_command command_;
  const std::chrono::nanoseconds patience_;
  const std::string description_;
  std::mutex mutex_;
  completion* waiter_ = nullptr;  // guarded by mutex_
  bool submitted_ = false;        // guarded by mutex_
  net::lease lease_;              // on the strand
};

}  // namespace redstart::detail
