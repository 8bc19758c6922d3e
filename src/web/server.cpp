// SPDX-License-Identifier: MIT
#include "redstart/web/server.hpp"

#include "redstart/error.hpp"
#include "web/server_state.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <csignal>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

namespace redstart::web {

namespace {

// Does `work` to its end, though who waits for it is cancelled meanwhile.
asio::awaitable<void> undisturbed(asio::awaitable<void> work) {
  const auto executor = co_await asio::this_coro::executor;
  auto token = asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable);
  co_await asio::co_spawn(executor, std::move(work), std::move(token));
}

asio::awaitable<void> end(std::shared_ptr<detail::server_state> state) {
  co_await state->drain();
  if (!state->is_first_stop()) co_return;
  co_await state->served().run_shutdown();
}

}  // namespace

server::server(const asio::any_io_executor& executor, application& served, const server_config& settings)
    : state_(std::make_shared<detail::server_state>(executor, served, settings)) {}

server::~server() { state_->close(); }

asio::awaitable<void> server::start() {
  const auto state = state_;
  std::exception_ptr problem;
  try {
    co_await state->served().run_startup();
    state->listen();
  } catch (...) {
    problem = std::current_exception();
  }
  if (!problem) co_return;
  // What the startup hooks made shall not be left behind, also when it was a cancellation that ended them.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  if (state->is_first_stop()) co_await undisturbed(state->served().run_shutdown());
  co_await asio::this_coro::throw_if_cancelled(throws);
  std::rethrow_exception(problem);
}

asio::awaitable<void> server::stop() { co_await undisturbed(end(state_)); }

std::uint16_t server::port() const { return state_->port(); }

std::string server::url() const { return state_->url(); }

server_figures server::figures() const { return state_->figures(); }

asio::awaitable<void> serve(application& served, server_config settings) {
  asio::signal_set signals(co_await asio::this_coro::executor, SIGINT, SIGTERM);
  const auto until = [&](const server& running) -> asio::awaitable<void> {
    served.log(log_level::info, "listening on ", running.url());
    co_await signals.async_wait(asio::use_awaitable);
  };
  co_await serve(served, std::move(settings), until);
}

asio::awaitable<void> serve(application& served, server_config settings,
                            std::function<asio::awaitable<void>(const server&)> until) {
  server running(co_await asio::this_coro::executor, served, settings);
  co_await running.start();
  std::exception_ptr problem;
  try {
    co_await until(running);
  } catch (...) {
    problem = std::current_exception();
  }
  // Being cancelled is as good as an end, also when it came while the start was coming to its end.
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  const bool is_cancelled = cancellation.cancelled() != asio::cancellation_type::none;
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await running.stop();
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (problem && !is_cancelled) std::rethrow_exception(problem);
}

}  // namespace redstart::web
