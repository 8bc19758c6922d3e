// SPDX-License-Identifier: MIT
#include "client/pop_service.hpp"

#include "core/error_reply.hpp"
#include "redstart/error.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace redstart::detail {

// A waiting pop.
struct pop_service::node final : core::pop_waiter, operation_context {
  explicit node(const pop_service& owner) : of(owner) {}
  ~node() {
    if (waiter) waiter->discard();
  }
  [[nodiscard]] std::string describe() const override { return "BLPOP " + queue_name + " on " + of.options_->display; }
  [[nodiscard]] std::string advise(std::string_view text) const override { return std::string(core::advice(text)); }

  const pop_service& of;
  std::uint64_t id = 0;
  std::string queue_name;
  bool batch = false;
  std::chrono::nanoseconds patience{};
  completion* waiter = nullptr;
  alignas(std::max_align_t) std::byte storage[core::operation::storage_size];
};

// The completion of a command of the service itself. Its callbacks run on the strand, never under a lane's lock.
class pop_service::answer_to final : public completion {
 public:
  answer_to(std::shared_ptr<pop_service> of, on_answer answer, on_failure failure)
      : of_(std::move(of)), answer_(std::move(answer)), failure_(std::move(failure)) {}
  void collect(reply_view) noexcept override {}
  void answer(reply_view reply, const operation_context&) noexcept override {
    const auto of = std::move(of_);
    const auto call = std::move(answer_);
    this->~answer_to();
    call(reply);
    of->pump();
  }
  void fail(std::exception_ptr failure, completion_site site) noexcept override {
    auto of = std::move(of_);
    auto call = std::move(failure_);
    this->~answer_to();
    auto tell = [of, call = std::move(call), failure = std::move(failure)] {
      call(failure);
      of->pump();
    };
    if (site == completion_site::loop) {
      tell();
    } else {
      asio::post(of->strand_, std::move(tell));
    }
  }
  void discard() noexcept override { this->~answer_to(); }

 private:
  std::shared_ptr<pop_service> of_;
  on_answer answer_;
  on_failure failure_;
};

class pop_service::answer_maker final : public completion_maker {
 public:
  answer_maker(std::shared_ptr<pop_service> of, on_answer answer, on_failure failure)
      : completion_maker(sizeof(answer_to), alignof(answer_to)),
        of_(std::move(of)),
        answer_(std::move(answer)),
        failure_(std::move(failure)) {}
  completion* make(void* where, bool, const operation_ref&) override {
    return ::new (where) answer_to(std::move(of_), std::move(answer_), std::move(failure_));
  }

 private:
  std::shared_ptr<pop_service> of_;
  on_answer answer_;
  on_failure failure_;
};

namespace {

std::vector<std::string> elements_of(reply_view reply) {
  std::vector<std::string> elements;
  if (reply.has_text()) elements.emplace_back(reply.text());
  for (const reply_view element : reply) elements.emplace_back(element.text());
  return elements;
}

}  // namespace

pop_service::pop_service(net::strand on, std::shared_ptr<const net::shared_options> options,
                         std::shared_ptr<net::lane> lane)
    : strand_(std::move(on)),
      options_(std::move(options)),
      lane_(std::move(lane)),
      waiting_(std::make_shared<net::lane>(strand_, options_, net::after_loss::end)),
      broker_({.longest_block = options_->longest_block}, core::time_point::clock::now()),
      timer_(strand_),
      changed_(strand_) {}

pop_service::~pop_service() = default;

// --- From callers
// ---------------------------------------------------------------------------------------------------------

void pop_service::submit(pop_request&& pop, std::chrono::nanoseconds patience, completion_maker& maker) {
  if (pop.timeout <= std::chrono::nanoseconds::zero() || pop.max == 0) {
    submit_at_once(std::move(pop), patience, maker);
    return;
  }
  auto waiter = std::make_unique<node>(*this);
  waiter->id = ++last_id_;
  waiter->queue_name = std::move(pop.queue);
  waiter->batch = pop.batch;
  waiter->want = pop.max;
  waiter->patience = pop.timeout;
  const auto now = core::time_point::clock::now();
  const bool ends = pop.timeout < core::time_point::max() - now;
  waiter->deadline = ends ? now + pop.timeout : core::time_point::max();
  const bool fits = maker.size <= sizeof waiter->storage && maker.alignment <= alignof(std::max_align_t);
  void* where =
      fits ? static_cast<void*>(waiter->storage) : ::operator new(maker.size, std::align_val_t{maker.alignment});
  waiter->waiter = maker.make(where, !fits, {*this, waiter.get(), waiter->id});
  asio::post(strand_,
             [self = shared_from_this(), waiter = std::move(waiter)]() mutable { self->add(std::move(waiter)); });
}

