// SPDX-License-Identifier: MIT
#include "client/embedded_service.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <functional>
#include <optional>

namespace redstart::detail {

namespace {

// Runs `work` on a thread of its own and waits for it on the strand. When the waiting coroutine is cancelled the thread
// is told to stop, and waited for all the same: what it made must not be left behind.
asio::awaitable<void> run_aside(const net::strand& on, std::function<void(std::stop_token)> work) {
  struct shared_state {
    explicit shared_state(const net::strand& on) : finished(on) {}
    net::event finished;
    std::exception_ptr failure;
    bool done = false;
  };
  const auto state = std::make_shared<shared_state>(on);
  std::jthread thread([state, work = std::move(work), on,
                       working = asio::make_work_guard(asio::any_io_executor(on))](const std::stop_token& stop) {
    std::exception_ptr failure;
    try {
      work(stop);
    } catch (...) {
      failure = std::current_exception();
    }
    asio::post(on, [state, failure] {
      state->failure = failure;
      state->done = true;
      state->finished.notify_all();
    });
  });
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!state->done) {
    co_await state->finished.wait();
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    if (!state->done && cancelled.cancelled() != asio::cancellation_type::none) {
      thread.request_stop();
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    }
  }
  thread.join();
  if (state->failure) std::rethrow_exception(state->failure);
}

}  // namespace

asio::awaitable<std::string> embedded_service::start(std::string folder) {
  const auto place = std::make_shared<std::shared_ptr<embedded::server>>();
  std::function<void(std::stop_token)> work = [place, folder = std::move(folder)](const std::stop_token& stop) {
    *place = std::make_shared<embedded::server>(embedded::server_config{.folder = folder}, stop);
  };
  co_await run_aside(strand_, std::move(work));
  server_ = *place;
  co_return server_->socket_path();
}

asio::awaitable<void> embedded_service::stop() {
  auto ending = std::move(server_);
  if (!ending) co_return;
  std::function<void(std::stop_token)> work = [ending](const std::stop_token&) { ending->stop(); };
  co_await run_aside(strand_, std::move(work));
}

}  // namespace redstart::detail
