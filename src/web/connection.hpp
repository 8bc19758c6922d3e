// SPDX-License-Identifier: MIT
// What a server does with each of its connections.
#pragma once

#include "redstart/web/http.hpp"
#include "redstart/web/server.hpp"
#include "web/peer_limits.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#ifdef REDSTART_TLS
#include <boost/asio/ssl/context.hpp>
#endif

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace redstart::web::detail {

// One connection as its server sees it. `drain`, `close_if_due` and `cut` may be called from any thread.
class connection {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  virtual ~connection() = default;
  virtual asio::awaitable<void> run() = 0;
  // Ends after the request that is being answered; a WebSocket is closed with `going_away`.
  virtual void drain() = 0;
  // Closes it when its time is up.
  virtual void close_if_due() = 0;
  // Ends it, whatever it does: its handler is cancelled, too.
  virtual void cut() = 0;
  // The strand that everything of it runs on.
  [[nodiscard]] virtual asio::any_io_executor executor() const = 0;

  [[nodiscard]] bool is_due(time_point now) const { return now >= deadline_.load(std::memory_order_relaxed); }

  // Where `run` hears of `cut`.
  [[nodiscard]] asio::cancellation_slot cut_slot() noexcept { return cut_.slot(); }

 protected:
  asio::cancellation_signal cut_;  // on the strand

  // When the server closes it, looked at about twice a second: cheaper than a timer for each step.
  void close_at(time_point when) { deadline_.store(when, std::memory_order_relaxed); }
  void close_never() { close_at(time_point::max()); }

 private:
  std::atomic<time_point> deadline_{time_point::max()};
};

// What connections share.
struct connection_context {
  application& served;
  const server_config settings;
  peer_limits limits;
  const bool loopback_only;  // nobody but this machine reaches the server
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> websockets{0};
};

[[nodiscard]] std::shared_ptr<connection> make_connection(asio::ip::tcp::socket socket,
                                                          std::shared_ptr<connection_context> context,
                                                          std::string peer);

#ifdef REDSTART_TLS
[[nodiscard]] std::shared_ptr<connection> make_tls_connection(asio::ip::tcp::socket socket,
                                                              std::shared_ptr<asio::ssl::context> tls,
                                                              std::shared_ptr<connection_context> context,
                                                              std::string peer);
#endif

}  // namespace redstart::web::detail
