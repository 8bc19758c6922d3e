// SPDX-License-Identifier: MIT
// Runs a server as a child that cannot outlive this process, not even after SIGKILL.
//
//   this process ── pipe, only its end is watched ──> /bin/sh ──> redis-server
//                <── one line: pid and folder ───────    └─> makes and removes the temporary folder
//
// The shell waits for two things at once: its standard input ends when this process is gone or lets go, and the server
// may end by itself. Either way both are gone afterwards, and so is the folder.
#pragma once

#include "embedded/posix.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

namespace redstart::embedded {

struct watcher_config {
  std::string program{};         ///< absolute path of the server
  std::string temporary_base{};  ///< where the temporary folder is made
  std::string data_folder{};     ///< where the server works; empty: in the temporary folder
  /// Options of the server, which win over ours: no TCP port, the unix socket `redis.sock` in the temporary folder.
  std::vector<std::string> arguments{};
  /// A descriptor that the server keeps open for as long as it lives: a lock. -1: none.
  int keep_open = -1;
  /// How long the server may take to end after SIGTERM before SIGKILL follows.
  std::chrono::milliseconds stop_limit{10'000};
};

/// Not thread-safe, except that different watchers are independent.
class watcher {
 public:
  /// Starts the server and returns at once, before it is ready. Throws `connection_error` when that fails.
  explicit watcher(const watcher_config& settings);
  watcher(const watcher&) = delete;
  watcher& operator=(const watcher&) = delete;
  /// Stops.
  ~watcher() { stop(); }

  [[nodiscard]] pid_t server_pid() const noexcept { return server_pid_; }
  /// The temporary folder, for this user only. It is gone when the server is.
  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }

  /// Waits until the server has ended and is cleaned up after; false when it still runs after `limit`.
  bool wait_for_end(std::chrono::milliseconds limit) noexcept;
  /// The end of what the server printed; filled once `wait_for_end` has returned true.
  [[nodiscard]] const std::string& last_words() const noexcept { return output_; }

  /// Ends the server with SIGTERM, so that it can save, then with SIGKILL after the `stop_limit`, and waits. In a child
  /// that was forked off, it only lets go: the server is its parent's.
  void stop() noexcept;

 private:
  void spawn(const watcher_config& settings);
  void read_first_line();
  bool read_output(std::chrono::milliseconds limit) noexcept;
  void collect() noexcept;

  unique_fd hold_;  // closing it ends the server
  unique_fd output_pipe_;
  std::string output_;
  std::string folder_;
  std::chrono::milliseconds stop_limit_;
  const pid_t owner_ = ::getpid();
  pid_t shell_pid_ = -1;
  pid_t server_pid_ = -1;
};

}  // namespace redstart::embedded
