// SPDX-License-Identifier: MIT
#include "runtime.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>

namespace redstart::python {

using namespace std::chrono_literals;

runtime::runtime(const config& settings) : work_(context_.get_executor()) {
  client_.emplace(context_.get_executor(), settings);
  // Signals are the interpreter's: its main thread must be the one they interrupt.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void runtime::run() noexcept {
  pthread_setname_np(pthread_self(), "redstart");
  for (;;) {
    try {
      context_.run();
      break;
    } catch (...) {
      // Out of memory while nobody could be told. What can go on goes on.
    }
  }
  ended_.set_value();
}

void runtime::stop() noexcept {
  if (!thread_.joinable()) return;
  asio::post(context_, [this] {
    client_.reset();
    work_.reset();
  });
  // Whatever keeps the loop from running dry must not keep the interpreter from ending.
  if (ended_.get_future().wait_for(10s) == std::future_status::timeout) context_.stop();
  thread_.join();
}

void runtime::give_back(std::string queue, std::vector<std::string> elements) noexcept {
  giving_back_.fetch_add(1);
  try {
    std::reverse(elements.begin(), elements.end());  // LPUSH turns them round
    asio::co_spawn(context_, return_to_queue(std::move(queue), std::move(elements)),
                   [this](std::exception_ptr) { giving_back_.fetch_sub(1); });
  } catch (...) {
    giving_back_.fetch_sub(1);
  }
}

// While Redis is away or refuses (OOM, a replica) they are kept and offered again, until the client ends.
asio::awaitable<void> runtime::return_to_queue(std::string queue, std::vector<std::string> backwards) {
  asio::steady_timer pause(context_);
  for (auto wait = 50ms; client_; wait = std::min(2 * wait, 500ms)) {
    try {
      // Twice is better than never.
      const auto repeatable = client_->with({.timeout = {}, .idempotent = true});
      auto push = repeatable.exec("LPUSH", queue, each(backwards));
      co_await std::move(push)(asio::use_awaitable);
      co_return;
    } catch (const not_connected&) {
      co_return;
    } catch (const cancelled&) {
      co_return;
    } catch (const error&) {
    }
    pause.expires_after(wait);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<void> runtime::disconnect() {
  asio::steady_timer pause(context_);
  for (int tries = 0; giving_back_.load() > 0 && tries < 1000; ++tries) {
    pause.expires_after(1ms);
    co_await pause.async_wait(asio::use_awaitable);
  }
  if (client_) co_await client_->disconnect(asio::use_awaitable);
}

}  // namespace redstart::python
