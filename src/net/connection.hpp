// SPDX-License-Identifier: MIT
// A stream that has logged in: bytes out, batches of replies in.
#pragma once

#include "core/handshake_fsm.hpp"
#include "core/reply_batch.hpp"
#include "net/dialer.hpp"
#include "redstart/error.hpp"

#include <memory>
#include <string_view>

namespace redstart::net {

struct connection_options {
  dial_options dial;
  core::handshake_config login;
  resp::limits limits;
};

/// The server refused this login for good: trying again with the same options is pointless.
class login_refused : public connection_error {
 public:
  using connection_error::connection_error;
};

/// Belongs to one driver, on one strand.
class connection {
 public:
  /// Connects and logs in within `options.dial.timeout`. Throws `connection_error` (also `login_refused`) without the
  /// endpoint, which the caller knows, or `timeout_error`. `options` must outlive the call.
  static asio::awaitable<std::unique_ptr<connection>> open(strand on, const connection_options& options);

  connection(std::unique_ptr<stream> io, resp::limits limits) : io_(std::move(io)), replies_(limits) {}

  /// Waits for bytes and finds the complete replies in them, perhaps none. Returns false when the connection is of no
  /// more use; `failure()` says why. The replies that were complete before that are there all the same.
  asio::awaitable<bool> read();
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  /// The failure is the peer's breach of the protocol.
  [[nodiscard]] bool broke_protocol() const noexcept { return broke_protocol_; }

  /// Hands over as many bytes as the socket takes without waiting, and says how many. When writing fails nothing is
  /// taken any more, and `read` goes on to the end of what has arrived: a peer that hung up may have answered before.
  std::size_t try_write(std::string_view bytes);
  [[nodiscard]] bool can_write() const noexcept { return write_failure_.empty(); }
  /// Completes when `try_write` can take bytes again, or knows that it cannot.
  asio::awaitable<void> wait_writable();

  core::reply_batch& replies() noexcept { return replies_; }
  [[nodiscard]] const core::handshake_result& session() const noexcept { return session_; }
  void close() noexcept { io_->close(); }

 private:
  asio::awaitable<void> log_in(const core::handshake_config& login);
  asio::awaitable<void> write_all(std::string_view bytes);

  std::unique_ptr<stream> io_;
  core::reply_batch replies_;
  core::handshake_result session_;
  std::string failure_;
  std::string write_failure_;
  bool broke_protocol_ = false;
};

}  // namespace redstart::net
