// SPDX-License-Identifier: MIT
// A subscription to two channels on which the harness publishes numbers, by a connection that no fault touches: they
// arrive in order, at most once, and where some are missing there is a notice.
#include "chaos/state.hpp"
#include "chaos/workload.hpp"

#include <algorithm>
#include <optional>

namespace redstart::chaos {
namespace {

constexpr int in_each_phase = 10;

class subscribed_state : public state {
 public:
  explicit subscribed_state(context& in) : in_(in) {}

  asio::awaitable<void> set_up() override {
    // Before the fault the machine is the only one to blame.
    while (!events_) {
      try {
        events_ = co_await in_.redis->subscribe("a", "b");
      } catch (const connection_error&) {
      }
    }
    in_.start(listen());
    co_await publish(in_each_phase);
    const std::int64_t last = published_;
    const bool all = co_await arrived(last, 2s);
    if (!all) in_.late("messages before the fault did not arrive");
    connections_ = in_.between.figures().accepted;
  }
  asio::awaitable<void> meanwhile() override { co_await publish(in_each_phase); }
  asio::awaitable<void> recover() override {
    const auto end = clock::now() + allowed.recovery;
    bool works = false;
    while (!works && clock::now() < end) {
      co_await publish(1);
      works = co_await arrived(published_, 100ms);
    }
    if (!works) in_.late("the subscription did not recover in time");
    const std::int64_t from = published_;
    const std::uint64_t before = received_;
    co_await publish(in_each_phase);
    const bool all = co_await arrived(from + in_each_phase, 2s);
    if (!all) in_.late("messages after the recovery did not arrive");
    in_.expect(!all || received_ == before + in_each_phase, "messages after the recovery are missing");
    in_.stopping = true;
    events_->close();
  }
  asio::awaitable<void> verify() override {
    const proxy_figures now = in_.between.figures();
    const std::string seen = std::to_string(gaps_) + " gap notices";
    switch (in_.about.what->cuts_connections) {
      case cuts::once:
        in_.expect(gaps_ == 1, seen + " for one cut");
        break;
      case cuts::none:
        in_.expect(gaps_ == 0 || !in_.connections_must_live(), seen + " without a cut");
        break;
      case cuts::maybe:
        in_.expect(gaps_ <= now.accepted - connections_, seen + ", but fewer connections were made");
        break;
    }
    in_.expect(silent_losses_ <= now.corrupted,
               std::to_string(silent_losses_) + " times messages were missing without a notice");
    co_return;
  }

 private:
  asio::awaitable<void> listen() {
    try {
      for (;;) note(co_await events_->next());
    } catch (const cancelled&) {
      in_.expect(in_.stopping, "the subscription ended");
    } catch (const error& e) {
      in_.fail(std::string("next failed: ") + e.what());
    }
  }
  void note(const message& one) {
    if (one.kind == message::kind_type::gap) {
      ++gaps_;
      told_ = true;
      return;
    }
    in_.expect(one.is_message(), "an overflow notice, though everything is read");
    const std::string key = one.payload.substr(0, one.payload.find('|'));
    if (!one.is_message() || judge(key, one.payload) != verdict::right) {
      ++silent_losses_;
      damaged_here_ = true;
      return;
    }
    const std::int64_t number = std::stoll(key.substr(key.find(':') + 1));
    ++received_;
    in_.expect(number > last_, "message " + std::to_string(number) + " after " + std::to_string(last_));
    in_.expect(one.channel == channel(number), "message " + std::to_string(number) + " on " + one.channel);
    if (number > last_ + 1 && !told_ && !std::exchange(damaged_here_, false)) ++silent_losses_;
    told_ = false;
    last_ = number;
  }
  static std::string channel(std::int64_t number) { return number % 2 == 0 ? "a" : "b"; }

  asio::awaitable<void> publish(int count) {
    const std::int64_t first = published_ + 1;
    std::function<void()> send = [this, first, count] {
      for (std::int64_t i = first; i < first + count; ++i) {
        demand(in_.server, {"PUBLISH", channel(i), value_of("message:" + std::to_string(i))});
      }
    };
    co_await in_.elsewhere(std::move(send));
    published_ += count;
  }
  asio::awaitable<bool> arrived(std::int64_t number, milliseconds limit) {
    std::function<bool()> there = [this, number] { return last_ >= number; };
    co_return co_await in_.until(std::move(there), limit);
  }

  context& in_;
  std::optional<subscription> events_;
  std::int64_t published_ = 0;
  std::int64_t last_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t silent_losses_ = 0;
  bool told_ = false;
  bool damaged_here_ = false;
  std::uint64_t connections_ = 0;
};

}  // namespace

std::unique_ptr<state> make_subscribed_state(context& in) { return std::make_unique<subscribed_state>(in); }

}  // namespace redstart::chaos
