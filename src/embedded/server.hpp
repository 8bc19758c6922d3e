// SPDX-License-Identifier: MIT
// A private redis-server or valkey-server on a unix socket: what `embedded:` URLs run on.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

namespace redstart::embedded {

class watcher;

struct server_config {
  /// Where data is kept, with append-only persistence synced every second; made when missing, and locked against a
  /// second server. Empty: nothing is kept.
  std::string folder{};
  /// How long a server may take to answer at all.
  std::chrono::milliseconds start_limit{10'000};
  /// How long a server that answers may take to load its data.
  std::chrono::milliseconds loading_limit{300'000};
  /// How long the server may take to save and end before it is killed.
  std::chrono::milliseconds stop_limit{10'000};
};

/// The server lives as long as this object, and no longer than this process, however that ends.
///
/// Every call blocks. One object is used by one thread at a time; any number of objects may exist.
class server {
 public:
  /// Starts the server (see `find_server` for which) and returns when it answers PING.
  ///
  /// Throws `config_error` when there is no server program or the folder cannot be used, `connection_error` when the
  /// folder is in use, the server ends at once (with its last words) or is not ready in time, `cancelled` when `stop`
  /// is requested. Nothing is left behind then.
  explicit server(const server_config& settings = {}, const std::stop_token& stop = {});
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server();

  /// The unix socket, in a folder that only this user may enter.
  [[nodiscard]] const std::string& socket_path() const noexcept { return socket_path_; }
  [[nodiscard]] pid_t pid() const noexcept;
  /// The server's name and version, as in `redis 7.0.15`.
  [[nodiscard]] const std::string& version() const noexcept { return version_; }
  /// False once the server has ended; its socket and its temporary folder are gone then.
  [[nodiscard]] bool running() noexcept;

  /// Lets the server save and end, and waits for it: usually 0.1 s, at most two seconds more than `stop_limit`.
  /// Idempotent.
  void stop() noexcept;

 private:
  std::unique_ptr<watcher> watcher_;
  std::string socket_path_;
  std::string version_;
};

}  // namespace redstart::embedded
