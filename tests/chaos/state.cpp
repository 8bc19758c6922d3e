// SPDX-License-Identifier: MIT
#include "chaos/state.hpp"

#include "chaos/workload.hpp"

namespace redstart::chaos {
namespace {

constexpr int wave = 1000;

class idle_state : public state {
 public:
  asio::awaitable<void> set_up() override { co_return; }
};

class working_state : public state {
 public:
  explicit working_state(context& in) : in_(in), work_(in) {}
  asio::awaitable<void> recover() override {
    const std::uint64_t before = work_.answered();
    std::function<bool()> goes_on = [this, before] { return work_.answered() > before; };
    const bool in_time = co_await in_.until(std::move(goes_on), allowed.recovery);
    if (!in_time) in_.late("no operation was answered after the fault");
  }
  asio::awaitable<void> verify() override { co_await work_.verify(); }

 protected:
  context& in_;
  workload work_;
};

// One operation at a time, always one.
class one_state : public working_state {
 public:
  using working_state::working_state;
  asio::awaitable<void> set_up() override {
    in_.start(go_on());
    co_return;
  }

 private:
  asio::awaitable<void> go_on() {
    while (!in_.stopping) {
      co_await work_.any(0);
      // The machine is shared with other cells.
      co_await in_.pause(std::chrono::microseconds(in_.chance(500)));
    }
  }
};

// A thousand at once, again and again; the fault comes while the first thousand is under way.
class pipelined_state : public working_state {
 public:
  using working_state::working_state;
  asio::awaitable<void> set_up() override {
    in_.start(go_on());
    co_return;
  }

 private:
  asio::awaitable<void> go_on() {
    while (!in_.stopping) {
      under_way_ = wave;
      for (int i = 0; i < wave; ++i) in_.start(one(i));
      while (under_way_ > 0) co_await in_.pause(1ms);
      co_await in_.pause(30ms);
    }
  }
  asio::awaitable<void> one(int worker) {
    co_await work_.any(worker);
    --under_way_;
  }
  int under_way_ = 0;
};

// Transactions on the shared connection, and on leased ones after WATCH, beside reads.
class multi_state : public working_state {
 public:
  using working_state::working_state;
  asio::awaitable<void> set_up() override {
    for (int i = 0; i < 3; ++i) {
      in_.start(transact());
      in_.start(watch());
    }
    in_.start(read());
    if (in_.about.what->at_server == server_action::no_script) in_.start(run_script());
    co_return;
  }

 private:
  asio::awaitable<void> transact() {
    while (!in_.stopping) {
      co_await work_.transact();
      co_await in_.pause(std::chrono::microseconds(in_.chance(1000)));
    }
  }
  asio::awaitable<void> watch() {
    while (!in_.stopping) {
      co_await work_.watch_and_set();
      co_await in_.pause(std::chrono::microseconds(in_.chance(1000)));
    }
  }
  asio::awaitable<void> run_script() {
    while (!in_.stopping) {
      co_await work_.run_script();
      co_await in_.pause(1ms);
    }
  }
  asio::awaitable<void> read() {
    while (!in_.stopping) {
      co_await work_.read();
      co_await in_.pause(1ms);
    }
  }
};

// `connect` under the fault. With a bound on the tries it ends, well or badly, within it; and it can be called again.
class connecting_state : public state {
 public:
  explicit connecting_state(context& in) : in_(in) {}

  asio::awaitable<void> set_up() override {
    try {
      co_await in_.redis->get<std::string>("key:0");
      in_.fail("a GET before connect was answered");
    } catch (const not_connected& e) {
      in_.expect(!e.maybe_applied(), "what was not connected may have been applied");
    }
    in_.start(connect());
  }
  asio::awaitable<void> recover() override {
    std::function<bool()> connected = [this] { return connected_; };
    const bool in_time = co_await in_.until(std::move(connected), allowed.recovery);
    if (!in_time) in_.late("connect did not end in time");
  }

 private:
  asio::awaitable<void> connect() {
    while (!connected_ && !in_.stopping) {
      const auto begin = clock::now();
      try {
        co_await in_.redis->connect();
        connected_ = true;
      } catch (const connection_error& e) {
        in_.expect(!e.maybe_applied(), "what did not connect may have been applied");
        const auto longest = in_.settings.connect_attempts * (allowed.connect_timeout + allowed.backoff_max);
        if (in_.settings.connect_attempts != 0) in_.ended("connect", begin, longest);
      }
      co_await in_.pause(5ms);
    }
  }
  context& in_;
  bool connected_ = false;
};

}  // namespace

std::unique_ptr<state> make_state(context& in) {
  switch (in.about.state) {
    case state_kind::idle:
      return std::make_unique<idle_state>();
    case state_kind::one:
      return std::make_unique<one_state>(in);
    case state_kind::pipelined:
      return std::make_unique<pipelined_state>(in);
    case state_kind::multi:
      return std::make_unique<multi_state>(in);
    case state_kind::pop:
      return make_pop_state(in);
    case state_kind::subscribed:
      return make_subscribed_state(in);
    case state_kind::connecting:
      return std::make_unique<connecting_state>(in);
  }
  return nullptr;
}

}  // namespace redstart::chaos
