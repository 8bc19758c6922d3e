// SPDX-License-Identifier: MIT
// Fixtures for tests of the pub/sub service on a real server.
#pragma once

#include "client/pubsub_service.hpp"
#include "net/endpoint.hpp"
#include "support/asio_test.hpp"
#include "support/server.hpp"

#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <random>

namespace redstart::test {

using namespace std::chrono_literals;
using kind_type = message::kind_type;

inline std::shared_ptr<net::shared_options> options_for(const asio::any_io_executor& home, const std::string& url,
                                                        int protocol) {
  auto options = std::make_shared<net::shared_options>();
  options->home = home;
  options->connection.dial.where = net::parse_url(url);
  options->connection.login.username = options->connection.dial.where.username;
  options->connection.login.password = options->connection.dial.where.password;
  options->connection.login.client_name = "pubsub-test";
  options->connection.login.protocol = protocol;
  options->display = options->connection.dial.where.display();
  options->line.backoff_initial = 5ms;
  options->line.backoff_max = 40ms;
  options->random = [engine = std::mt19937_64(7)]() mutable -> std::uint64_t { return engine(); };
  return options;
}

inline redis_server& shared_server() {
  static redis_server server;
  return server;
}

class pubsub_test : public asio_test {
 protected:
  void connect_to(redis_server& to, int protocol = 3, const std::string& url = {}) {
    server = &to;
    options = options_for(io.get_executor(), url.empty() ? to.unix_url() : url, protocol);
    make();
  }
  void make() {
    service = std::make_shared<detail::pubsub_service>(on, options);
    service->open();
  }
  // Not for the whole of the suite: tests on one server must not find each other's subscribers.
  void TearDown() override {
    if (!service || io.stopped()) return;
    run([this]() -> asio::awaitable<void> {
      service->close();
      co_await service->closed();
    });
  }

  // GCC 12 cannot compile braced lists within a co_await expression.
  template <class... Names>
  static std::vector<std::string> list(const Names&... names) {
    return {std::string(names)...};
  }
  static subscription_options bounded(const char* channel, std::size_t max_messages,
                                      overflow_policy policy = overflow_policy::drop_oldest) {
    return {.channels = {channel}, .max_messages = max_messages, .when_full = policy};
  }
  asio::awaitable<subscription> subscribe(std::vector<std::string> channels, std::vector<std::string> patterns = {}) {
    return service->subscribe({.channels = std::move(channels), .patterns = std::move(patterns)}, 5s);
  }
  std::int64_t publish(const std::string& channel, const std::string& payload) {
    return server->command({"PUBLISH", channel, payload}).integer;
  }
  std::int64_t subscribers(const std::string& channel) {
    return server->command({"PUBSUB", "NUMSUB", channel}).items.at(1).integer;
  }
  std::int64_t patterns() { return server->command({"PUBSUB", "NUMPAT"}).integer; }
  std::int64_t connections() {
    const std::string list = server->command({"CLIENT", "LIST"}).text;
    std::int64_t count = 0;
    for (auto at = list.find("name=pubsub-test"); at != std::string::npos; at = list.find("name=pubsub-test", at + 1)) {
      ++count;
    }
    return count;
  }
  void cut() { server->command({"CLIENT", "KILL", "TYPE", "pubsub"}); }

  /// Lets the loop run until `condition` holds.
  template <class Condition>
  asio::awaitable<bool> becomes(Condition condition, std::chrono::milliseconds limit = 10s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    asio::steady_timer pause(on);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) co_return false;
      pause.expires_after(2ms);
      co_await pause.async_wait(asio::use_awaitable);
    }
    co_return true;
  }
  asio::awaitable<std::string> payload_of_next(subscription& from) {
    const message got = co_await from.next();
    EXPECT_TRUE(got.is_message());
    co_return got.payload;
  }
  template <class Error, class Body>
  asio::awaitable<std::string> failure_of(Body body) {
    try {
      (void)co_await body();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& e) {
      co_return e.what();
    } catch (const std::exception& e) {
      ADD_FAILURE() << "something else was thrown: " << e.what();
    }
    co_return "";
  }

  redis_server* server = nullptr;
  std::shared_ptr<net::shared_options> options;
  std::shared_ptr<detail::pubsub_service> service;
};

// What must hold in both versions of the protocol.
class pubsub_protocols : public pubsub_test, public ::testing::WithParamInterface<int> {
 protected:
  void SetUp() override { connect_to(shared_server(), GetParam()); }
};

class pubsub : public pubsub_test {
 protected:
  void SetUp() override { connect_to(shared_server()); }
};

}  // namespace redstart::test
