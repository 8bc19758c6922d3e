// SPDX-License-Identifier: MIT
// What tests of the hub's workers share: events, and a crew that says what it does.
#pragma once

#include "hub/worker.hpp"
#include "support/hub_fixture.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <vector>

namespace redstart::test {

inline std::string event(int number, const std::string& object = "person", int hour = 2) {
  return R"({"camera_id":)" + std::to_string(number % 8) + R"(,"timestamp":"2024-01-01T0)" + std::to_string(hour) +
         R"(:00:00Z","objects":[")" + object + R"("],"id":")" + std::to_string(number) + "\"}";
}
// No alert.
inline std::string quiet(int number) { return event(number, "cat"); }
inline std::string tracked(const std::string& id) {
  return R"({"type":"new","before":null,"after":{"id":")" + id +
         R"(","camera":"porch","label":"person","frame_time":7200}})";
}

// A hub's workers, and what they say.
struct crew {
  crew(hub_test&, asio::io_context& io, const client& redis, const hub::settings& options)
      : team(io.get_executor(), redis, options, counts, [this](log_level level, std::string_view text) {
          if (level == log_level::error) ++errors;
          log.emplace_back(text);
        }) {}
  hub::totals counts;
  std::vector<std::string> log;
  int errors = 0;
  hub::workers team;
};

class hub_worker_test : public hub_test {
 protected:
  using work = std::function<asio::awaitable<void>(client&, crew&)>;

  // Runs `steps` beside workers, and stops them.
  void with_crew(const work& steps, std::chrono::milliseconds limit = 30s) {
    with_client(
        [&](client& redis) -> asio::awaitable<void> {
          crew hub(*this, io, redis, options);
          hub.team.start();
          std::exception_ptr failure;
          try {
            co_await steps(redis, hub);
          } catch (...) {
            failure = std::current_exception();
          }
          co_await hub.team.stop(2s);
          if (failure) std::rethrow_exception(failure);
        },
        limit);
  }
  asio::awaitable<void> processed(crew& hub, std::uint64_t count) {
    co_await until([&] { return hub.counts.processed.get() >= count; });
    EXPECT_EQ(hub.counts.processed.get(), count);
  }
  // From now on workers can take events and cannot publish.
  void forbid_publish() { server.command({"ACL", "SETUSER", "default", "-publish"}); }
  void allow_publish() { server.command({"ACL", "SETUSER", "default", "+publish"}); }
  std::int64_t commands_processed() {
    const std::string info = server.command({"INFO", "stats"}).text;
    const std::string name = "total_commands_processed:";
    return std::stoll(info.substr(info.find(name) + name.size()));
  }
};

}  // namespace redstart::test
