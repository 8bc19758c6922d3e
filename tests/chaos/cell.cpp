// SPDX-License-Identifier: MIT
#include "chaos/cell.hpp"

#include "chaos/state.hpp"
#include "chaos/workload.hpp"

#include <boost/asio/co_spawn.hpp>

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

namespace redstart::chaos {
namespace {

milliseconds ms(clock::duration time) { return std::chrono::duration_cast<milliseconds>(time); }
std::string text_of(clock::duration time) { return std::to_string(ms(time).count()) + " ms"; }

// How long a thread with nothing to do but to wake up was kept from it: the machine, whatever this program does.
class stall_watch {
 public:
  stall_watch()
      : thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            const auto due = clock::now() + 5ms;
            std::this_thread::sleep_until(due);
            const auto over = clock::now() - due;
            if (over > worst_.load()) worst_ = over;
          }
        }) {}
  [[nodiscard]] clock::duration worst() const { return worst_; }

 private:
  std::atomic<clock::duration> worst_{};
  std::jthread thread_;
};

class runner {
 public:
  runner(context& in, outcome& into, const stall_watch& machine)
      : in_(in), into_(into), machine_(machine), state_(make_state(in)) {}

  asio::awaitable<void> run() {
    std::function<void()> fill = [this] { fill_keys(in_.server); };
    co_await in_.elsewhere(std::move(fill));
    in_.start(in_.watch_lag());
    const bool connecting = in_.about.state == state_kind::connecting;
    at_ = "connecting";
    if (!connecting) {
      co_await in_.redis->connect();
      at_ = "setting up";
      co_await state_->set_up();
      co_await in_.pause(std::chrono::microseconds(in_.chance(5000)));
    }
    at_ = "provoking the fault";
    connections_ = in_.between.figures().accepted;
    if (connecting) {
      co_await provoke_and_connect();
    } else {
      co_await provoke();
    }
    at_ = "under the fault";
    if (in_.about.what->server_answers && !connecting) co_await state_->meanwhile();
    co_await in_.pause(lasting_);
    at_ = "healing";
    co_await heal();
    at_ = "recovering";
    co_await recover();
    co_await state_->recover();
    at_ = "ending";
    co_await stop();
    at_ = "comparing with the server";
    co_await state_->verify();
    check_felt();
    co_await check_health();
    at_ = "disconnecting";
    co_await disconnect();
  }

  [[nodiscard]] const std::string& at() const { return at_; }

