// SPDX-License-Identifier: MIT
#include "net/dialer.hpp"

#include "net/connect.hpp"
#include "net/deadline_guard.hpp"
#include "net/resolve.hpp"
#include "net/socket_stream.hpp"
#include "net/tls_stream.hpp"
#include "redstart/error.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace redstart::net {

namespace {

using clock = std::chrono::steady_clock;

void set_option(int socket, int level, int name, int value) {
  // Best effort: an option that the kernel does not know must not keep anybody from Redis.
  ::setsockopt(socket, level, name, &value, sizeof value);
}

void tune(int socket, const dial_options& options) {
  const auto seconds = [](std::chrono::milliseconds time) {
    return std::max(1, static_cast<int>(std::chrono::ceil<std::chrono::seconds>(time).count()));
  };
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(options.user_timeout.count()));
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, options.keepalive.count() > 0 ? seconds(options.keepalive) : 30);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds(options.user_timeout) / 3));
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

asio::awaitable<socket_stream::socket> connect_host(strand on, const dial_options& options,
                                                    clock::time_point deadline) {
  auto addresses = co_await resolve(on, options.where.host, options.where.port, deadline);
  auto connected = co_await connect_tcp(on, std::move(addresses), deadline);
  tune(connected.native_handle(), options);
  co_return connected;
}

asio::awaitable<std::unique_ptr<stream>> secure(strand on, socket_stream::socket connected, const dial_options& options,
                                                clock::time_point deadline) {
  const std::string& name = options.tls.server_name.empty() ? options.where.host : options.tls.server_name;
  auto secured = make_tls_stream(on, std::move(connected), options.tls, name, *options.authorities);
  const deadline_guard guard(on, deadline - clock::now(), [&secured] { secured->close(); });
  try {
    co_await secured->handshake();
  } catch (const connection_error& e) {
    if (!guard.expired()) throw;
    throw timeout_error(e.what());
  }
  // It may have expired after the handshake ended and before this coroutine went on.
  if (guard.expired()) throw timeout_error("the TLS handshake took too long");
  co_return secured;
}

asio::awaitable<std::unique_ptr<stream>> open(strand on, const dial_options& options, clock::time_point deadline) {
  if (options.where.kind == endpoint::transport::embedded) {
    throw connection_error("an embedded server has to be started before it can be connected to");
  }
  if (options.where.kind == endpoint::transport::unix_socket) {
    auto connected = co_await connect_unix(on, options.where.path, deadline);
    co_return std::make_unique<socket_stream>(std::move(connected));
  }
  auto connected = co_await connect_host(on, options, deadline);
  if (options.where.kind == endpoint::transport::tcp) co_return std::make_unique<socket_stream>(std::move(connected));
  auto secured = co_await secure(on, std::move(connected), options, deadline);
  co_return secured;
}

}  // namespace

asio::awaitable<std::unique_ptr<stream>> dial(strand on, const dial_options& options) {
  try {
    co_return co_await open(on, options, clock::now() + options.timeout);
  } catch (const timeout_error& e) {
    throw timeout_error("no connection within " + std::to_string(options.timeout.count()) + " ms: " + e.what());
  }
}

}  // namespace redstart::net
