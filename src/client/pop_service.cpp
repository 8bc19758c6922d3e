// SPDX-License-Identifier: MIT
#include "client/pop_service.hpp"

#include "core/error_reply.hpp"
#include "redstart/detail/outbox.hpp"
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

// The completion of a command of the service itself. Its callbacks run on the strand, never under a lane's lock. What
// they find no memory for is a failure of the command.
class pop_service::answer_to final : public completion {
 public:
  answer_to(std::shared_ptr<pop_service> of, std::shared_ptr<callbacks> calls) noexcept
      : of_(std::move(of)), calls_(std::move(calls)) {}
  void collect(reply_view) noexcept override {}
  void answer(reply_view reply, const operation_context&, outbox&) noexcept override {
    const auto of = std::move(of_);
    const auto calls = std::move(calls_);
    this->~answer_to();
    try {
      calls->answer(reply);
    } catch (...) {
      calls->failure(std::current_exception());
    }
    of->pump();
  }
  void fail(std::exception_ptr failure, completion_site) noexcept override {
    const auto of = std::move(of_);
    const auto calls = std::move(calls_);
    this->~answer_to();
    calls->failure(failure);
    of->pump();
  }
  bool try_fail(const std::exception_ptr& failure) noexcept override {
    try {
      asio::post(of_->strand_, [of = of_, calls = calls_, failure] {
        calls->failure(failure);
        of->pump();
      });
    } catch (...) {
      return false;
    }
    this->~answer_to();
    return true;
  }
  void discard() noexcept override { this->~answer_to(); }

 private:
  std::shared_ptr<pop_service> of_;
  std::shared_ptr<callbacks> calls_;
};

class pop_service::answer_maker final : public completion_maker {
 public:
  answer_maker(std::shared_ptr<pop_service> of, std::shared_ptr<callbacks> calls) noexcept
      : completion_maker(sizeof(answer_to), alignof(answer_to)), of_(std::move(of)), calls_(std::move(calls)) {}
  completion* make(void* where, bool, const operation_ref&) override {
    static_assert(sizeof(answer_to) <= core::operation::storage_size);
    return ::new (where) answer_to(of_, calls_);
  }

