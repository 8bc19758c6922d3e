// SPDX-License-Identifier: MIT
// The world of one cell: a server, a proxy, a client on a loop of its own, and the rules that operations are held to.
#pragma once

#include "chaos/fault.hpp"
#include "redstart/client.hpp"
#include "redstart/error.hpp"
#include "support/scratch.hpp"
#include "support/server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace redstart::chaos {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// What a cell is judged by, and how its client is set: far shorter than the defaults, so that a cell takes a second.
struct limits {
  milliseconds timeout{400};
  milliseconds connect_timeout{300};
  milliseconds backoff_max{100};
  milliseconds health_check_interval{250};
  milliseconds liveness_timeout{500};
  /// How late an operation may end after its deadline, besides twice what the event loop itself was late.
  milliseconds slack{50};
  /// From the end of a fault to an answered GET: the longest silence, one attempt to connect that was under way, a
  /// wait, and as much again for a busy machine.
  milliseconds recovery{2500};
  /// A cell that takes longer hangs.
  milliseconds cell{30'000};
  /// For how long the loop may be held up, besides what the machine does to a busy thread.
  milliseconds held_up{250};
  /// By how much the whole process may have grown since its first cell, and what the heap may hold more after the last
  /// one, where nothing of a cell is left.
  std::size_t growth = 64u * 1024 * 1024;
  std::size_t kept = 256u * 1024;
};
inline constexpr limits allowed{};

/// What one cell is about.
struct cell {
  const fault* what = nullptr;
  state_kind state{};
  int protocol = 3;
  transport via{};
  /// `cut_fin/pipelined/resp3/tls`
  [[nodiscard]] std::string name() const;
};

/// Belongs to the thread of its loop, `server` to the thread of `elsewhere`.
class context {
 public:
  context(const cell& about, std::uint64_t seed);
  context(const context&) = delete;
  context& operator=(const context&) = delete;
  ~context();

  /// Runs blocking work on another thread, one piece after the other, while the loop goes on.
  asio::awaitable<void> elsewhere(std::function<void()> work);
  /// Starts `work` beside; what it throws is a failure.
  void start(asio::awaitable<void> work);
  asio::awaitable<void> pause(std::chrono::microseconds time);
  /// Waits for `condition`; false when it did not hold within `limit`.
  asio::awaitable<bool> until(std::function<bool()> condition, milliseconds limit);
  /// A number below `below`.
  std::uint64_t chance(std::uint64_t below) { return random_() % below; }

  void fail(const std::string& what_is_wrong);
  void expect(bool holds, const std::string& what_is_wrong) {
    if (!holds) fail(what_is_wrong);
  }
  /// A failure to keep a time, which a machine that stands still may be the cause of.
  void late(const std::string& what_is_wrong);
  /// An operation ended that had `limit`.
  void ended(const std::string& name, clock::time_point begin, clock::duration limit);
  /// An operation failed; allowed is only what fits the fault.
  void failed(const std::string& name, const error& how);
  /// A command of several was answered an error, `text`; the same is allowed.
  void refused_with(const std::string& name, std::string_view text);
  /// Measures how late the loop is, until `stopping`.
  asio::awaitable<void> watch_lag();
  /// Nothing gave connections a reason to be lost. A machine that stood still for long is a reason.
  [[nodiscard]] bool connections_must_live() const {
    return about.what->cuts_connections == cuts::none && lag < allowed.liveness_timeout / 4;
  }

  const cell about;
  test::scratch_folder folder;
  asio::io_context io{1};
  test::redis_server server;
  proxy between;
  std::optional<client> redis;
  config settings;
  bool fault_over = false;
  bool stopping = false;
  int running = 0;
  clock::duration lag{};
  int refused = 0;              ///< operations with the error that the fault brings
  clock::duration overshoot{};  ///< the worst
  std::string overshot;         ///< by what
  std::vector<std::string> failures;
  bool only_late = true;  ///< all of the failures are

 private:
  std::mt19937_64 random_;
  asio::thread_pool hands_{1};
};

}  // namespace redstart::chaos
