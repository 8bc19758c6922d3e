// SPDX-License-Identifier: MIT
// From an endpoint to a connected stream: name, socket options, every address of the name, TLS.
#pragma once

#include "net/endpoint.hpp"
#include "net/stream.hpp"
#include "net/system_authorities.hpp"
#include "redstart/config.hpp"

#include <chrono>
#include <memory>

namespace redstart::net {

struct dial_options {
  endpoint where;
  tls_config tls;
  /// What is trusted when `tls` names no authorities; kept for the next time.
  std::shared_ptr<system_authorities> authorities = std::make_shared<system_authorities>();
  /// For all of it together.
  std::chrono::milliseconds timeout{2000};
  /// Unacknowledged bytes for longer than this break the connection (TCP_USER_TIMEOUT).
  std::chrono::milliseconds user_timeout{5000};
  /// After this long without traffic the kernel starts to probe the peer (TCP keepalive).
  std::chrono::milliseconds keepalive{30000};
};

/// Connects; to be awaited on `on`, which the stream then belongs to.
///
/// Throws `connection_error` with what failed and why, without the endpoint, which the caller knows; `timeout_error`
/// when `timeout` passes first, saying what it was spent on; `config_error` when a file of `tls` cannot be used.
/// Cancelling the awaiting coroutine ends the attempt at once, with one of these or with `operation_aborted`.
/// `options` must outlive the call.
asio::awaitable<std::unique_ptr<stream>> dial(strand on, const dial_options& options);

}  // namespace redstart::net
