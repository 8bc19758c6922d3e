// SPDX-License-Identifier: MIT
// Accepts connections and keeps the list of them.
#pragma once

#include "redstart/web/server.hpp"
#include "web/connection.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#ifdef REDSTART_TLS
#include <boost/asio/ssl/context.hpp>
#endif

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>

namespace redstart::web::detail {

class server_state : public std::enable_shared_from_this<server_state> {
 public:
  server_state(const asio::any_io_executor& executor, application& served, const server_config& settings);

  [[nodiscard]] application& served() noexcept { return context_->served; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string url() const;
  [[nodiscard]] server_figures figures() const;

  // Throws `config_error`.
  void listen();
  asio::awaitable<void> drain();
  // True for the one caller whose shutdown hooks are to run.
  [[nodiscard]] bool is_first_stop() noexcept { return !stopped_.exchange(true); }
  void close();

 private:
  asio::awaitable<void> accept();
  asio::awaitable<void> watch();
  void take(asio::ip::tcp::socket socket);
  asio::awaitable<void> turn_away(asio::ip::tcp::socket socket);
  [[nodiscard]] std::shared_ptr<connection> make(asio::ip::tcp::socket socket, const std::string& peer) const;
  void run(const std::shared_ptr<connection>& added);
  void for_each(const std::function<void(connection&)>& act) const;
  void stop_accepting();
  [[nodiscard]] bool is_empty() const;
  asio::awaitable<void> wait_until_empty(std::chrono::milliseconds limit);
  [[nodiscard]] const server_config& settings() const noexcept { return context_->settings; }

  const asio::any_io_executor base_executor_;
  const asio::any_io_executor executor_;  // a strand over it, for what is the server's own
  const std::shared_ptr<connection_context> context_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer watch_timer_;
#ifdef REDSTART_TLS
  std::shared_ptr<asio::ssl::context> tls_;
#endif
  std::uint16_t port_ = 0;
  std::atomic<bool> closed_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::size_t turning_away_ = 0;  // on the strand
  mutable std::mutex mutex_;      // of the list
  std::list<std::shared_ptr<connection>> connections_;
};

}  // namespace redstart::web::detail
