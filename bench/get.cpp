// SPDX-License-Identifier: MIT
// What a GET costs, for a growing number of operations in flight: throughput and the client's own CPU.
#include "redstart/client.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;

struct settings {
  std::string url = "embedded:";
  std::vector<int> depths{1, 16, 64, 256, 1000, 10000};
  double seconds = 1.0;
  int repeats = 3;
};

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) { return double(time.tv_sec) + double(time.tv_usec) / 1e6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

asio::awaitable<void> reader(redstart::client& redis, std::chrono::steady_clock::time_point end, long& answered,
                             int& running) {
  while (std::chrono::steady_clock::now() < end) {
    // The clock is asked once in a while only: what is measured is the client.
    for (int i = 0; i < 16; ++i) {
      const auto value = co_await redis.get<std::string>("bench:key");
      if (value && value->size() == 64) ++answered;
    }
  }
  --running;
}

asio::awaitable<void> measure(redstart::client& redis, int depth, double seconds) {
  const auto executor = co_await asio::this_coro::executor;
  const auto begin = std::chrono::steady_clock::now();
  const auto end = begin + std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
  const double cpu = cpu_seconds();
  long answered = 0;
  int running = depth;
  for (int i = 1; i < depth; ++i) asio::co_spawn(executor, reader(redis, end, answered, running), asio::detached);
  co_await reader(redis, end, answered, running);
  asio::steady_timer timer(executor);
  while (running > 0) {
    timer.expires_after(std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::deferred);
  }
  const double spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%10d %14.0f %18.3f\n", depth, double(answered) / spent, (cpu_seconds() - cpu) * 1e6 / double(answered));
}

asio::awaitable<void> run(const settings& chosen) {
  redstart::config config;
  config.url = chosen.url;
  redstart::client redis(co_await asio::this_coro::executor, config);
  co_await redis.connect();
  const std::string value(64, 'x');
  co_await redis.set("bench:key", value);
  std::printf("GET of 64 bytes, one connection, %s\n", chosen.url.c_str());
  std::printf("%10s %14s %18s\n", "in flight", "ops/s", "client CPU us/op");
  for (int repeat = 0; repeat < chosen.repeats; ++repeat) {
    for (const int depth : chosen.depths) co_await measure(redis, depth, chosen.seconds);
  }
  co_await redis.disconnect();
}

}  // namespace

int main(int argc, char** argv) {
  settings chosen;
  CLI::App app{"What a GET costs"};
  app.add_option("--url", chosen.url, "where Redis is; embedded: starts one")->capture_default_str();
  app.add_option("--in-flight", chosen.depths, "how many coroutines read at once")->capture_default_str();
  app.add_option("--seconds", chosen.seconds, "how long each line is measured")->capture_default_str();
  app.add_option("--repeats", chosen.repeats, "how often the table is measured")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  int status = 0;
  asio::io_context context(1);
  asio::co_spawn(context, run(chosen), [&status](const std::exception_ptr& failure) {
    if (!failure) return;
    status = 1;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
    }
  });
  context.run();
  return status;
}
