// SPDX-License-Identifier: MIT
// The client that the handlers of one web process share.
#pragma once

#include "redstart/client.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>

#include <memory>

namespace redstart::web {

namespace detail {
asio::awaitable<void> init_redis(asio::any_io_executor executor, config settings);
asio::awaitable<void> close_redis();
}  // namespace detail

/// Makes the process's client on `executor` and connects it; called once at startup. Calls at the same time share one
/// client; when there is one already it stays, whatever `settings` says.
///
/// Completes with `void(std::exception_ptr)`, with the errors of `client::connect`; then there is no client, and it may
/// be called again.
template <class Token = asio::deferred_t>
auto init_redis(asio::any_io_executor executor, config settings = config::from_env(), Token&& token = Token()) {
  auto work = detail::init_redis(executor, std::move(settings));
  return asio::co_spawn(executor, std::move(work), std::forward<Token>(token));
}

/// The process's client, for a handler. Throws `not_connected` before `init_redis` has completed and after
/// `close_redis`. May be called from any thread; costs no I/O. A handler may hold on to it: after `close_redis` its
/// operations fail with `not_connected`.
[[nodiscard]] std::shared_ptr<client> get_redis();

/// As `get_redis`, but null where that throws: for handlers that can do without Redis.
[[nodiscard]] std::shared_ptr<client> get_redis_optional() noexcept;

/// Disconnects the process's client; called once at shutdown, after the last handler. Does nothing without one.
/// Completes with `void(std::exception_ptr)`, never with an error.
template <class Token = asio::deferred_t>
auto close_redis(asio::any_io_executor executor, Token&& token = Token()) {
  return asio::co_spawn(executor, detail::close_redis(), std::forward<Token>(token));
}

}  // namespace redstart::web
