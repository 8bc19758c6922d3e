// SPDX-License-Identifier: MIT
// What every screen sees at once: alerts, changes of cameras, and the hub's own figures.
#pragma once

#include "cameras.hpp"
#include "settings.hpp"
#include "totals.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <redstart/client.hpp>
#include <redstart/log.hpp>
#include <redstart/web/websocket.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace hub {

/// One Redis subscription for any number of WebSocket clients.
///
/// Alerts and camera changes come by the channels `events` and `camera_events`, from whichever hub published them;
/// cameras that fall silent, which nobody publishes, are looked for once a second. When Redis was away the clients are
/// told how long, since alerts may have passed meanwhile: the list of recent alerts has them.
///
/// Its loops run on a strand of their own; all members may be called from any thread. The client and the settings
/// outlive it.
class live_feed {
 public:
  live_feed(redstart::client& redis, const settings& of, const totals& counted, redstart::log_sink log);
  live_feed(const live_feed&) = delete;
  live_feed& operator=(const live_feed&) = delete;

  /// Begins to listen, in the background; survives any outage of Redis.
  void start();
  /// Ends that, and returns once it has ended.
  asio::awaitable<void> stop();

  /// Greets a client, sends it everything from now on, and returns when its connection is closed. `with_stats`: also
  /// the hub's figures, each second.
  asio::awaitable<void> serve(redstart::web::websocket socket, bool with_stats);

  /// Sends a text to all clients, at once.
  void broadcast(std::string text);

  [[nodiscard]] std::size_t clients() const;

 private:
  struct member {
    redstart::web::websocket socket;
    bool with_stats;
  };
  class membership;

  void spawn(asio::awaitable<void> loop);
  asio::awaitable<void> listen();
  asio::awaitable<void> listen_once();
  asio::awaitable<void> end_loops();
  void tell_gap();
  asio::awaitable<void> watch_cameras();
  asio::awaitable<void> tell_stats();
  asio::awaitable<void> pause(std::chrono::milliseconds time);
  asio::awaitable<std::string> stats();

  void pass_on(const redstart::message& received);
  void note_status(const json::object& status);
  void send(std::string text, bool stats_only);
  void warn(std::string_view what, const std::exception& problem);

  redstart::client& redis_;
  const asio::any_io_executor strand_;
  const totals& totals_;
  redstart::log_sink log_;
  cameras cameras_;

  bool stopping_ = false;
  std::size_t running_ = 0;
  std::list<asio::steady_timer> timers_;  // one a loop
  redstart::subscription subscription_;
  std::optional<std::chrono::steady_clock::time_point> deaf_since_;  // nothing is subscribed

  mutable std::mutex mutex_;  // of the members
  std::list<member> members_;
};

}  // namespace hub
