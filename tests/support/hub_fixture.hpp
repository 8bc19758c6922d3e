// SPDX-License-Identifier: MIT
// What tests of the hub's parts on a real server share.
#pragma once

#include "hub/settings.hpp"
#include "hub/timestamp.hpp"
#include "support/client_fixture.hpp"

#include <boost/json/parse.hpp>

#include <memory>
#include <string>
#include <vector>

namespace redstart::test {

/// A server and a connected client. Time is UTC.
class hub_test : public loop_test {
 protected:
  hub_test() {
    options.utc_offset = std::chrono::minutes(0);
    options.batch_wait = 200ms;
    options.write_timeout = 500ms;
    options.retry_longest = 100ms;
    connection.url = server.unix_url();
    connection.client_name = "hub";
    connection.timeout = 2s;
    connection.backoff_max = 100ms;
  }

  /// Runs `work` with a connected client.
  void with_client(const std::function<asio::awaitable<void>(client&)>& work, std::chrono::milliseconds limit = 30s) {
    run(
        [&]() -> asio::awaitable<void> {
          client redis(io.get_executor(), connection);
          co_await redis.connect();
          co_await work(redis);
          co_await redis.disconnect();
        },
        limit);
  }

  /// What the server holds, asked on a connection of its own.
  std::vector<std::string> elements(const std::string& list) {
    std::vector<std::string> all;
    for (const answer& one : server.command({"LRANGE", list, "0", "-1"}).items) all.push_back(one.text);
    return all;
  }
  std::int64_t length(const std::string& list) { return server.command({"LLEN", list}).integer; }
  void push(const std::string& list, const std::string& element) { server.command({"RPUSH", list, element}); }

  // What was written survives a kill of the server: with "everysec" it puts writes off while the disk is busy.
  redis_server server{server_options{.args = {"--appendonly", "yes", "--appendfsync", "no"}}};
  config connection;
  hub::settings options;
};

}  // namespace redstart::test
