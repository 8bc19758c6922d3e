// SPDX-License-Identifier: MIT
// One multiplexed connection that many operations share, kept alive for as long as it is wanted.
#pragma once

#include "core/line.hpp"
#include "core/liveness.hpp"
#include "core/operation_pool.hpp"
#include "net/connection.hpp"
#include "net/event.hpp"
#include "redstart/detail/completion.hpp"
#include "redstart/detail/request.hpp"
#include "redstart/log.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace redstart::net {

/// What the connections of one client have in common. Outlives them, and is not changed while they live.
struct shared_options {
  asio::any_io_executor home;  ///< where handlers without an executor of their own run
  std::string display;         ///< the server as errors and logs name it
  connection_options connection;
  core::line_config line;
  std::chrono::nanoseconds timeout{std::chrono::seconds(5)};  ///< of an operation that says nothing else
  /// No BLPOP of the shared waiting connection waits longer at the server.
  std::chrono::milliseconds longest_block{10000};
  std::chrono::milliseconds health_check_interval{30000};
  std::chrono::milliseconds liveness_timeout{5000};
  unsigned connect_attempts = 5;
  core::random_source random;  ///< called on the client's strand and under the lanes' locks
  log_sink log;                ///< called on the client's strand
};

/// How one operation is to be treated.
struct submit_options {
  std::chrono::nanoseconds timeout{};  ///< from now on; `nanoseconds::max()` is without limit
  bool keeps_orphan = false;           ///< an answer that nobody waits for any more goes to the orphan handler
  bool internal = false;               ///< of the library itself: taken and kept after `turn_away`
  bool blocks = false;                 ///< the server may take its time: silence is no sign of death
};

/// What happens to a lane that loses its connection.
enum class after_loss {
  reconnect,  ///< it connects again, for ever
  end,        ///< it is over: what the server knew of this connection (WATCH, MULTI) is gone
};

/// Counters for health figures; a copy is consistent in itself.
struct lane_figures {
  bool connected = false;
  std::size_t operations = 0;
  std::uint64_t connects = 0;
  std::uint64_t losses = 0;
  std::string last_error;
};

/// `submit` and `cancel` may be called from any thread; everything else, and every driver, runs on the strand.
///
/// The lock guards the line and the pool. It is held for short, bounded pieces of work and never while a handler, a
/// decoder or any other code of a user runs.
class lane final : public detail::cancel_target, public std::enable_shared_from_this<lane> {
 public:
  lane(strand on, std::shared_ptr<const shared_options> options, after_loss policy);
  ~lane();

  /// Connects, with backoff, `attempts` times at most (0: until closed), then keeps the connection by itself.
  /// Throws `connection_error` that says how often and for how long was tried, or why trying is pointless; then, and
  /// after `closed()`, it may be called again. Not while open.
  asio::awaitable<void> open(unsigned attempts);

  /// Sends a request; its completion is told of the end. Throws only `bad_alloc`: then nothing was sent, and the
  /// handler is still with the maker, or gone when there was no memory to post it with a refusal.
  void submit(detail::request&& request, const submit_options& options, detail::completion_maker& maker);

  /// Without memory to tell the waiter, the operation goes on as if it had not been cancelled.
  void cancel(void* op, std::uint64_t id) noexcept override;
  std::shared_ptr<detail::cancel_target> keep_alive() override { return shared_from_this(); }

  /// Takes no more operations from callers, and tells those that wait `cancelled`. What the library itself has under
  /// way goes on until `close`.
  void turn_away();
  /// Ends everything; waiters are told `cancelled`. Safe to be called in any state, and from a completion of this lane.
  void close();
  /// Completes when nothing of a closed lane is running any more.
  asio::awaitable<void> closed();
  /// Breaks the connection as if the peer had; for tests and for `protocol_error`s found above.
  void abandon_connection(std::string_view why) noexcept;

