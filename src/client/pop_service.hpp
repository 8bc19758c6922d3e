// SPDX-License-Identifier: MIT
// Taking elements of queues, at once or waiting, without losing any.
#pragma once

#include "core/pop_broker.hpp"
#include "net/lane.hpp"
#include "redstart/detail/client_access.hpp"
#include "redstart/error.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace redstart::detail {

/// Elements of one queue that nobody wants any more, on their way back, in the order they were taken.
struct stray_elements {
  std::string queue;
  std::vector<std::string> elements;
};

/// The driver of `core::pop_broker`: one connection on which all waiting pops of a client wait, made with the first of
/// them.
///
/// A pop that does not wait is an ordinary operation on the lane. Of either sort, an element that arrives when nobody
/// wants it any more is given back to the head of its queue; giving back is tried until it succeeds, so that after a
/// lost connection an element may be there twice rather than not at all.
class pop_service final : public cancel_target, public std::enable_shared_from_this<pop_service> {
 public:
  pop_service(net::strand on, std::shared_ptr<const net::shared_options> options, std::shared_ptr<net::lane> lane);
  ~pop_service();

  /// From any thread. `patience` is the limit of a pop that does not wait.
  void submit(pop_request&& pop, std::chrono::nanoseconds patience, completion_maker& maker);
  void cancel(void* op, std::uint64_t id) noexcept override;
  std::shared_ptr<cancel_target> keep_alive() override { return shared_from_this(); }

  void open();
  /// Waiting pops are told `cancelled`.
  void close();
  /// Completes when nothing is running any more and what could be given back was.
  asio::awaitable<void> closed();

 private:
  struct node;
  class answer_to;
  class answer_maker;
  using on_answer = std::function<void(reply_view)>;
  using on_failure = std::function<void(std::exception_ptr)>;
  struct callbacks {
    on_answer answer;
    on_failure failure;
  };

  void submit_at_once(pop_request&& pop, std::chrono::nanoseconds patience, completion_maker& maker);
  void add(const std::shared_ptr<node>& waiter) noexcept;
  void enter(const std::shared_ptr<node>& waiter);
  void remove(std::uint64_t id) noexcept;

  void pump() noexcept;
  void perform(const core::pop_action& action);
  void give_up(const core::pop_action& action) noexcept;
  void probe(const core::pop_action& action);
  void drain(const core::pop_action& action);
  void block(const core::pop_action& action);
  void check_block(core::time_point now);
  void unblock();
  void deliver(node& waiter, std::span<std::string> elements);
  void end(core::pop_waiter& waiter, const core::pop_action& action);
  std::shared_ptr<node> take(core::pop_waiter& waiter) noexcept;
  connection_error describe_silence(const node& waiter);

  void send(net::lane& over, request&& command, const net::submit_options& options, on_answer answer,
            on_failure failure);
  void take_orphan(const request& command, reply_view reply) noexcept;
  void give_back(std::string_view queue, std::vector<std::string> elements);
  void give_back_later(const std::shared_ptr<stray_elements>& strays, std::string_view why) noexcept;
  void log_lost(std::size_t count, std::string_view queue) const noexcept;
  static asio::awaitable<void> keep_waiting_connection(std::shared_ptr<pop_service> self);
  void arm_timer() noexcept;
  [[nodiscard]] bool in_flight() const;

  const net::strand strand_;
  const std::shared_ptr<const net::shared_options> options_;
  const std::shared_ptr<net::lane> lane_;
  const std::shared_ptr<net::lane> waiting_;  // the waiting connection
  core::pop_broker broker_;
  std::unordered_map<std::uint64_t, std::shared_ptr<node>> nodes_;
  std::atomic<std::uint64_t> last_id_{0};
  asio::steady_timer timer_;
  core::time_point timer_due_ = core::time_point::max();
  core::time_point block_due_ = core::time_point::max();  // when an unanswered BLPOP means that the server is gone
  bool block_doubted_ = false;
  bool open_ = false;
  bool keeping_ = false;  // keep_waiting_connection runs
  bool pumping_ = false;
  std::string trouble_;  // why the waiting connection is away
  std::size_t giving_back_ = 0;
  net::event changed_;
};

}  // namespace redstart::detail