void pop_service::submit_at_once(pop_request&& pop, std::chrono::nanoseconds patience, completion_maker& maker) {
  const net::submit_options options{.timeout = patience, .keeps_orphan = true};
  if (pop.batch) {
    lane_->submit({false, {"LPOP", pop.queue, std::to_string(pop.max)}}, options, maker);
  } else {
    lane_->submit({false, {"LPOP", pop.queue}}, options, maker);
  }
}

void pop_service::add(std::unique_ptr<node> waiter) {
  if (!open_) {
    const std::string what = waiter->describe();
    std::exchange(waiter->waiter, nullptr)
        ->fail(std::make_exception_ptr(not_connected(what + ": not connected, call connect first")),
               completion_site::loop);
    return;
  }
  if (nodes_.size() >= options_->line.max_operations) {
    const std::string what = waiter->describe();
    std::exchange(waiter->waiter, nullptr)
        ->fail(std::make_exception_ptr(overloaded(what + ": " + std::to_string(nodes_.size()) +
                                                  " pops are waiting, no more are taken; raise max_operations")),
               completion_site::loop);
    return;
  }
  if (!std::exchange(keeping_, true)) {
    asio::co_spawn(strand_, keep_waiting_connection(shared_from_this()), asio::detached);
  }
  node& added = *waiter;
  nodes_.emplace(added.id, std::move(waiter));
  broker_.add(added, added.queue_name);
  pump();
}

void pop_service::cancel(void*, std::uint64_t id) noexcept {
  asio::post(strand_, [self = shared_from_this(), id] { self->remove(id); });
}

void pop_service::remove(std::uint64_t id) {
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  broker_.remove(*found->second);
  const auto removed = std::move(found->second);
  nodes_.erase(found);
  std::exchange(removed->waiter, nullptr)
      ->fail(std::make_exception_ptr(cancelled(removed->describe() + ": cancelled by its caller; nothing was taken")),
             completion_site::loop);
  pump();
}

// --- What the broker wants
// --------------------------------------------------------------------------------------------------

void pop_service::pump() {
  // A completion that is told here may submit again, which comes back to this function.
  if (std::exchange(pumping_, true)) return;
  const auto now = core::time_point::clock::now();
  for (;;) {
    const core::pop_action action = broker_.next(now);
    if (action.type == core::pop_action_type::nothing) break;
    perform(action);
  }
  pumping_ = false;
  arm_timer();
}

void pop_service::perform(const core::pop_action& action) {
  switch (action.type) {
    case core::pop_action_type::nothing:
      break;
    case core::pop_action_type::probe:
      return probe(action);
    case core::pop_action_type::drain:
      return drain(action);
    case core::pop_action_type::block:
      return block(action);
    case core::pop_action_type::unblock:
      return unblock();
    case core::pop_action_type::deliver:
      return deliver(static_cast<node&>(*action.waiter), action.elements);
    case core::pop_action_type::give_back:
      return give_back(std::string(action.queue), {std::make_move_iterator(action.elements.begin()),
                                                   std::make_move_iterator(action.elements.end())});
    case core::pop_action_type::timed_out:
    case core::pop_action_type::refused:
    case core::pop_action_type::closed:
      return end(*action.waiter, action);
  }
}

void pop_service::probe(const core::pop_action& action) {
  const std::string queue(action.queue);
  send(
      *lane_, {false, {"LPOP", queue, std::to_string(action.count)}},
      // Without limit: the broker must not look again while an answer may still come.
      {.timeout = std::chrono::nanoseconds::max()},
      [this, queue](reply_view reply) {
        if (reply.is_error()) {
          broker_.probe_refused(queue, std::string(reply.text()));
        } else {
          broker_.probed(queue, elements_of(reply));
        }
      },
      [this, queue](const std::exception_ptr&) { broker_.probe_failed(queue); });
}

void pop_service::drain(const core::pop_action& action) {
  const std::string queue(action.queue);
  send(
      *waiting_, {false, {"LPOP", queue, std::to_string(action.count)}}, {.timeout = std::chrono::nanoseconds::max()},
      [this, queue](reply_view reply) {
        if (reply.is_error()) {
          broker_.drain_failed(queue);
        } else {
          broker_.drained(queue, elements_of(reply));
        }
      },
      // With its connection, which the broker is told of.
      [](const std::exception_ptr&) {});
}

