// SPDX-License-Identifier: MIT
// A fixture for tests of web servers over real sockets: the server has threads of its own, the test is its client.
#pragma once

#include "redstart/web/server.hpp"
#include "support/http_client.hpp"
#include "support/waiting.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace redstart::test {

namespace asio = boost::asio;
namespace http = redstart::web::http;
using namespace std::chrono_literals;

/// Something that handlers can wait for and the test opens, from whichever thread.
class gate {
 public:
  void open() { open_ = true; }
  [[nodiscard]] bool is_open() const { return open_; }
  asio::awaitable<void> wait() {
    asio::steady_timer pause(co_await asio::this_coro::executor);
    while (!open_) {
      pause.expires_after(2ms);
      co_await pause.async_wait(asio::use_awaitable);
    }
  }

 private:
  std::atomic<bool> open_{false};
};

class web_server_test : public ::testing::Test {
 protected:
  web_server_test() {
    app.log_to([this](log_level, std::string_view text) {
      const std::lock_guard lock(mutex_);
      logged_.emplace_back(text);
    });
  }
  ~web_server_test() override { end(); }

  /// Starts the server on a free port.
  void serve(web::server_config settings = {}, int threads = 1) {
    settings.port = 0;
    io_ = std::make_unique<asio::io_context>();
    work_.emplace(io_->get_executor());
    server_ = std::make_unique<web::server>(io_->get_executor(), app, settings);
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { io_->run(); });
    asio::co_spawn(*io_, server_->start(), asio::use_future).get();
  }
  std::future<void> stop() { return asio::co_spawn(*io_, server_->stop(), asio::use_future); }
  /// Stops the server and its threads; what handlers still do is over then.
  void end() {
    if (!io_) return;
    stop().get();
    server_.reset();
    work_.reset();
    for (auto& each : threads_) each.join();
    threads_.clear();
    io_.reset();
  }

  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  http_client connect() { return http_client(port()); }
  [[nodiscard]] web::server& server() { return *server_; }
  [[nodiscard]] asio::io_context& io() { return *io_; }
  [[nodiscard]] bool was_logged(std::string_view part) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(logged_, [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }
  [[nodiscard]] std::size_t lines_logged() const {
    const std::lock_guard lock(mutex_);
    return logged_.size();
  }
  /// Waits until the server knows of that many connections.
  bool connections_become(std::size_t count) {
    return eventually([&] { return server_->figures().connections == count; });
  }

  web::application app;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> logged_;
  std::unique_ptr<asio::io_context> io_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  std::unique_ptr<web::server> server_;
  std::vector<std::thread> threads_;
};

}  // namespace redstart::test
