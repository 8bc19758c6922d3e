// SPDX-License-Identifier: MIT
// A real server for integration tests, on a unix socket and a TCP port, which tests may break as they like.
#pragma once

#include "support/certificates.hpp"
#include "support/raw_client.hpp"
#include "support/scratch.hpp"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace redstart::embedded {
class watcher;
}

namespace redstart::test {

struct server_options {
  /// Listens for TLS on a port of its own too, with `server_certificate` or the good one.
  bool tls = false;
  std::optional<certificate> server_certificate{};
  bool require_client_certificate = false;
  /// Adds requirepass; `command` authenticates by itself.
  std::string password{};
  /// More options, as on the server's command line; they win. Data, if any, goes to `folder()`.
  std::vector<std::string> args{};
};

/// The program is REDSTART_TEST_SERVER (a path or a name on PATH) when set, else what `embedded:` would use. The server
/// ends with the test process, however that ends. When a test fails, the end of the server's log is printed.
class redis_server {
 public:
  /// Starts, and waits until the server answers.
  explicit redis_server(server_options options = {});
  redis_server(const redis_server&) = delete;
  redis_server& operator=(const redis_server&) = delete;
  ~redis_server();

  [[nodiscard]] std::string socket_path() const { return folder_.file("redis.sock"); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::uint16_t tls_port() const { return tls_port_; }
  [[nodiscard]] std::string folder() const { return folder_.path(); }
  [[nodiscard]] pid_t pid() const;
  /// URLs of this server, without its password.
  [[nodiscard]] std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::string tls_url() const { return "rediss://localhost:" + std::to_string(tls_port_); }
  [[nodiscard]] std::string unix_url() const { return "unix://" + socket_path(); }
  /// What the server has logged since it was made, restarts included.
  [[nodiscard]] std::string log() const;

  /// Starts again after `stop` or `kill`: the same ports, socket and options.
  void start();
  /// Starts without waiting until the server answers: for a server that is loading or meant to fail.
  void start_without_waiting();
  /// Waits until the server answers anything but LOADING.
  void wait_until_ready();
  /// Ends the server in order (SIGTERM). It need not run.
  void stop();
  /// Ends the server with SIGKILL.
  void kill();
  /// Stops the server's process without ending it: connections stay open, nothing is answered. Undone by `resume`.
  void pause();
  void resume();

  /// Asks the server on a connection of the harness's own, opened when needed.
  answer command(const std::vector<std::string>& words);

 private:
  void start_on_free_ports();
  std::vector<std::string> arguments() const;

  server_options options_;
  scratch_folder folder_;
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
  std::unique_ptr<embedded::watcher> watcher_;
  std::optional<raw_client> client_;
};

/// A TCP port of 127.0.0.1 on which nobody listened a moment ago.
std::uint16_t free_port();

}  // namespace redstart::test