  /// Answers of `keeps_orphan` are still due.
  [[nodiscard]] bool expects_orphans();
  /// True when no reply is due and nothing unread is held.
  [[nodiscard]] bool is_quiet();
  [[nodiscard]] bool is_connected() const noexcept { return connection_ != nullptr; }
  [[nodiscard]] bool is_closed() const noexcept { return phase_ == phase_type::closed; }
  /// The server's number for this connection, for CLIENT UNBLOCK. Only while open.
  [[nodiscard]] std::int64_t client_id() const noexcept;
  [[nodiscard]] const core::handshake_result* session() const noexcept;
  [[nodiscard]] lane_figures figures();
  /// Called on the strand with the late answer to a request of `keeps_orphan` whose waiter has left.
  void on_orphan(std::function<void(const detail::request&, reply_view)> callback) { on_orphan_ = std::move(callback); }
  /// Called on the strand after each connect (true) and each loss (false).
  void on_change(std::function<void(bool connected)> callback) { on_change_ = std::move(callback); }

 private:
  enum class phase_type { closed, opening, running, closing };
  class context;
  struct claimed {
    core::operation* op;
    std::size_t reply;
    bool last;
  };
  // The replies that are being handed over.
  struct round {
    std::array<claimed, 16> items;
    std::size_t count = 0;
    std::size_t next_reply = 0;  // the first one that nobody has claimed yet
    std::size_t orphans = 0;     // claimed for nobody, and not given to on_orphan_ yet
  };

  struct persistence {
    unsigned most;              // 0: no limit
    bool give_up_when_refused;  // a login that is refused for good ends the attempts
  };
  asio::awaitable<void> connect(persistence allowed);
  void adopt(std::unique_ptr<connection> opened);
  static asio::awaitable<void> keep(std::shared_ptr<lane> self);
  void set_phase(phase_type phase);
  [[nodiscard]] bool stopping() const noexcept { return phase_ == phase_type::closing || phase_ == phase_type::closed; }
  asio::awaitable<std::string> serve();
  void discard_all() noexcept;
  void handle_replies();
  bool claim_replies(const core::reply_batch& replies);
  void put_back() noexcept;
  void deliver(const claimed& item, reply_view reply, detail::outbox& away);
  void service() noexcept;
  void post_service();
  void flush(std::unique_lock<std::mutex>& lock, core::ended_list& ended, core::time_point now);
  void wait_until_writable() noexcept;
  void check_liveness(core::time_point now);
  void send_ping();
  void arm_timer(core::time_point due) noexcept;
  void lose(std::string_view why, bool for_good) noexcept;
  void tell(core::ended_list& ended) noexcept;
  std::exception_ptr describe_end(const core::operation& op) const noexcept;
  std::exception_ptr make_end(const core::operation& op, bool in_words) const;
  std::exception_ptr describe_closed(const core::operation& op) const;
  void break_connection(std::string_view why, bool protocol = false) noexcept;
  template <class MakeText>
  void log(log_level level, MakeText make_text) const noexcept;

  const strand strand_;
  const std::shared_ptr<const shared_options> options_;
  const after_loss policy_;

  phase_type phase_ = phase_type::closed;
  event phase_changed_;

  std::mutex mutex_;  // guards what follows; last_error_ is written on the strand only
  core::operation_pool pool_;
  core::line line_;
  bool service_posted_ = false;
  bool accepting_ = false;    // operations are taken; opened once, and not closed
  bool turned_away_ = false;  // but not from callers
  std::string last_error_;
  std::uint64_t connects_ = 0;
  std::uint64_t losses_ = 0;

  std::shared_ptr<connection> connection_;
  core::liveness liveness_;
  asio::steady_timer timer_;
  core::time_point timer_due_ = core::time_point::max();
  asio::steady_timer pause_;  // between attempts to connect
  bool write_blocked_ = false;
  bool awaiting_writable_ = false;
  bool doubted_ = false;         // found dead once; bytes may be waiting in the socket
  std::string broken_;           // why the connection must not be used any more
  bool broke_protocol_ = false;  // the last loss was the peer's breach of the protocol
  round round_;
  std::shared_ptr<asio::cancellation_signal> stop_;
  std::function<void(bool)> on_change_;
  std::function<void(const detail::request&, reply_view)> on_orphan_;
};

}  // namespace redstart::net
