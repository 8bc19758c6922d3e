// SPDX-License-Identifier: MIT
#include "redstart/web/server.hpp"

#include "redstart/error.hpp"
#include "web/server_state.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <csignal>
#include <exception>
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
  const auto executor = co_await asio::this_coro::executor;
  asio::signal_set signals(executor, SIGINT, SIGTERM);
  server running(executor, served, settings);
  co_await running.start();
  // Being cancelled is as good as a signal, also when it came while the start was coming to its end.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  served.log(log_level::info, "listening on " + running.url());
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  if (cancellation.cancelled() == asio::cancellation_type::none) {
    boost::system::error_code cancelled;
    co_await signals.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  co_await running.stop();
  co_await asio::this_coro::throw_if_cancelled(throws);
}

}  // namespace redstart::web
