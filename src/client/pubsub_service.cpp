// SPDX-License-Identifier: MIT
#include "client/pubsub_service.hpp"

#include "net/deadline_guard.hpp"
#include "net/duration_text.hpp"
#include "redstart/error.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace redstart::detail {

namespace {

using clock = core::time_point::clock;

using net::milliseconds;

// Names come from anywhere; messages are for people.
std::string printable(std::string_view name) {
  constexpr std::size_t longest = 64;
  std::string text;
  for (const char c : name.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  return name.size() > longest ? text + "..." : text;
}

std::string shown(const std::vector<std::string>& channels, const std::vector<std::string>& patterns) {
  const std::size_t count = channels.size() + patterns.size();
  std::string text = printable(channels.empty() ? patterns.front() : channels.front());
  if (count > 1) text += " and " + std::to_string(count - 1) + " more";
  return text;
}

void keep_each_once(std::vector<std::string>& names) {
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
}

// Waits for `condition` until `timeout` has passed or the coroutine is cancelled. `wake` must be notified when the
// condition may have changed. False: it is not met.
template <class Condition>
asio::awaitable<bool> wait_for(net::strand on, net::event& wake, std::chrono::nanoseconds timeout,
                               Condition condition) {
  constexpr std::chrono::hours longest{24 * 365};
  std::optional<net::deadline_guard> limit;
  if (timeout <= longest) limit.emplace(on, timeout, [&wake] { wake.notify_all(); });
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  while (!condition()) {
    if ((limit && limit->expired()) || cancellation.cancelled() != asio::cancellation_type::none) co_return false;
    co_await wake.wait();
  }
  co_return true;
}

}  // namespace

pubsub_service::pubsub_service(net::strand on, std::shared_ptr<const net::shared_options> options)
    : strand_(std::move(on)),
      options_(std::move(options)),
      backoff_(options_->line.backoff_initial, options_->line.backoff_max, options_->random),
      pause_(strand_),
      changed_(strand_),
      liveness_(options_->health_check_interval, options_->liveness_timeout, clock::now()),
      timer_(strand_) {}

pubsub_service::~pubsub_service() { discard_all(); }

// Without an executor nobody can be told. Their handlers must go all the same: they may own what owns this service.
void pubsub_service::discard_all() noexcept {
  open_ = false;
  const listener_index all = std::exchange(listeners_, {});
  // The index owns the states: none of them goes while another's handler is destroyed.
  for (const auto& [state, one] : all.all()) {
    one->enrolled = false;
    one->state->discard();
  }
}

// --- Verbs -----------------------------------------------------------------------------------------------------------

// Takes a listener out again unless its `subscribe` came to a good end.
class pubsub_service::membership {
 public:
  membership(pubsub_service& in, std::shared_ptr<listener> who) : in_(in), who_(std::move(who)) {}
  membership(const membership&) = delete;
  membership& operator=(const membership&) = delete;
  ~membership() {
    if (!kept_) in_.withdraw(who_);
  }
  void keep() noexcept { kept_ = true; }

 private:
  pubsub_service& in_;
  std::shared_ptr<listener> who_;
  bool kept_ = false;
};

asio::awaitable<subscription> pubsub_service::subscribe(subscription_options options,
                                                        std::chrono::nanoseconds timeout) {
  const auto self = shared_from_this();
  if (options.channels.empty() && options.patterns.empty()) {
    throw config_error("subscribe: subscription_options names neither a channel nor a pattern; name at least one");
  }
  const std::string what = (options.channels.empty() ? "PSUBSCRIBE " : "SUBSCRIBE ") +
                           shown(options.channels, options.patterns) + " on " + options_->display;
  if (!open_) throw not_connected(what + ": not connected, call connect first");

  const auto added = enroll(std::move(options));
  membership guard(*this, added);
  const auto decided = [&added] { return added->established || added->failure; };
  if (!co_await wait_for(strand_, added->changed, timeout, decided)) {
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none) {
      throw cancelled(what + ": cancelled by its caller", connection_ != nullptr);
    }
    std::rethrow_exception(too_late(what, timeout));
  }
  if (!added->established) std::rethrow_exception(added->failure);
  guard.keep();
  co_return subscription(added->state);
}

std::exception_ptr pubsub_service::too_late(const std::string& what, std::chrono::nanoseconds timeout) const {
  const std::string within = " within " + milliseconds(timeout);
  if (connection_) {
    return std::make_exception_ptr(
        timeout_error(what + ": not confirmed" + within + "; the server is slow or the network is silent", true));
  }
  const std::string why = last_error_.empty() ? "the first attempt has not ended" : last_error_;
  return std::make_exception_ptr(connection_error(what + ": no connection" + within + ": " + why));
}

