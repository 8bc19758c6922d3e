// SPDX-License-Identifier: MIT
// The leased connection behind a session, and whether the next user may have it.
#pragma once

#include "net/lease_pool.hpp"
#include "redstart/session.hpp"

#include <memory>
#include <mutex>

namespace redstart::detail {

/// From any thread, but for the lease itself, which belongs to the strand.
class session_state final : public cancel_target, public std::enable_shared_from_this<session_state> {
 public:
  /// `home` is the one of the lane's own options: completions use it until the very end, and may be what keeps this
  /// alive.
  session_state(net::strand on, net::lease lent, const asio::any_io_executor& home, std::chrono::nanoseconds patience);
  ~session_state();

  void submit(session_command&& command, completion_maker& maker);
  void note_answer(session_effect effect, reply_view answer) noexcept;
  void close();

  // Only for operations that were refused here: they have ended already.
  void cancel(void*, std::uint64_t) noexcept override {}
  std::shared_ptr<cancel_target> keep_alive() override { return shared_from_this(); }

  [[nodiscard]] const asio::any_io_executor& home() const noexcept { return home_; }

 private:
  void give_back() noexcept;
  void refuse(const request& command, completion_maker& maker);
  [[nodiscard]] net::submit_options options_for(const any_command& command) const noexcept;

  const net::strand strand_;
  const std::shared_ptr<net::lane> lane_;
  const asio::any_io_executor& home_;
  const std::chrono::nanoseconds patience_;
  std::mutex mutex_;
  bool closed_ = false;
  bool marked_ = false;      // keys are watched or a MULTI is open, as far as answers have said
  std::size_t unknown_ = 0;  // WATCH, MULTI, transactions that were sent and not answered well; those that fail stay
  net::lease lease_;         // on the strand
};

}  // namespace redstart::detail
