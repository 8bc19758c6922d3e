// SPDX-License-Identifier: MIT
#include "chaos/overload.hpp"

#include "chaos/cell.hpp"
#include "chaos/open_loop.hpp"
#include "chaos/workload.hpp"

#include <boost/asio/co_spawn.hpp>

#include <cstdio>

namespace redstart::chaos {
namespace {

constexpr std::size_t mebibyte = 1024 * 1024;
constexpr std::size_t most_operations = 2000;
constexpr std::size_t most_output = 8 * mebibyte;
// By how much this process may grow: the bytes that wait and those that are unanswered, 1 KiB for each operation, and
// for what is on its way to the socket and to callers that are refused, and the allocator.
constexpr std::size_t memory_bound = 2 * most_output + most_operations * 1024 + 24 * mebibyte;
// By how much an operation may end late, besides twice what the loop was late.
constexpr auto slack = 50ms;
// What an operation may take that can be answered: the default, which a machine with other things to do keeps too.
constexpr milliseconds patience = 5s;
// The speed afterwards, of that of a client which has seen nothing yet, in one of some pairs: side by side, as what the
// machine has to give may be half of it a minute later.
constexpr double same_speed = 0.8;
constexpr int speed_pairs = 8;
// What is answered under overload, of what is offered or, when that is less, answered to callers that wait: who offers
// works on the same thread, and needs most of it for those that are refused.
constexpr double useful = 0.1;

double in_mebibytes(std::size_t bytes) { return static_cast<double>(bytes) / mebibyte; }
double in_ms(clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

struct phase {
  const char* name;
  offer what;
  double per_second;
  milliseconds timeout;
  bool in_time;  ///< what the client accepts can be answered within its deadline
};

class overload {
 public:
  overload(asio::io_context& io, client& redis, client& fresh, test::redis_server& server, std::uint64_t seed)
      : load_(io, redis, seed), fresh_(io, fresh, seed + 1), server_(server) {}

  asio::awaitable<void> run(std::chrono::seconds time) {
    const milliseconds part = milliseconds(time) / 5;
    const auto measuring = std::clamp<milliseconds>(part / 2, 500ms, 3s);
    fill_keys(server_);
    load_.allow(10s);
    const double before = co_await speed(load_, offer::mixed, 1000, measuring);
    const double large = co_await speed(load_, offer::large, 100, 1s);
    load_.spins = 5000;
    const double slow = co_await speed(load_, offer::slow, 100, 1s);
    std::printf("callers that wait: %.0f operations/s, %.0f with 32 KiB, %.0f that keep the server busy\n\n", before,
                large, slow);
    base_ = resident_memory();
    std::printf("%-22s %9s %9s %11s %10s %8s %8s %8s %8s %8s %6s\n", "offered", "offered/s", "answered/s",
                "overloaded/s", "timeouts/s", "p50 ms", "p99 ms", "max ms", "refusal", "late ms", "MiB");
    const milliseconds line_takes(static_cast<long>(1000.0 * most_operations / slow));
    co_await one({"small, 2 x", offer::mixed, 2 * before, patience, true}, part, before);
    co_await one({"32 KiB, 2 x", offer::large, 2 * large, patience, true}, part, large);
    co_await one({"slow, 3 x", offer::slow, 3 * slow, std::max<milliseconds>(patience, 3 * line_takes), true}, part,
                 slow);
    co_await one({"slow, line > deadline", offer::slow, 3 * slow, line_takes / 4, false}, part, slow);
    demand(server_, {"CLIENT", "PAUSE", std::to_string(part.count()), "ALL"});
    co_await one({"32 KiB, server pauses", offer::large, 5000, 500ms, false}, part, 0);
    std::printf("memory before %.1f MiB, at most %.1f; allowed %.1f\n", in_mebibytes(base_),
                in_mebibytes(load_.most_memory), in_mebibytes(base_ + memory_bound));
    expect(load_.most_memory <= base_ + memory_bound, "memory is over its bound");

    co_await speed_is_back(measuring);
    const auto counter = std::stoull(demand(server_, {"GET", "counter"}).text);
    std::printf("INCR: %llu at the server, %llu acknowledged, %llu perhaps\n", counter, wide(counted_), wide(maybe_));
    expect(counter >= counted_ && counter <= counted_ + maybe_, "the counter is not what was acknowledged");
    for (const open_loop* each : {&load_, &fresh_}) {
      for (const std::string& complaint : each->wrong) expect(false, complaint);
    }
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  static unsigned long long wide(std::uint64_t number) { return number; }
  void expect(bool holds, const std::string& what) {
    if (holds) return;
    good_ = false;
    std::printf("FAILED: %s\n", what.c_str());
  }
  void take_figures(open_loop& of) {
    counted_ += of.figures.counted;
    maybe_ += of.figures.maybe_counted;
    of.figures = {};
    of.lag = {};
  }

  asio::awaitable<double> speed(open_loop& of, offer what, std::size_t width, milliseconds time) {
    const double found = co_await of.closed_loop(what, width, time);
    co_await of.settle(20s);
    expect(of.figures.answered == of.figures.offered, "callers that wait for their answers did not get them");
    take_figures(of);
    co_return found;
  }

  asio::awaitable<void> speed_is_back(milliseconds measuring) {
    load_.allow(10s);
    fresh_.allow(10s);
    double best = 0;
    for (int i = 0; i < speed_pairs && best < same_speed; ++i) {
      const double fresh = co_await speed(fresh_, offer::mixed, 1000, measuring);
      const double after = co_await speed(load_, offer::mixed, 1000, measuring);
      std::printf("speed after %.0f operations/s, of a fresh client %.0f: %.2f (at least %.2f)\n", after, fresh,
                  after / fresh, same_speed);
      best = std::max(best, after / fresh);
    }
    expect(best >= same_speed, "the speed did not come back");
  }

  asio::awaitable<void> one(phase is, milliseconds time, double capacity) {
    load_.allow(is.timeout);
    const auto begin = clock::now();
    // What a busy machine did not make too much is doubled until it is.
    constexpr int slices = 4;
    for (int i = 0; i < slices; ++i) {
      co_await load_.offer_for(is.what, is.per_second, time / slices);
      if (load_.figures.overloaded < load_.figures.offered / 10) is.per_second *= 2;
    }
    const double seconds = std::chrono::duration<double>(clock::now() - begin).count();
    co_await load_.settle(is.timeout + 10s);
    const load_figures& found = load_.figures;
    const auto rate = [seconds](std::uint64_t count) { return static_cast<double>(count) / seconds; };
    std::printf("%-22s %9.0f %9.0f %11.0f %10.0f %8.1f %8.1f %8.1f %8.1f %8.1f %6.1f\n", is.name, rate(found.offered),
                rate(found.answered), rate(found.overloaded), rate(found.timed_out), found.took.quantile_ms(0.5),
                found.took.quantile_ms(0.99), found.took.most_ms(), in_ms(found.refused_within),
                in_ms(std::max<clock::duration>(found.past_deadline, 0ms)), in_mebibytes(load_.most_memory));
    std::fflush(stdout);
    const std::string name = std::string(is.name) + ": ";
    const auto late = slack + 2 * load_.lag;
    expect(found.overloaded > found.offered / 20, name + "nothing to speak of was refused: no overload");
    expect(found.past_deadline <= late, name + "an operation ended " + std::to_string(in_ms(found.past_deadline)) +
                                            " ms after its deadline; the loop was late by " +
                                            std::to_string(in_ms(load_.lag)));
    expect(found.refused_within <= late, name + "a refusal took its time");
    expect(found.unconnected == 0, name + "the connection was lost");
    if (is.in_time) {
      expect(found.timed_out == 0, name + "what was accepted ran out of time");
      expect(rate(found.answered) >= useful * std::min(capacity, rate(found.offered)),
             name + "hardly anything was answered");
    }
    take_figures(load_);
    // How long what was sent in vain holds up the next.
    const auto over = clock::now();
    load_.allow(30s);
    expect(co_await load_.answers_again(30s), name + "nothing was answered any more");
    if (!is.in_time) std::printf("    answers again after %.0f ms\n", in_ms(clock::now() - over));
    take_figures(load_);
  }

  open_loop load_;
  open_loop fresh_;
  test::redis_server& server_;
  std::size_t base_ = 0;
  std::uint64_t counted_ = 0;
  std::uint64_t maybe_ = 0;
  bool good_ = true;
};

asio::awaitable<void> whole(client& redis, client& fresh, overload& what, std::chrono::seconds time) {
  co_await redis.connect();
  co_await fresh.connect();
  co_await what.run(time);
  co_await redis.disconnect();
  co_await fresh.disconnect();
}

}  // namespace

bool run_overload(std::chrono::seconds time, std::uint64_t seed) {
  asio::io_context io{1};
  test::redis_server server;
  config settings;
  settings.url = server.url();
  settings.max_operations = most_operations;
  settings.max_output_bytes = most_output;
  // A paused server is no dead one here.
  settings.liveness_timeout = 60s;
  client redis(io.get_executor(), settings);
  client fresh(io.get_executor(), settings);
  overload all(io, redis, fresh, server, seed);
  asio::co_spawn(io, whole(redis, fresh, all, time), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
  io.run();
  return all.good();
}

}  // namespace redstart::chaos
