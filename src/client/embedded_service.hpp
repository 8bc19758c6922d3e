// SPDX-License-Identifier: MIT
// Starts and stops the private server of an `embedded:` client without blocking its executor.
#pragma once

#include "embedded/server.hpp"
#include "net/event.hpp"

#include <memory>
#include <string>
#include <thread>

namespace redstart::detail {

namespace asio = boost::asio;

/// Runs on the strand; the blocking work runs on a thread that exists only meanwhile.
class embedded_service {
 public:
  explicit embedded_service(net::strand on) : strand_(std::move(on)) {}

  /// Starts a server that keeps its data in `folder` (empty: nowhere) and returns its socket. Throws as
  /// `embedded::server` does.
  asio::awaitable<std::string> start(std::string folder);
  /// Lets the server save and end; does nothing without one.
  asio::awaitable<void> stop();

 private:
  const net::strand strand_;
  std::shared_ptr<embedded::server> server_;
};

}  // namespace redstart::detail
