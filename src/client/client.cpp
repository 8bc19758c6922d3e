// SPDX-License-Identifier: MIT
#include "redstart/client.hpp"

#include "client/client_core.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

namespace redstart {

client::client(const asio::any_io_executor& executor, config settings)
    : commands(nullptr, {}), owner_(std::make_shared<detail::client_core>(executor, std::move(settings))) {
  core_ = owner_.get();
}

client::client(client&& other) noexcept : commands(std::exchange(other.core_, nullptr), other.options_) {
  owner_ = std::move(other.owner_);
}

client& client::operator=(client&& other) noexcept {
  client replaced(std::move(*this));
  core_ = std::exchange(other.core_, nullptr);
  options_ = other.options_;
  owner_ = std::move(other.owner_);
  return *this;
}

client::~client() {
  if (!owner_) return;
  // Closing goes on without the client: what is waiting is told, and connections are closed in order.
  // Posted, so that no handler runs within this destructor.
  const auto strand = owner_->strand();
  const auto close = [strand, core = std::move(owner_)] {
    asio::co_spawn(strand, detail::close_abandoned(core), asio::detached);
  };
  // There may be memory the second time: an exception cannot leave a destructor.
  for (int tries = 2; tries > 0; --tries) {
    try {
      asio::post(strand, close);
      return;
    } catch (const std::bad_alloc&) {
    }
  }
}

asio::any_io_executor client::get_executor() const { return core_->home(); }

namespace detail {

asio::awaitable<void> close_abandoned(std::shared_ptr<client_core> core) {
  for (int tries = 2; tries > 0; --tries) {
    try {
      co_await core->disconnect();
      co_return;
    } catch (const std::bad_alloc&) {
      // What was closed stays closed; the rest is closed by the second try.
    }
  }
}

asio::any_io_executor strand_of(client_core& core) { return core.strand(); }
const asio::any_io_executor& home_executor(const client_core& core) noexcept { return core.home(); }
asio::awaitable<void> connect(client_core& core) { return core.connect(); }
asio::awaitable<void> disconnect(client_core& core) { return core.disconnect(); }
asio::awaitable<health> health_check(client_core& core) { return core.health_check(); }
asio::awaitable<subscription> subscribe(client_core& core, subscription_options options) {
  return core.pubsub().subscribe(std::move(options), core.default_timeout());
}
asio::awaitable<void> unsubscribe(client_core& core, std::vector<std::string> names) {
  return core.pubsub().unsubscribe(std::move(names), core.default_timeout());
}

void submit(client_core& core, request&& command, const call_options& options, completion_maker& maker) {
  core.submit(std::move(command), options, maker);
}
void submit_pop(client_core& core, pop_request&& pop, const call_options& options, completion_maker& maker) {
  core.submit_pop(std::move(pop), options, maker);
}
void submit_command(client_core& core, any_command&& command, const call_options& options, completion_maker& maker) {
  core.submit_command(std::move(command), options, maker);
}

}  // namespace detail
}  // namespace redstart
