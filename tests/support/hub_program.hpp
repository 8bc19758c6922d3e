// SPDX-License-Identifier: MIT
// The hub as a program of its own, as users run it.
#pragma once

#include "support/http_client.hpp"
#include "support/scratch.hpp"

#include <boost/json/value.hpp>

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace redstart::test {

/// Ends with the test process, however that ends. When a test fails, the end of the hub's log is printed.
class hub_program {
 public:
  /// Starts it on a free port and waits until it listens. Throws when it ends before.
  explicit hub_program(const std::string& redis_url, const std::vector<std::string>& options = {});
  hub_program(const hub_program&) = delete;
  hub_program& operator=(const hub_program&) = delete;
  ~hub_program();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::string log() const;

  /// Tells it to stop (SIGTERM) and returns its exit code; -1 when a signal ended it.
  int stop();

  // Over a connection of each request's own.
  http_answer get(const std::string& target) const;
  http_answer post(const std::string& target, const std::string& body, const std::string& headers = {}) const;
  http_answer send(const std::string& method, const std::string& target, const std::string& body = {},
                   const std::string& headers = {}) const;
  /// A figure of GET /stats.
  [[nodiscard]] std::int64_t stat(const std::string& name) const;

 private:
  scratch_folder folder_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

struct program_result {
  int exit_code = -1;
  std::string output;  ///< both streams
};

/// Runs the program with these arguments to its end, 60 s at most.
program_result run_hub(const std::vector<std::string>& arguments);

}  // namespace redstart::test