 private:
  std::shared_ptr<pop_service> of_;
  std::shared_ptr<callbacks> calls_;
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

// --- From callers ----------------------------------------------------------------------------------------------------

void pop_service::submit(pop_request&& pop, std::chrono::nanoseconds patience, completion_maker& maker) {
  if (pop.timeout <= std::chrono::nanoseconds::zero() || pop.max == 0) {
    submit_at_once(std::move(pop), patience, maker);
    return;
  }
  const auto waiter = std::make_shared<node>(*this);
  waiter->id = ++last_id_;
  waiter->queue_name = std::move(pop.queue);
  waiter->batch = pop.batch;
  waiter->want = pop.max;
  waiter->patience = pop.timeout;
  const auto now = core::time_point::clock::now();
  const bool ends = pop.timeout < core::time_point::max() - now;
  waiter->deadline = ends ? now + pop.timeout : core::time_point::max();
  waiter->waiter = make_within(waiter->storage, maker, {*this, waiter.get(), waiter->id});
  try {
    asio::post(strand_, [self = shared_from_this(), waiter] { self->add(waiter); });
  } catch (...) {
    if (!waiter->waiter->try_fail(std::current_exception())) throw;
    waiter->waiter = nullptr;
  }
}

void pop_service::submit_at_once(pop_request&& pop, std::chrono::nanoseconds patience, completion_maker& maker) {
  const net::submit_options options{.timeout = patience, .keeps_orphan = true};
  if (pop.batch) {
    lane_->submit({false, {"LPOP", pop.queue, std::to_string(pop.max)}}, options, maker);
  } else {
    lane_->submit({false, {"LPOP", pop.queue}}, options, maker);
  }
}

void pop_service::add(const std::shared_ptr<node>& waiter) noexcept {
  try {
    enter(waiter);
  } catch (...) {
    std::exchange(waiter->waiter, nullptr)->fail(std::current_exception(), completion_site::loop);
    return;
  }
  pump();
}

// Throws what refuses it; then it is not in.
void pop_service::enter(const std::shared_ptr<node>& waiter) {
  if (!open_) throw not_connected(waiter->describe() + ": not connected, call connect first");
  if (nodes_.size() >= options_->line.max_operations) {
    throw overloaded(waiter->describe() + ": " + std::to_string(nodes_.size()) +
                     " pops are waiting, no more are taken; raise max_operations");
  }
  if (!std::exchange(keeping_, true)) {
    try {
      asio::co_spawn(strand_, keep_waiting_connection(shared_from_this()), asio::detached);
    } catch (...) {
      keeping_ = false;
      throw;
    }
  }
  const auto entered = nodes_.emplace(waiter->id, waiter).first;
  try {
    broker_.add(*waiter, waiter->queue_name);
  } catch (...) {
    nodes_.erase(entered);
    throw;
  }
}

void pop_service::cancel(void*, std::uint64_t id) noexcept {
  try {
    asio::post(strand_, [self = shared_from_this(), id] { self->remove(id); });
  } catch (const std::bad_alloc&) {
    // It goes on waiting, as if it had not been cancelled.
  }
}

void pop_service::remove(std::uint64_t id) noexcept {
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  broker_.remove(*found->second);
  const auto removed = std::move(found->second);
  nodes_.erase(found);
  std::exception_ptr failure;
  try {
    failure = std::make_exception_ptr(cancelled(removed->describe() + ": cancelled by its caller; nothing was taken"));
  } catch (...) {
    failure = std::current_exception();
  }
  std::exchange(removed->waiter, nullptr)->fail(failure, completion_site::loop);
  pump();
}

// --- What the broker wants -------------------------------------------------------------------------------------------

void pop_service::pump() noexcept {
  // A completion that is told here may submit again, which comes back to this function.
  if (std::exchange(pumping_, true)) return;
  const auto now = core::time_point::clock::now();
  try {
    for (;;) {
      const core::pop_action action = broker_.next(now);
      if (action.type == core::pop_action_type::nothing) break;
      try {
        perform(action);
      } catch (...) {
        give_up(action);
      }
    }
  } catch (const std::bad_alloc&) {
    // The broker had no memory for the names of a BLPOP: the next event asks it again.
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
      return give_back(action.queue, {std::make_move_iterator(action.elements.begin()),
                                      std::make_move_iterator(action.elements.end())});
    case core::pop_action_type::timed_out:
    case core::pop_action_type::refused:
    case core::pop_action_type::closed:
      return end(*action.waiter, action);
  }
}

// There was no memory for it: the broker hears of a failure, and tries again in its own time.
void pop_service::give_up(const core::pop_action& action) noexcept {
  const auto now = core::time_point::clock::now();
  switch (action.type) {
    case core::pop_action_type::probe:
      return broker_.probe_failed(action.queue);
    case core::pop_action_type::drain:
      return broker_.drain_failed(action.queue);
    case core::pop_action_type::block:
      block_due_ = core::time_point::max();
      return broker_.block_refused(now);
    case core::pop_action_type::unblock:
      return broker_.unblocked(false, now);
    case core::pop_action_type::give_back:
      return log_lost(action.elements.size(), action.queue);
    case core::pop_action_type::deliver:
    case core::pop_action_type::nothing:
    case core::pop_action_type::timed_out:
    case core::pop_action_type::refused:
    case core::pop_action_type::closed:
      break;  // these tell somebody, who hears of it instead
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
      [this](const std::exception_ptr&) { waiting_->abandon_connection("out of memory"); });
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
      [this](const std::exception_ptr&) {
        block_due_ = core::time_point::max();
        waiting_->abandon_connection("out of memory");
      });
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
  outbox away;
  if (!taken->batch) {
    reply_node bulk;
    bulk.kind = reply_kind::bulk_string;
    bulk.size = elements.front().size();
    std::exchange(taken->waiter, nullptr)->answer({&bulk, elements.front().data()}, *taken, away);
    return;
  }
  std::vector<reply_node> nodes;
  std::string bytes;
  try {
    nodes.resize(1 + elements.size());
    nodes[0].kind = reply_kind::array;
    nodes[0].extent = static_cast<std::uint32_t>(nodes.size());
    nodes[0].size = elements.size();
    for (std::size_t i = 0; i < elements.size(); ++i) {
      nodes[i + 1].kind = reply_kind::bulk_string;
      nodes[i + 1].offset = bytes.size();
      nodes[i + 1].size = elements[i].size();
      bytes += elements[i];
    }
  } catch (const std::bad_alloc&) {
    std::exchange(taken->waiter, nullptr)->fail(std::current_exception(), completion_site::loop);
    try {
      give_back(taken->queue_name,
                {std::make_move_iterator(elements.begin()), std::make_move_iterator(elements.end())});
    } catch (const std::bad_alloc&) {
      log_lost(elements.size(), taken->queue_name);
    }
    return;
  }
  std::exchange(taken->waiter, nullptr)->answer({nodes.data(), bytes.data()}, *taken, away);
}

