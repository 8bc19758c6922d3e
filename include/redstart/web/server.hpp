// SPDX-License-Identifier: MIT
// Serves an application over HTTP/1.1 and WebSocket, with Boost.Beast.
#pragma once

#include "redstart/web/application.hpp"
#include "redstart/web/http.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace redstart::web {

/// How a server listens, and what it bears. Every bound has its answer: see each.
struct server_config {
  /// The address to listen at. The default is reached from this machine only; `0.0.0.0` and `::` from everywhere.
  std::string address = "127.0.0.1";
  /// 0 takes any that is free; `server::port` tells which.
  std::uint16_t port = 8080;

  /// The body of one request, in bytes. More answers 413.
  std::size_t max_body_bytes = 1024 * 1024;
  /// Request line and headers, in bytes, from 256 to 65,532. More answers 431.
  std::size_t max_header_bytes = 16 * 1024;
  /// Connections at a time; more are answered 503 and closed.
  std::size_t max_connections = 20'000;
  /// And of one peer address, so that no single one takes them all. Behind a proxy all clients have the proxy's.
  std::size_t max_connections_per_peer = 1'000;
  /// Requests a second of one peer address, averaged over a second; more answer 429 with Retry-After. 0: no bound.
  double max_requests_per_second = 0;

  /// From the first byte of a request to its last, and for writing a response. Then the connection is closed.
  std::chrono::milliseconds request_timeout = std::chrono::seconds(30);
  /// How long a connection may stay open without a request.
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(75);
  /// How long `stop` lets running requests finish.
  std::chrono::milliseconds drain_timeout = std::chrono::seconds(10);

  /// Origins (`https://hub.example`) whose pages may open WebSockets and send requests that write, beside the one
  /// that serves them. `*` permits all. Clients that are no browsers send no origin and are not concerned. Others: 403.
  std::vector<std::string> allowed_origins{};
  /// One message of a WebSocket's client, in bytes. More closes with 1009.
  std::size_t max_message_bytes = 64 * 1024;
  /// What may wait to be written to one WebSocket, in bytes. More closes with 1013.
  std::size_t max_websocket_backlog = 1024 * 1024;
  /// A WebSocket that was silent for so long gets a ping; silent as long again, it is closed. At least 1 s.
  std::chrono::milliseconds ping_interval = std::chrono::seconds(20);

  /// With both: HTTPS, TLS 1.2 or later. PEM files.
  std::string tls_certificate_file{};
  std::string tls_key_file{};
};

/// What a server does now.
struct server_figures {
  std::size_t connections = 0;  ///< WebSockets included
  std::size_t websockets = 0;
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  ///< by `max_connections` or `max_connections_per_peer`
};

namespace detail {
class server_state;
}

/// A server. All its work runs on `executor`, each connection on a strand of its own.
class server {
 public:
  /// Throws `config_error` for what cannot be meant. `served` outlives the server; one that was not stopped, also the
  /// work of its connections on `executor`. The context of `executor` outlives the server.
  server(const asio::any_io_executor& executor, application& served, const server_config& settings = {});
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  /// Closes everything at once.
  ~server();

  /// Runs the application's startup hooks and listens. Throws what a hook throws, and `config_error` when the address
  /// cannot be listened at; then the shutdown hooks have run.
  [[nodiscard]] asio::awaitable<void> start();
  /// Accepts no more, lets running requests finish, closes idle connections and WebSockets (1001), and after
  /// `drain_timeout` everything, its handlers cancelled; then runs the shutdown hooks. Never throws. Once begun it
  /// cannot be cancelled.
  [[nodiscard]] asio::awaitable<void> stop();

  /// Where it listens, once started: the port it was given, and `http://127.0.0.1:8080`.
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string url() const;
  [[nodiscard]] server_figures figures() const;

 private:
  std::shared_ptr<detail::server_state> state_;
};

/// Starts a server and stops it on SIGINT or SIGTERM: all that a program's `main` needs. Cancelling it does what a
/// signal does; while it starts, it throws `operation_aborted` instead.
[[nodiscard]] asio::awaitable<void> serve(application& served, server_config settings = {});

/// The same for a program with an end of its own: once the server listens it runs `until`, and stops when that ends.
/// What `until` throws is thrown again when the server has stopped. Cancelling it cancels `until`, and is no error.
[[nodiscard]] asio::awaitable<void> serve(application& served, server_config settings,
                                          std::function<asio::awaitable<void>(const server&)> until);

}  // namespace redstart::web