asio::awaitable<void> pubsub_service::unsubscribe(std::vector<std::string> names, std::chrono::nanoseconds timeout) {
  const auto self = shared_from_this();
  if (names.empty()) co_return;
  const std::string what = "UNSUBSCRIBE " + shown(names, {}) + " on " + options_->display;
  if (!open_) throw not_connected(what + ": not connected, call connect first");
  keep_each_once(names);
  bool sent = false;
  for (const kind_type kind : subscription_kinds) sent = take_away(kind, names) || sent;
  if (!sent) co_return;
  post_service();

  // A connection that is lost counts all that was due as answered.
  const std::uint64_t last = line_.pushed();
  if (co_await wait_for(strand_, changed_, timeout, [this, last] { return line_.answered() >= last; })) co_return;
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  if (cancellation.cancelled() != asio::cancellation_type::none) {
    throw cancelled(what + ": cancelled by its caller", true);
  }
  throw timeout_error(
      what + ": not confirmed within " + milliseconds(timeout) + "; the server is slow or the network is silent", true);
}

asio::awaitable<void> pubsub_service::closed() {
  const auto self = shared_from_this();
  while (running_) co_await changed_.wait();
}

void pubsub_service::close() noexcept {
  open_ = false;
  const core::time_point now = clock::now();
  const listener_index all = std::exchange(listeners_, {});
  wishes_ = {};
  for (const auto& [state, one] : all.all()) {
    const auto why = std::make_exception_ptr(cancelled(state->description() + " ended: the client was disconnected"));
    one->enrolled = false;
    one->failure = why;
    one->changed.notify_all();
    one->state->end(why, now);
  }
  if (!running_ || std::exchange(stopping_, true)) return;
  pause_.cancel();
  timer_.cancel();
  timer_due_ = core::time_point::max();
  if (connection_) connection_->close();
  stop_->emit(asio::cancellation_type::terminal);
}

// --- Listeners -------------------------------------------------------------------------------------------------------

std::shared_ptr<listener> pubsub_service::enroll(subscription_options&& options) {
  auto added = std::make_shared<listener>(strand_);
  keep_each_once(options.channels);
  keep_each_once(options.patterns);
  added->state = std::make_shared<subscription_state>(
      options_->home, options,
      "the subscription to " + shown(options.channels, options.patterns) + " on " + options_->display,
      weak_from_this());
  added->names = {std::move(options.channels), std::move(options.patterns)};
  listeners_.add(added);
  added->enrolled = true;
  for (const kind_type kind : subscription_kinds) {
    const auto fresh = wishes_.add(kind, added->names_of(kind));
    if (!fresh.empty()) line_.push(verb::subscribe, kind, fresh);
  }
  recount(*added);
  if (added->missing == 0) added->established = true;
  if (connection_) {
    post_service();
  } else {
    start();
  }
  return added;
}

void pubsub_service::withdraw(const std::shared_ptr<listener>& leaving) noexcept {
  if (!std::exchange(leaving->enrolled, false)) return;
  listeners_.remove(*leaving);
  for (const kind_type kind : subscription_kinds) {
    const auto last = wishes_.remove(kind, leaving->names_of(kind));
    if (!last.empty()) line_.push(verb::unsubscribe, kind, last);
  }
  if (wishes_.empty()) pause_.cancel();
  if (connection_) post_service();
}

void pubsub_service::end(const std::shared_ptr<listener>& ended, const std::exception_ptr& why) {
  ended->failure = why;
  ended->changed.notify_all();
  ended->state->end(why, clock::now());
  withdraw(ended);
}

void pubsub_service::release(std::shared_ptr<subscription_state> state) {
  asio::post(strand_, [self = shared_from_this(), state = std::move(state)] {
    if (const auto found = self->listeners_.find(state.get())) self->withdraw(found);
  });
}

// Takes names away from whoever holds them. True when the server was asked.
bool pubsub_service::take_away(kind_type kind, const std::vector<std::string>& names) {
  std::vector<std::string> lost;
  for (const std::string& name : names) {
    const listener_index::holder_list holders = listeners_.holders(kind, name);
    const std::vector<std::string> one_each(holders.size(), name);
    if (!wishes_.remove(kind, one_each).empty()) lost.push_back(name);
    for (const auto& holder : holders) {
      listeners_.remove_name(kind, name, *holder);
      std::erase(holder->names_of(kind), name);
      if (holder->has_names()) {
        recount(*holder);
        if (holder->missing == 0) establish(*holder, clock::now());
      } else {
        end(holder, std::make_exception_ptr(
                        cancelled(holder->state->description() + " ended: all its channels were unsubscribed")));
      }
    }
  }
  if (lost.empty()) return false;
  line_.push(verb::unsubscribe, kind, std::vector<std::string_view>(lost.begin(), lost.end()));
  return true;
}

void pubsub_service::recount(listener& of) const {
  of.missing = 0;
  for (const kind_type kind : subscription_kinds) {
    for (const std::string& name : of.names_of(kind)) of.missing += wishes_.is_confirmed(kind, name) ? 0U : 1U;
  }
}

// Redis has confirmed all that it listens to.
void pubsub_service::establish(listener& confirmed, core::time_point now) {
  if (confirmed.established) {
    confirmed.state->resume(now);
    return;
  }
  confirmed.established = true;
  confirmed.changed.notify_all();
}

}  // namespace redstart::detail
