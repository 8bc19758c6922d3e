// SPDX-License-Identifier: MIT
// What the client is doing when the fault comes, and what must hold of it afterwards.
#pragma once

#include "chaos/context.hpp"

#include <memory>

namespace redstart::chaos {

/// All of it runs on the cell's loop, in this order.
class state {
 public:
  virtual ~state() = default;
  /// Begins with a connected client (`connecting`: with a fault already there); returns when all is in place.
  virtual asio::awaitable<void> set_up() = 0;
  /// The fault is there, and the server can be reached from elsewhere.
  virtual asio::awaitable<void> meanwhile() { co_return; }
  /// The fault is over and a GET was answered: shows that the state itself has recovered.
  virtual asio::awaitable<void> recover() { co_return; }
  /// Nothing is under way any more: compares with the server.
  virtual asio::awaitable<void> verify() { co_return; }
};

std::unique_ptr<state> make_state(context& in);
/// The two that have a file of their own.
std::unique_ptr<state> make_pop_state(context& in);
std::unique_ptr<state> make_subscribed_state(context& in);

}  // namespace redstart::chaos
