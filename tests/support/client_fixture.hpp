// SPDX-License-Identifier: MIT
// Fixtures for tests of the client on a real server.
#pragma once

#include "redstart/client.hpp"
#include "redstart/error.hpp"
#include "support/server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

namespace redstart::test {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// One event loop, and coroutines with a limit.
class loop_test : public ::testing::Test {
 protected:
  using body = std::function<asio::awaitable<void>()>;

  /// Runs the loop until `work` has ended, and rethrows what it threw.
  void run(const body& work, std::chrono::milliseconds limit = 30s) {
    bool ended = false;
    std::exception_ptr failure;
    asio::co_spawn(io, work(), [&](std::exception_ptr thrown) {
      ended = true;
      failure = std::move(thrown);
    });
    const auto end = std::chrono::steady_clock::now() + limit;
    io.restart();
    while (!ended && std::chrono::steady_clock::now() < end) io.run_one_until(end);
    ASSERT_TRUE(ended) << "not done within " << limit.count() << " ms";
    if (failure) std::rethrow_exception(failure);
  }

  /// Starts `work` beside the test; what it throws is a failure of the test. `done` counts the ones that ended.
  void start(asio::awaitable<void> work) {
    ++running;
    asio::co_spawn(io, std::move(work), [this](std::exception_ptr thrown) {
      --running;
      if (!thrown) return;
      try {
        std::rethrow_exception(thrown);
      } catch (const std::exception& e) {
        ADD_FAILURE() << "beside the test: " << e.what();
      }
    });
  }
  /// Waits until everything that was started has ended.
  asio::awaitable<void> all_done(std::chrono::milliseconds limit = 30s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (running > 0 && std::chrono::steady_clock::now() < end) co_await pause(2ms);
    EXPECT_EQ(running, 0) << "still running after " << limit.count() << " ms";
  }
  asio::awaitable<void> pause(std::chrono::milliseconds time) {
    asio::steady_timer timer(io, time);
    co_await timer.async_wait(asio::deferred);
  }
  /// Waits, with a limit, until `condition` holds.
  asio::awaitable<void> until(std::function<bool()> condition, std::chrono::milliseconds limit = 15s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition() && std::chrono::steady_clock::now() < end) co_await pause(2ms);
    EXPECT_TRUE(condition()) << "not within " << limit.count() << " ms";
  }

  asio::io_context io;
  int running = 0;
};

/// What `work` throws, as its message; a failure when it throws nothing or something else.
template <class Error>
asio::awaitable<std::string> message_of(asio::awaitable<void> work) {
  std::string message;
  try {
    co_await std::move(work);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& e) {
    message = e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "something else was thrown: " << e.what();
  }
  co_return message;
}

/// A way to a server, and the protocol spoken over it.
struct way {
  std::string name;
  std::string transport;  ///< tcp, unix, tls; `external` is the server of REDIS_URL
  int protocol = 3;
};

inline void PrintTo(const way& shown, std::ostream* to) { *to << shown.name; }
inline std::string name_of(const ::testing::TestParamInfo<way>& info) { return info.param.name; }

inline const way every_way[] = {{"tcp_resp3", "tcp", 3},     {"tcp_resp2", "tcp", 2}, {"unix_resp3", "unix", 3},
                                {"unix_resp2", "unix", 2},   {"tls_resp3", "tls", 3}, {"tls_resp2", "tls", 2},
                                {"redis_url", "external", 3}};

/// Runs each test over every way. The server of REDIS_URL is used only when its database is empty.
class verbs_test : public loop_test, public ::testing::WithParamInterface<way> {
 protected:
  void SetUp() override {
    if (GetParam().transport == "external") {
      const char* url = std::getenv("REDIS_URL");
      if (!url) GTEST_SKIP() << "REDIS_URL is not set: the tests on a server of yours are skipped";
      settings.url = url;
      empty_after_test_ = true;
      run([this]() -> asio::awaitable<void> {
        client redis(io.get_executor(), settings);
        co_await redis.connect();
        const auto keys = co_await redis.exec<std::size_t>("DBSIZE");
        if (keys != 0) throw std::runtime_error("the database of REDIS_URL is not empty, tests would destroy its data");
        co_await redis.disconnect();
      });
      return;
    }
    server = std::make_unique<redis_server>(server_options{.tls = GetParam().transport == "tls"});
    settings.url = GetParam().transport == "tcp"    ? server->url()
                   : GetParam().transport == "unix" ? server->unix_url()
                                                    : server->tls_url();
    settings.tls.ca_file = GetParam().transport == "tls" ? test_certificates().ca_file : "";
    settings.protocol = GetParam().protocol;
  }
  void TearDown() override {
    if (!empty_after_test_) return;
    run([this]() -> asio::awaitable<void> {
      client redis(io.get_executor(), settings);
      co_await redis.connect();
      co_await redis.exec("FLUSHDB");
      co_await redis.disconnect();
    });
  }

  /// Runs `work` with a connected client.
  void with_client(const std::function<asio::awaitable<void>(client&)>& work, std::chrono::milliseconds limit = 30s) {
    run(
        [&]() -> asio::awaitable<void> {
          client redis(io.get_executor(), settings);
          co_await redis.connect();
          co_await work(redis);
          co_await redis.disconnect();
        },
        limit);
  }

  std::unique_ptr<redis_server> server;
  config settings;

 private:
  bool empty_after_test_ = false;
};

}  // namespace redstart::test
