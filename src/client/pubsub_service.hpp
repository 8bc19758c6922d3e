// SPDX-License-Identifier: MIT
// The pub/sub connection of a client, and who listens over it.
//
//   subscribe ──> enroll ──> connection, when there is none ──> SUBSCRIBE ──> confirmed: established
//   connection lost: every established listener is interrupted; connected again: everything is subscribed to again;
//   all names of a listener confirmed: it resumes
//   the last listener gone and nothing due: the connection is closed
//
// The reading loop waits for nobody: what arrives goes into the listeners' buffers, whose bounds are their own.
#pragma once

#include "client/listeners.hpp"
#include "client/pubsub_line.hpp"
#include "client/subscription_state.hpp"
#include "core/subscription_set.hpp"
#include "net/lane.hpp"
#include "redstart/subscription.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>
#include <vector>

namespace redstart::detail {

/// One connection for all subscriptions of a client; made with the first subscription, closed with the last.
/// Runs on the strand, but for `release`.
class pubsub_service final : public subscription_owner, public std::enable_shared_from_this<pubsub_service> {
 public:
  pubsub_service(net::strand on, std::shared_ptr<const net::shared_options> options);
  ~pubsub_service();

  /// Completes once Redis has confirmed every channel and pattern of `options`. Throws as `client::subscribe` says;
  /// then, and when it is cancelled, nothing stays subscribed. `timeout` of `nanoseconds::max()` is without limit.
  asio::awaitable<subscription> subscribe(subscription_options options, std::chrono::nanoseconds timeout);
  /// Takes channels and patterns away from every subscription. Completes when Redis has confirmed, at once without a
  /// connection. Throws `timeout_error`; the names are taken away all the same.
  asio::awaitable<void> unsubscribe(std::vector<std::string> names, std::chrono::nanoseconds timeout);

  void open() noexcept { open_ = true; }
  /// Ends every subscription with `cancelled`.
  void close() noexcept;
  /// Completes when nothing is running any more.
  asio::awaitable<void> closed();

  void release(std::shared_ptr<subscription_state> state) override;

 private:
  using kind_type = core::subscription_kind;
  using verb = pubsub_line::verb;
  class membership;

  // --- Listeners: pubsub_service.cpp ---------------------------------------------------------------------------------
  std::shared_ptr<listener> enroll(subscription_options&& options);
  void withdraw(const std::shared_ptr<listener>& leaving) noexcept;
  void end(const std::shared_ptr<listener>& ended, const std::exception_ptr& why);
  bool take_away(kind_type kind, const std::vector<std::string>& names);
  void recount(listener& of) const;
  void establish(listener& confirmed, core::time_point now);
  [[nodiscard]] std::exception_ptr too_late(const std::string& what, std::chrono::nanoseconds timeout) const;
  void discard_all() noexcept;

  // --- The connection: pubsub_connection.cpp -------------------------------------------------------------------------
  void start();
  static asio::awaitable<void> run(std::shared_ptr<pubsub_service> self);
  asio::awaitable<bool> connect();
  asio::awaitable<void> pause();
  asio::awaitable<std::string> serve();
  void adopt(std::unique_ptr<net::connection> opened);
  void lose(const std::string& why);
  void fail_waiting(const std::string& why);
  [[nodiscard]] bool wanted() const noexcept { return open_ && !stopping_ && !wishes_.empty(); }

  void handle_replies();
  void handle(reply_view reply, core::time_point now);
  void handle_event(const core::pubsub_event& event, core::time_point now);
  void deliver(const core::pubsub_event& event, core::time_point now);
  void confirm(const core::pubsub_event& event, core::time_point now);
  void refuse(std::string_view text, core::time_point now);
  void refuse_name(kind_type kind, const std::string& name, std::string_view text, core::time_point now);
  void break_connection(const std::string& why);

  void service();
  void post_service();
  void flush();
  void wait_until_writable();
  void check_liveness(core::time_point now);
  void arm_timer(core::time_point due);
  void log(log_level level, const std::string& text) const;

  const net::strand strand_;
  const std::shared_ptr<const net::shared_options> options_;
  bool open_ = false;

  listener_index listeners_;
  core::subscription_set wishes_;

  bool running_ = false;
  bool stopping_ = false;  // `run` is on its way out
  std::shared_ptr<asio::cancellation_signal> stop_;
  core::backoff backoff_;
  asio::steady_timer pause_;  // between attempts to connect
  std::string last_error_;
  net::event changed_;  // `running_`, and the answered commands of `line_`

  std::shared_ptr<net::connection> connection_;
  pubsub_line line_;
  bool settled_ = false;  // this connection has answered all it was asked at first
  core::liveness liveness_;
  asio::steady_timer timer_;
  core::time_point timer_due_ = core::time_point::max();
  bool service_posted_ = false;
  bool write_blocked_ = false;
  bool doubted_ = false;                         // found dead once; bytes may be waiting in the socket
  std::string broken_;                           // why the connection must not be used any more
  std::vector<std::shared_ptr<listener>> full_;  // closed by their own policy while messages are handed out
};

}  // namespace redstart::detail
