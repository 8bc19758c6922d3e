// SPDX-License-Identifier: MIT
#include "redstart/web/redis.hpp"

#include "redstart/error.hpp"

#include <mutex>

namespace redstart::web {

namespace {

// The only global of the library: web frameworks call handlers without a place to pass a client through.
struct process_client {
  std::mutex mutex;
  std::shared_ptr<client> connecting;  // made, and being connected
  std::shared_ptr<client> ready;
};

// Never destroyed: at the end of the process the executor of a client that nobody closed is gone already.
process_client& here() {
  static process_client& instance = *new process_client;
  return instance;
}

std::shared_ptr<client> find_or_make(const asio::any_io_executor& executor, config&& settings) {
  process_client& process = here();
  const std::lock_guard lock(process.mutex);
  if (process.ready) return process.ready;
  if (!process.connecting) process.connecting = std::make_shared<client>(executor, std::move(settings));
  return process.connecting;
}

// Everybody who waited for the same client comes here; the first one decides.
void settle(const std::shared_ptr<client>& redis, bool connected) {
  process_client& process = here();
  const std::lock_guard lock(process.mutex);
  if (process.connecting != redis) return;
  process.connecting = nullptr;
  if (connected) process.ready = redis;
}

}  // namespace

namespace detail {

asio::awaitable<void> init_redis(asio::any_io_executor executor, config settings) {
  const auto redis = find_or_make(executor, std::move(settings));
  // Also when this coroutine is destroyed before its end, with its executor.
  struct settle_at_end {
    const std::shared_ptr<client>& redis;
    bool connected = false;
    ~settle_at_end() { settle(redis, connected); }
  } outcome{redis};
  std::exception_ptr failure;
  try {
    co_await redis->connect();
  } catch (...) {
    failure = std::current_exception();
  }
  outcome.connected = !failure;
  if (failure) std::rethrow_exception(failure);
}

asio::awaitable<void> close_redis() {
  std::shared_ptr<client> closing;
  {
    process_client& process = here();
    const std::lock_guard lock(process.mutex);
    closing = std::move(process.ready);
    if (!closing) closing = process.connecting;
    process.ready = nullptr;
    process.connecting = nullptr;
  }
  if (closing) co_await closing->disconnect();
}

}  // namespace detail

std::shared_ptr<client> get_redis() {
  auto redis = get_redis_optional();
  if (!redis) throw not_connected("there is no Redis client in this process: call init_redis at startup");
  return redis;
}

std::shared_ptr<client> get_redis_optional() noexcept {
  process_client& process = here();
  const std::lock_guard lock(process.mutex);
  return process.ready;
}

}  // namespace redstart::web