void pop_service::end(core::pop_waiter& waiter, const core::pop_action& action) {
  const auto taken = take(waiter);
  completion& told = *std::exchange(taken->waiter, nullptr);
  outbox away;
  try {
    const std::string refusal(action.error);
    reply_node answer;
    switch (action.type) {
      case core::pop_action_type::timed_out:
        if (!core::pop_broker::asked(*taken)) throw describe_silence(*taken);
        return told.answer({&answer, nullptr}, *taken, away);
      case core::pop_action_type::refused:
        answer.kind = reply_kind::error;
        answer.size = refusal.size();
        return told.answer({&answer, refusal.data()}, *taken, away);
      default:
        throw cancelled(taken->describe() + ": the client was disconnected");
    }
  } catch (...) {
    told.fail(std::current_exception(), completion_site::loop);
  }
}

connection_error pop_service::describe_silence(const node& waiter) {
  const std::string time =
      std::to_string(std::chrono::ceil<std::chrono::milliseconds>(waiter.patience).count()) + " ms";
  std::string why = lane_->figures().last_error;
  if (why.empty()) why = trouble_.empty() ? "the server gave no answer" : trouble_;
  return connection_error(waiter.describe() + ": Redis could not be asked within " + time + ": " + why);
}

std::shared_ptr<pop_service::node> pop_service::take(core::pop_waiter& waiter) noexcept {
  const auto found = nodes_.find(static_cast<node&>(waiter).id);
  auto taken = std::move(found->second);
  nodes_.erase(found);
  return taken;
}

// --- Carrying it out -------------------------------------------------------------------------------------------------

void pop_service::send(net::lane& over, request&& command, const net::submit_options& options, on_answer answer,
                       on_failure failure) {
  const auto calls = std::make_shared<callbacks>(callbacks{std::move(answer), std::move(failure)});
  answer_maker maker(shared_from_this(), calls);
  net::submit_options internal = options;
  internal.internal = true;
  over.submit(std::move(command), internal, maker);
}

void pop_service::take_orphan(const request& command, reply_view reply) noexcept {
  if (reply.is_error()) return;  // nothing was popped; its text is no element
  try {
    auto elements = elements_of(reply);
    if (!elements.empty()) give_back(command.first_argument(), std::move(elements));
  } catch (const std::bad_alloc&) {
    log_lost(std::max<std::size_t>(reply.size(), 1), command.first_argument());
  }
}