 private:
  // Where in the stream the fault strikes: in the greeting, in the first answers, or deep in a thousand of them.
  std::uint64_t place() {
    switch (in_.about.state) {
      case state_kind::pipelined:
        return in_.chance(3) == 0 ? in_.chance(64) : in_.chance(20'000);
      case state_kind::connecting:
        return in_.chance(150);
      default:
        return in_.chance(64);
    }
  }

  // Server and client at the same time: some faults are over when they were provoked.
  asio::awaitable<void> provoke_and_connect() {
    in_.start(provoke());
    if (in_.about.what->in_proxy == proxy_action::nothing) {
      co_await in_.pause(std::chrono::microseconds(in_.chance(30'000)));
    }
    co_await state_->set_up();
    std::function<bool()> there = [this] { return provoked_; };
    const bool in_time = co_await in_.until(std::move(there), allowed.cell);
    in_.expect(in_time, "the fault was never there");
  }

  asio::awaitable<void> provoke() {
    co_await strike();
    provoked_ = true;
  }
  asio::awaitable<void> strike() {
    const fault& what = *in_.about.what;
    // Some outlast the longest silence that is taken for life.
    const bool for_long = in_.chance(4) == 0;
    lasting_ = milliseconds(for_long ? 700 + in_.chance(400) : 200 + in_.chance(200));
    if (what.in_proxy != proxy_action::nothing) {
      proxy_plan plan{.action = what.in_proxy, .after = place(), .pause = milliseconds(5 + in_.chance(40))};
      std::function<void()> work = [this, plan] { in_.between.provoke(plan); };
      co_await in_.elsewhere(std::move(work));
      co_return;
    }
    std::function<void()> work = [this, &what] { chaos::provoke(in_.server, what.at_server, lasting_); };
    co_await in_.elsewhere(std::move(work));
  }
  asio::awaitable<void> heal() {
    std::function<void()> work = [this] {
      in_.between.heal();
      const fault& what = *in_.about.what;
      if (!what.sabotage.empty()) demand(in_.server, {"EVAL", std::string(what.sabotage), "0"});
      chaos::heal(in_.server, what.at_server);
    };
    co_await in_.elsewhere(std::move(work));
  }

  asio::awaitable<void> recover() {
    const auto healed = clock::now();
    const std::string key = key_of(0);
    std::string why;
    for (bool answered = false; !answered;) {
      const auto begin = clock::now();
      try {
        const std::optional<std::string> value = co_await in_.redis->get<std::string>(key);
        answered = value && judge(key, *value) == verdict::right;
      } catch (const error& e) {
        why = e.what();
      }
      in_.ended("GET", begin, allowed.timeout);
      if (!answered) co_await in_.pause(5ms);
      if (!answered && clock::now() - healed > allowed.recovery + in_.lag) {
        in_.late("no GET was answered within " + text_of(allowed.recovery) + " after the fault: " + why);
        break;
      }
    }
    into_.recovered = ms(clock::now() - healed);
  }

  asio::awaitable<void> stop() {
    in_.stopping = true;
    std::function<bool()> quiet = [this] { return in_.running == 0; };
    const bool ended = co_await in_.until(std::move(quiet), 2 * allowed.timeout + allowed.recovery);
    in_.expect(ended, std::to_string(in_.running) + " operations never ended");
    if (in_.overshoot > allowed.slack + 2 * in_.lag) {
      in_.late(in_.overshot + " ended " + text_of(in_.overshoot) +
               " after its deadline; the loop was never later than " + text_of(in_.lag));
    }
    if (in_.lag > allowed.held_up + 4 * machine_.worst()) {
      in_.late("the loop was held up for " + text_of(in_.lag) + ", the machine for " + text_of(machine_.worst()));
    }
  }

  // A cell in which nothing happened shows nothing.
  void check_felt() {
    const fault& what = *in_.about.what;
    const state_kind state = in_.about.state;
    if (what.cuts_connections == cuts::once && state != state_kind::connecting) {
      in_.expect(in_.between.figures().accepted > connections_, "the fault cut no connection");
    }
    const bool operating = state == state_kind::one || state == state_kind::pipelined || state == state_kind::multi;
    if (refuses(what.at_server) && operating) in_.expect(in_.refused > 0, "the server refused no operation");
  }

  asio::awaitable<void> check_health() {
    const health found = co_await in_.redis->health_check();
    in_.expect(found.healthy(), "unhealthy at the end: " + found.reason);
    const pool_figures& pool = found.pool;
    in_.expect(pool.open == pool.idle + pool.leased && pool.leased == 0 && pool.waiting == 0,
               "the pool does not balance: open " + std::to_string(pool.open) + ", idle " + std::to_string(pool.idle) +
                   ", leased " + std::to_string(pool.leased) + ", waiting " + std::to_string(pool.waiting));
    in_.expect(pool.created == pool.open + pool.closed_idle + pool.closed_broken,
               "of " + std::to_string(pool.created) + " leased connections made, " + std::to_string(pool.open) +
                   " are open and " + std::to_string(pool.closed_idle + pool.closed_broken) + " were closed");
    in_.expect(found.lanes.connected == found.lanes.configured, "not all lanes are connected");
    if (in_.connections_must_live()) {
      in_.expect(found.lanes.reconnects == 0, "a connection was lost for no reason");
    }
  }

  asio::awaitable<void> disconnect() {
    const auto begin = clock::now();
    co_await in_.redis->disconnect();
    const auto spent = clock::now() - begin;
    if (spent > allowed.timeout + allowed.slack + 2 * in_.lag) in_.late("disconnecting took " + text_of(spent));
    std::function<void()> look = [this] {
      const auto end = clock::now() + 2s;
      while (connections_left() != 0 && clock::now() < end) ::usleep(2000);
      left_ = connections_left();
    };
    co_await in_.elsewhere(std::move(look));
    in_.expect(left_ == 0, std::to_string(left_) + " connections were left open");
  }
  int connections_left() {
    const std::string list = in_.server.command({"CLIENT", "LIST"}).text;
    int count = 0;
    for (auto at = list.find("name=chaos"); at != std::string::npos; at = list.find("name=chaos", at + 1)) ++count;
    return count;
  }

  context& in_;
  outcome& into_;
  const stall_watch& machine_;
  std::unique_ptr<state> state_;
  std::string at_ = "starting";
  milliseconds lasting_{};
  bool provoked_ = false;
  std::uint64_t connections_ = 0;
  int left_ = 0;
};

void check_memory(outcome& into) {
  // What the first cells need, the allocator keeps.
  static std::atomic<std::size_t> first{0};
  std::size_t expected = 0;
  const std::size_t now = resident_memory();
  first.compare_exchange_strong(expected, now);
  if (now > first + allowed.growth) {
    into.failures.push_back("the process has grown from " + std::to_string(first >> 20) + " to " +
                            std::to_string(now >> 20) + " MiB");
  }
}

}  // namespace

std::size_t heap_in_use() {
  const struct mallinfo2 found = ::mallinfo2();
  return found.uordblks + found.hblkhd;
}

std::size_t resident_memory() {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

outcome run_cell(const cell& one, std::uint64_t seed) {
  outcome result;
  stall_watch machine;
  const auto begin = clock::now();
  try {
    context in(one, seed);
    runner cell_runner(in, result, machine);
    bool ended = false;
    std::exception_ptr failure;
    asio::co_spawn(in.io, cell_runner.run(), [&](std::exception_ptr thrown) {
      ended = true;
      failure = std::move(thrown);
    });
    const auto limit = clock::now() + allowed.cell;
    while (!ended && clock::now() < limit) in.io.run_one_until(limit);
    if (!ended) {
      in.fail("hangs: " + cell_runner.at());
      if (one.what->at_server == server_action::stop_continue) in.server.resume();
    }
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      in.fail(cell_runner.at() + ": " + e.what());
    }
    result.failures = in.failures;
    result.only_late = in.only_late;
  } catch (const std::exception& e) {
    result.failures.push_back(std::string("the harness: ") + e.what());
  }
  if (!result.ok()) result.stood_still = ms(machine.worst());
  check_memory(result);
  result.spent = ms(clock::now() - begin);
  return result;
}

}  // namespace redstart::chaos