void pop_service::block(const core::pop_action& action) {
  std::vector<std::string_view> args{"BLPOP"};
  args.insert(args.end(), action.queues.begin(), action.queues.end());
  const std::string seconds = std::to_string(static_cast<double>(action.timeout.count()) / 1000.0);
  args.push_back(seconds);
  block_due_ = core::time_point::clock::now() + action.timeout + options_->liveness_timeout;
  block_doubted_ = false;
  send(
      *waiting_, {false, std::span<const std::string_view>(args)},
      {.timeout = std::chrono::nanoseconds::max(), .blocks = true},
      [this](reply_view reply) {
        block_due_ = core::time_point::max();
        if (reply.is_error()) {
          // Ended by CLIENT UNBLOCK … ERROR or by a failover it is an answer like a time-out.
          if (core::error_code(reply.text()) == "UNBLOCKED") return broker_.nothing_popped();
          return broker_.block_refused(core::time_point::clock::now());
        }
        if (reply.size() != 2) return broker_.nothing_popped();
        broker_.popped(reply[0].text(), std::string(reply[1].text()));
      },
      // With its connection, which the broker is told of.
      [this](const std::exception_ptr&) { block_due_ = core::time_point::max(); });
}

// Late even for a blocking command: nothing comes over this connection any more.
void pop_service::check_block(core::time_point now) {
  if (now < block_due_) return;
  // But the loop may have been kept busy, with an element lying in the socket: it gets a chance to be read.
  if (!std::exchange(block_doubted_, true)) {
    block_due_ = now + std::chrono::milliseconds(1);
    return;
  }
  block_due_ = core::time_point::max();
  waiting_->abandon_connection("no answer to BLPOP");
}

void pop_service::unblock() {
  const std::string id = std::to_string(waiting_->client_id());
  send(
      *lane_, {true, {"CLIENT", "UNBLOCK", id}}, {.timeout = std::chrono::nanoseconds::max()},
      [this](reply_view reply) { broker_.unblocked(reply.integer() == 1, core::time_point::clock::now()); },
      [this](const std::exception_ptr&) { broker_.unblocked(false, core::time_point::clock::now()); });
}

// The waiter decodes in place, from a reply that is made of the elements.
void pop_service::deliver(node& waiter, std::span<std::string> elements) {
  const auto taken = take(waiter);
  if (!taken->batch) {
    reply_node bulk;
    bulk.kind = reply_kind::bulk_string;
    bulk.size = elements.front().size();
    std::exchange(taken->waiter, nullptr)->answer({&bulk, elements.front().data()}, *taken);
    return;
  }
  std::vector<reply_node> nodes(1 + elements.size());
  std::string bytes;
  nodes[0].kind = reply_kind::array;
  nodes[0].extent = static_cast<std::uint32_t>(nodes.size());
  nodes[0].size = elements.size();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    nodes[i + 1].kind = reply_kind::bulk_string;
    nodes[i + 1].offset = bytes.size();
    nodes[i + 1].size = elements[i].size();
    bytes += elements[i];
  }
  std::exchange(taken->waiter, nullptr)->answer({nodes.data(), bytes.data()}, *taken);
}

void pop_service::end(core::pop_waiter& waiter, const core::pop_action& action) {
  const std::string refusal(action.error);
  const auto taken = take(waiter);
  completion& told = *std::exchange(taken->waiter, nullptr);
  reply_node answer;
  switch (action.type) {
    case core::pop_action_type::timed_out:
      if (core::pop_broker::asked(*taken)) {
        told.answer({&answer, nullptr}, *taken);
      } else {
        told.fail(describe_silence(*taken), completion_site::loop);
      }
      break;
    case core::pop_action_type::refused:
      answer.kind = reply_kind::error;
      answer.size = refusal.size();
      told.answer({&answer, refusal.data()}, *taken);
      break;
    default:
      told.fail(std::make_exception_ptr(cancelled(taken->describe() + ": the client was disconnected")),
                completion_site::loop);
  }
}

std::exception_ptr pop_service::describe_silence(const node& waiter) {
  const std::string time =
      std::to_string(std::chrono::ceil<std::chrono::milliseconds>(waiter.patience).count()) + " ms";
  std::string why = lane_->figures().last_error;
  if (why.empty()) why = trouble_.empty() ? "the server gave no answer" : trouble_;
  return std::make_exception_ptr(
      connection_error(waiter.describe() + ": Redis could not be asked within " + time + ": " + why));
}

std::unique_ptr<pop_service::node> pop_service::take(core::pop_waiter& waiter) {
  const auto found = nodes_.find(static_cast<node&>(waiter).id);
  auto taken = std::move(found->second);
  nodes_.erase(found);
  return taken;
}

// --- Carrying it out
// --------------------------------------------------------------------------------------------------------

void pop_service::send(net::lane& over, request&& command, const net::submit_options& options, on_answer answer,
                       on_failure failure) {
  answer_maker maker(shared_from_this(), std::move(answer), std::move(failure));
  net::submit_options internal = options;
  internal.internal = true;
  over.submit(std::move(command), internal, maker);
}

