// SPDX-License-Identifier: MIT
// Consumers wait for a queue while the harness adds to it by a connection that no fault touches.
//
// What is added before the fault, and what is added once waiting works again, must be consumed exactly once. In between
// a lost connection may take along what was on its way, or bring back twice what was being given back. Nothing may be
// missing or doubled at all when no connection was lost, or when they were lost while nothing was on its way.
#include "chaos/state.hpp"
#include "chaos/workload.hpp"

#include <map>
#include <vector>

namespace redstart::chaos {
namespace {

constexpr int consumers = 6;
constexpr int in_each_phase = 20;
constexpr const char* queue = "queue";
// One answer to BLPOP, and one to an LPOP for all that the consumers want.
constexpr std::uint64_t most_on_its_way = 1 + 4 + 2 * 4;

class pop_state : public state {
 public:
  explicit pop_state(context& in) : in_(in) {}

  asio::awaitable<void> set_up() override {
    for (int i = 0; i < consumers; ++i) in_.start(consume(i % 3 == 0));
    co_await add(in_each_phase);
    const bool all = co_await consumed_from(0, 2s);
    if (!all) in_.late("not all was consumed before the fault");
    connections_ = in_.between.figures().accepted;
    exposed_from_ = added_;
  }
  asio::awaitable<void> meanwhile() override { co_await add(in_each_phase / 2); }
  asio::awaitable<void> recover() override {
    const auto end = clock::now() + allowed.recovery;
    bool works = false;
    // A connection that died silently takes along what it is given until that is noticed.
    while (!works && clock::now() < end) {
      const std::size_t probe = added_;
      co_await add(1);
      works = co_await consumed_from(probe, 100ms);
    }
    if (!works) in_.late("waiting pops did not recover in time");
    exposed_until_ = added_;
    co_await add(in_each_phase);
    const bool all = co_await consumed_from(exposed_until_, 2s);
    if (!all) in_.late("not all was consumed after the recovery");
  }
  asio::awaitable<void> verify() override {
    std::function<void()> look = [this] {
      for (const test::answer& each : demand(in_.server, {"LRANGE", queue, "0", "-1"}).items) take(each.text);
    };
    co_await in_.elsewhere(std::move(look));
    const proxy_figures now = in_.between.figures();
    const std::uint64_t lost_connections = now.accepted - connections_;
    const bool quiet = cuts_the_quiet(in_.about.what->at_server) && in_.lag < allowed.liveness_timeout / 4;
    const bool may_lose = lost_connections != 0 && !quiet;
    in_.expect(damaged_ <= now.corrupted, std::to_string(damaged_) + " elements were damaged");
    std::uint64_t missing = 0;
    std::uint64_t taken_along = 0;
    for (std::size_t i = 0; i < added_; ++i) {
      const bool excused = may_lose && i >= exposed_from_ && i < exposed_until_;
      const int times = seen_[i];
      if (excused && times == 0) ++taken_along;
      if (times == 1 || (excused && times <= 2)) continue;
      if (times == 0 && ++missing <= damaged_) continue;
      in_.fail("element " + std::to_string(i) + " of " + std::to_string(added_) + " was consumed " +
               std::to_string(times) + " times" + (may_lose ? "" : ", and nothing can have been on its way"));
    }
    in_.expect(
        taken_along <= lost_connections * most_on_its_way,
        std::to_string(taken_along) + " elements were lost with " + std::to_string(lost_connections) + " connections");
  }

 private:
  static std::string element(std::size_t number) { return value_of("element:" + std::to_string(number)); }

  asio::awaitable<void> consume(bool batches) {
    while (!in_.stopping) {
      const milliseconds wait(20 + in_.chance(200));
      const auto begin = clock::now();
      try {
        if (batches) {
          const auto some = co_await in_.redis->get_batch_from_queue<std::string>(queue, 4, wait);
          for (const std::string& each : some) take(each);
        } else {
          const auto one = co_await in_.redis->get_from_queue<std::string>(queue, wait);
          if (one) take(*one);
        }
      } catch (const error& e) {
        in_.failed("a pop", e);
      }
      in_.ended("a pop", begin, wait);
      co_await in_.pause(1ms);
    }
  }
  void take(const std::string& what) {
    const std::size_t name_end = what.find('|');
    const std::string key = what.substr(0, name_end);
    if (name_end == std::string::npos || judge(key, what) != verdict::right) {
      ++damaged_;
      return;
    }
    ++seen_[std::stoul(key.substr(key.find(':') + 1))];
  }
  // Those that the server refuses were not added.
  asio::awaitable<void> add(int count) {
    int taken = 0;
    std::function<void()> push = [this, count, &taken] {
      for (int i = 0; i < count; ++i) {
        if (in_.server.command({"RPUSH", queue, element(added_ + static_cast<std::size_t>(taken))}).type == ':')
          ++taken;
      }
    };
    co_await in_.elsewhere(std::move(push));
    added_ += static_cast<std::size_t>(taken);
  }
  asio::awaitable<bool> consumed_from(std::size_t first, milliseconds limit) {
    std::function<bool()> all = [this, first] {
      for (std::size_t i = first; i < added_; ++i) {
        if (seen_[i] == 0) return false;
      }
      return true;
    };
    co_return co_await in_.until(std::move(all), limit);
  }

  context& in_;
  std::size_t added_ = 0;
  std::size_t exposed_from_ = 0;
  std::size_t exposed_until_ = 0;
  std::uint64_t connections_ = 0;
  std::map<std::size_t, int> seen_;
  std::uint64_t damaged_ = 0;
};

}  // namespace

std::unique_ptr<state> make_pop_state(context& in) { return std::make_unique<pop_state>(in); }

}  // namespace redstart::chaos
