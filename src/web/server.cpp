// SPDX-License-Identifier: MIT
#include "redstart/web/server.hpp"

#include "redstart/error.hpp"
#include "web/server_state.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <csignal>

namespace redstart::web {

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
  co_await state->served().run_shutdown();  // what the startup hooks made shall not be left behind
  std::rethrow_exception(problem);
}

asio::awaitable<void> server::stop() {
  const auto state = state_;
  co_await state->drain();
  if (!state->is_first_stop()) co_return;
  co_await state->served().run_shutdown();
}

std::uint16_t server::port() const { return state_->port(); }

std::string server::url() const { return state_->url(); }

server_figures server::figures() const { return state_->figures(); }

asio::awaitable<void> serve(application& served, server_config settings) {
  const auto executor = co_await asio::this_coro::executor;
  asio::signal_set signals(executor, SIGINT, SIGTERM);
  server running(executor, served, settings);
  co_await running.start();
  served.log(log_level::info, "listening on " + running.url());
  co_await signals.async_wait(asio::use_awaitable);
  co_await running.stop();
}

}  // namespace redstart::web
