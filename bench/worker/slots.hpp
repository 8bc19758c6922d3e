// SPDX-License-Identifier: MIT
// The load of workers on Asio: one coroutine for each operation in flight, each of which asks again when it is
// answered. Used by Redstart and by its peers on Asio, so that they are loaded in the same way.
#pragma once

#include "worker/load.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <utility>

namespace bench {

namespace asio = boost::asio;

inline asio::awaitable<void> sleep_for(double seconds) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
  co_await timer.async_wait(asio::use_awaitable);
}

/// Runs coroutines and waits until the last one has ended; throws what the first one threw.
class coroutine_group {
 public:
  explicit coroutine_group(asio::any_io_executor executor)
      : executor_(std::move(executor)), all_ended_(executor_, asio::steady_timer::time_point::max()) {}

  void spawn(asio::awaitable<void> coroutine) {
    ++running_;
    asio::co_spawn(executor_, std::move(coroutine), [this](std::exception_ptr failure) {
      if (failure && !failure_) failure_ = failure;
      if (--running_ == 0) all_ended_.cancel();
    });
  }

  asio::awaitable<void> ended() {
    boost::system::error_code cancelled;
    if (running_ > 0) co_await all_ended_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  asio::any_io_executor executor_;
  asio::steady_timer all_ended_;
  int running_ = 0;
  std::exception_ptr failure_;
};

/// Warms up, then opens the window for the time that is asked for; without a time, opens it now.
inline asio::awaitable<void> pass_time(const task& asked, window& measured) {
  if (asked.operations != 0) {
    measured.open();
    co_return;
  }
  co_await sleep_for(asked.warm_up());
  measured.open();
  co_await sleep_for(asked.seconds);
  measured.close();
}

/// `slot(number)` is the coroutine of one slot: it works while its meter says `more`.
template <class Slot>
asio::awaitable<void> run_slots(const task& asked, window& measured, const Slot& slot) {
  coroutine_group slots(co_await asio::this_coro::executor);
  for (int i = 0; i < asked.in_flight; ++i) slots.spawn(slot(i));
  co_await pass_time(asked, measured);
  co_await slots.ended();
  if (asked.operations != 0) measured.close();
}

/// The commonest slot: the same operation again and again. `start()` returns an operation to await, `good(answer)` says
/// whether its answer is right.
template <class Start, class Good>
asio::awaitable<void> repeat(meter& counted, Start start, Good good) {
  while (counted.more()) {
    const std::int64_t begun = counted.begin();
    const auto answer = co_await start();
    if (!good(answer)) throw std::runtime_error("a wrong answer");
    counted.end(begun);
  }
}

/// Runs a worker to its end. Returns what `main` returns.
template <class Worker>
int run_worker(int argc, char** argv, Worker worker) {
  try {
    const task asked = parse_task(argc, argv);
    asio::io_context context(1);
    std::exception_ptr failure;
    asio::co_spawn(context, worker(asked), [&](std::exception_ptr thrown) {
      failure = thrown;
      context.stop();
    });
    context.run();
    if (failure) std::rethrow_exception(failure);
    return 0;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
  }
}

}  // namespace bench
