// SPDX-License-Identifier: MIT
// Queues: pairs of adding and taking, and ten thousand who wait.
#include "redstart/workloads.hpp"

namespace bench {

namespace {

/// Each slot adds a detection and takes one; whose it gets does not matter.
asio::awaitable<void> run_pairs_waiting(redstart::client& redis, const task& asked, std::chrono::nanoseconds timeout) {
  meter counted(asked);
  window measured({&counted});
  const auto slot = [&](int number) -> asio::awaitable<void> {
    detection added;
    added.camera_id = number;
    while (counted.more()) {
      const std::int64_t begun = counted.begin();
      co_await redis.add_to_queue("bench:queue", added);
      const auto taken = co_await redis.get_from_queue<detection>("bench:queue", timeout);
      if (!taken || taken->objects.size() != 2) throw std::runtime_error("nothing, or something wrong in the queue");
      counted.end(begun);
    }
  };
  co_await run_slots(asked, measured, slot);
  measured.print();
}

}  // namespace

asio::awaitable<void> run_pairs(redstart::client& redis, const task& asked) {
  return run_pairs_waiting(redis, asked, std::chrono::seconds(5));
}

asio::awaitable<void> run_pairs_lpop(redstart::client& redis, const task& asked) {
  return run_pairs_waiting(redis, asked, std::chrono::nanoseconds(0));
}

// The window is from the push of as many elements as there are consumers until the last one has its own. The memory of
// a consumer is all that the process grew by, the coroutine of the consumer included.
asio::awaitable<void> run_consumers(redstart::client& redis, const task& asked) {
  meter counted(asked);
  window measured({&counted});
  coroutine_group consumers(co_await asio::this_coro::executor);
  std::int64_t pushed = 0;
  const auto consume = [&]() -> asio::awaitable<void> {
    const auto taken = co_await redis.get_from_queue<std::string>("bench:queue", std::chrono::seconds(60));
    if (!taken) throw std::runtime_error("a consumer got nothing");
    counted.end(pushed);
  };
  const std::vector<std::string> elements(static_cast<std::size_t>(asked.in_flight), std::string(asked.size, 'x'));
  const long before = memory_kib("VmRSS:");
  for (int i = 0; i < asked.in_flight; ++i) consumers.spawn(consume());
  co_await sleep_for(0.3);
  const long waiting = memory_kib("VmRSS:");

  measured.open();
  pushed = now_ns();
  co_await redis.add_to_queue("bench:queue", redstart::each(elements));
  co_await consumers.ended();
  measured.close();
  const double bytes_each = static_cast<double>(waiting - before) * 1024 / asked.in_flight;
  measured.print({{"bytes_each", bytes_each}});
}

}  // namespace bench