void pop_service::take_orphan(const request& command, reply_view reply) {
  auto elements = elements_of(reply);
  if (!elements.empty()) give_back(std::string(command.first_argument()), std::move(elements));
}

void pop_service::give_back(std::string queue, std::vector<std::string> elements) {
  ++giving_back_;
  std::vector<std::string_view> args{"LPUSH", queue};
  args.insert(args.end(), elements.rbegin(), elements.rend());
  request command(false, std::span<const std::string_view>(args));
  auto strays = std::make_shared<stray_elements>(stray_elements{std::move(queue), std::move(elements)});
  send(
      *lane_, std::move(command), {.timeout = std::chrono::nanoseconds::max()},
      [this, strays](reply_view reply) {
        // Refused, as by a full disk or memory: that may pass.
        if (reply.is_error()) return give_back_later(strays, std::string(reply.text()));
        --giving_back_;
      },
      [this, strays](const std::exception_ptr& failure) {
        std::string why = "the client was closed";
        try {
          std::rethrow_exception(failure);
        } catch (const std::exception& e) {
          why = e.what();
        }
        give_back_later(strays, why);
      });
}

void pop_service::give_back_later(const std::shared_ptr<stray_elements>& strays, const std::string& why) {
  const bool again = open_;
  if (options_->log) {
    options_->log(again ? log_level::warning : log_level::error,
                  std::to_string(strays->elements.size()) + " elements were not given back to " + strays->queue + ": " +
                      why + (again ? "; trying again" : ""));
  }
  if (!again) {
    --giving_back_;
    return;
  }
  const auto timer = std::make_shared<asio::steady_timer>(strand_, options_->line.backoff_max);
  timer->async_wait([self = shared_from_this(), timer, strays](net::error_code) {
    --self->giving_back_;
    self->give_back(std::move(strays->queue), std::move(strays->elements));
    self->pump();
  });
}

asio::awaitable<void> pop_service::keep_waiting_connection(std::shared_ptr<pop_service> self) {
  core::backoff pause(self->options_->line.backoff_initial, self->options_->line.backoff_max, self->options_->random);
  asio::steady_timer timer(self->strand_);
  // When the executor is destroyed this frame goes without reaching its end, and the waiters with it: they may own what
  // owns this service.
  struct discard_at_destruction {
    pop_service* of;
    ~discard_at_destruction() {
      if (of) const auto discarded = std::move(of->nodes_);
    }
  } guard{self.get()};
  while (self->open_) {
    try {
      co_await self->waiting_->open(1);
      pause.reset();
      self->trouble_.clear();
      self->broker_.connected();
      self->pump();
      co_await self->waiting_->closed();
      self->broker_.disconnected();
      self->pump();
    } catch (const std::exception& e) {
      self->trouble_ = e.what();
    }
    if (!self->open_) break;
    timer.expires_after(pause.next());
    net::error_code interrupted;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, interrupted));
  }
  guard.of = nullptr;
  self->keeping_ = false;
  self->changed_.notify_all();
}

void pop_service::arm_timer() {
  const auto due = std::min(broker_.next_due().value_or(core::time_point::max()), block_due_);
  if (due == timer_due_) return;
  timer_due_ = due;
  if (due == core::time_point::max()) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(due);
  timer_.async_wait([weak = weak_from_this()](net::error_code ec) {
    const auto self = weak.lock();
    if (ec || !self) return;
    self->timer_due_ = core::time_point::max();
    self->check_block(core::time_point::clock::now());
    self->pump();
  });
}

// --- Opening and closing
// ----------------------------------------------------------------------------------------------------

void pop_service::open() {
  open_ = true;
  broker_.open();
  lane_->on_orphan([this](const request& command, reply_view reply) { take_orphan(command, reply); });
}

void pop_service::close() {
  open_ = false;
  // Posted: handlers must not run within the call that closes.
  asio::post(strand_, [self = shared_from_this()] {
    self->broker_.close();
    self->pump();
  });
}

asio::awaitable<void> pop_service::closed() {
  const auto self = shared_from_this();
  // What was popped for somebody who left is on its way here, or back: it is waited for, but not for ever.
  const auto limit = core::time_point::clock::now() + options_->timeout;
  asio::steady_timer timer(strand_);
  while (in_flight() && core::time_point::clock::now() < limit) {
    timer.expires_after(std::chrono::milliseconds(1));
    net::error_code interrupted;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, interrupted));
  }
  waiting_->close();
  while (keeping_) co_await changed_.wait();
}

bool pop_service::in_flight() const { return !broker_.idle() || giving_back_ != 0 || lane_->expects_orphans(); }

}  // namespace redstart::detail
