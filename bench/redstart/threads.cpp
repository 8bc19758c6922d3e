// SPDX-License-Identifier: MIT
// One client, called from threads that are not its own: each runs its own coroutines, and is answered where it asked.
#include "redstart/workloads.hpp"

#include <boost/asio/use_future.hpp>

#include <memory>
#include <thread>

namespace bench {

namespace {

/// A thread with its loop and its share of the operations in flight.
class caller {
 public:
  caller(redstart::client& redis, const task& asked, int slots) : counted(asked) {
    const auto start = [&redis] { return redis.get<std::string>("bench:key"); };
    const auto good = [](const std::optional<std::string>& value) { return value && value->size() == 64; };
    for (int i = 0; i < slots; ++i) {
      asio::co_spawn(context_, repeat(counted, start, good), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);  // out of the thread: the worker ends
      });
    }
  }

  void start() {
    thread_ = std::jthread([this] { context_.run(); });
  }
  void join() { thread_.join(); }

  meter counted;

 private:
  asio::io_context context_{1};
  std::jthread thread_;
};

void pause(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

}  // namespace

void run_threads(const task& asked) {
  asio::io_context home(1);
  redstart::client redis(home.get_executor(), config_of(asked));
  auto connected = redis.connect(asio::use_future);
  std::jthread owner([&home] { home.run(); });
  connected.get();

  std::vector<std::unique_ptr<caller>> callers;
  std::vector<meter*> meters;
  for (std::size_t i = 0; i < asked.size; ++i) {
    const int slots = asked.in_flight / static_cast<int>(asked.size);
    meters.push_back(&callers.emplace_back(std::make_unique<caller>(redis, asked, slots))->counted);
  }
  window measured(meters);
  for (const auto& each : callers) each->start();
  pause(asked.warm_up());
  measured.open();
  pause(asked.seconds);
  measured.close();
  for (const auto& each : callers) each->join();
  redis.disconnect(asio::use_future).get();
  measured.print();
}

}  // namespace bench