// Throws when there is no memory for it: then the elements are gone.
void pop_service::give_back(std::string_view queue, std::vector<std::string> elements) {
  std::vector<std::string_view> args{"LPUSH", queue};
  args.insert(args.end(), elements.rbegin(), elements.rend());
  request command(false, std::span<const std::string_view>(args));
  auto strays = std::make_shared<stray_elements>(stray_elements{std::string(queue), std::move(elements)});
  ++giving_back_;
  try {
    send(
        *lane_, std::move(command), {.timeout = std::chrono::nanoseconds::max()},
        [this, strays](reply_view reply) {
          // Refused, as by a full disk or memory: that may pass.
          if (reply.is_error()) return give_back_later(strays, reply.text());
          --giving_back_;
        },
        [this, strays](const std::exception_ptr& failure) {
          try {
            std::rethrow_exception(failure);
          } catch (const std::exception& e) {
            return give_back_later(strays, e.what());
          }
          give_back_later(strays, "the client was closed");
        });
  } catch (...) {
    give_back_later(strays, "out of memory");
  }
}

void pop_service::give_back_later(const std::shared_ptr<stray_elements>& strays, std::string_view why) noexcept {
  const bool again = open_;
  try {
    if (options_->log) {
      options_->log(again ? log_level::warning : log_level::error,
                    std::to_string(strays->elements.size()) + " elements were not given back to " + strays->queue +
                        ": " + std::string(why) + (again ? "; trying again" : ""));
    }
  } catch (...) {
    // A line less.
  }
  if (!again) {
    --giving_back_;
    return;
  }
  try {
    const auto timer = std::make_shared<asio::steady_timer>(strand_, options_->line.backoff_max);
    timer->async_wait([self = shared_from_this(), timer, strays](net::error_code) {
      --self->giving_back_;
      try {
        self->give_back(strays->queue, strays->elements);
      } catch (const std::bad_alloc&) {
        ++self->giving_back_;
        return self->give_back_later(strays, "out of memory");
      }
      self->pump();
    });
  } catch (...) {
    --giving_back_;
    log_lost(strays->elements.size(), strays->queue);
  }
}

void pop_service::log_lost(std::size_t count, std::string_view queue) const noexcept {
  if (!options_->log) return;
  try {
    options_->log(log_level::error, std::to_string(count) + " elements of " + std::string(queue) +
                                        " are lost: there was no memory to give them back");
  } catch (...) {
    // Not even for that.
  }
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
  bool connected = !self->waiting_->is_closed();  // left behind for lack of memory
  for (int starved = 0; self->open_ && starved < 3;) {
    try {
      if (!connected) {
        co_await self->waiting_->open(1);
        connected = true;
        pause.reset();
        self->trouble_.clear();
        self->broker_.connected();
        self->pump();
      }
      co_await self->waiting_->closed();
      connected = false;
      self->broker_.disconnected();
      self->pump();
    } catch (const std::exception& e) {
      try {
        self->trouble_ = e.what();
      } catch (const std::bad_alloc&) {
        self->trouble_ = "out of memory";
      }
    }
    if (!self->open_) break;
    try {
      timer.expires_after(pause.next());
      net::error_code interrupted;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, interrupted));
      starved = 0;
    } catch (const std::bad_alloc&) {
      // Without memory even for a pause it must not go round for ever: the next waiting pop starts it again.
      ++starved;
    }
  }
  guard.of = nullptr;
  self->keeping_ = false;
  self->changed_.notify_all();
}

void pop_service::arm_timer() noexcept {
  const auto due = std::min(broker_.next_due().value_or(core::time_point::max()), block_due_);
  if (due == timer_due_) return;
  try {
    timer_due_ = core::time_point::max();
    timer_.cancel();
    if (due == core::time_point::max()) return;
    timer_.expires_at(due);
    timer_.async_wait([weak = weak_from_this()](net::error_code ec) {
      const auto self = weak.lock();
      if (ec || !self) return;
      self->timer_due_ = core::time_point::max();
      self->check_block(core::time_point::clock::now());
      self->pump();
    });
    timer_due_ = due;
  } catch (...) {
    // Without a timer nobody would look at deadlines any more. The end of the connection is an event that needs none.
    waiting_->abandon_connection("out of memory");
  }
}

// --- Opening and closing ---------------------------------------------------------------------------------------------

void pop_service::open() {
  open_ = true;
  broker_.open();
  lane_->on_orphan([weak = weak_from_this()](const request& command, reply_view reply) {
    if (const auto self = weak.lock()) self->take_orphan(command, reply);
  });
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
