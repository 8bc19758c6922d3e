// SPDX-License-Identifier: MIT
// The pub/sub connection of a client, and who listens over it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "net/lane.hpp"
#include "redstart/subscription.hpp"

namespace redstart::detail {

/// One connection for all subscriptions of a client; made with the first subscription, closed with the last.
/// Runs on the strand.
class pubsub_service final : public std::enable_shared_from_this<pubsub_service> {
 public:
  pubsub_service(net::strand on, std::shared_ptr<const net::shared_options> options);
  ~pubsub_service();

  /// Completes once Redis has confirmed every channel and pattern of `options`. Throws as `client::subscribe` says.
  asio::awaitable<subscription> subscribe(subscription_options options, std::chrono::nanoseconds timeout);
  /// Takes channels and patterns away from every subscription.
  asio::awaitable<void> unsubscribe(std::vector<std::string> names, std::chrono::nanoseconds timeout);

  void open() noexcept;
  /// Ends every subscription with `cancelled`.
  void close() noexcept;
  /// Completes when nothing is running any more.
  asio::awaitable<void> closed();
};

}  // namespace redstart::detail
