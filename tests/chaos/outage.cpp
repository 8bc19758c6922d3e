// SPDX-License-Identifier: MIT
#include "chaos/cell.hpp"
#include "chaos/open_loop.hpp"
#include "chaos/overload.hpp"
#include "chaos/workload.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdio>
#include <filesystem>
#include <string_view>

namespace redstart::chaos {
namespace {

constexpr std::size_t mebibyte = 1024 * 1024;
constexpr double callers_per_second = 10'000;
constexpr auto slack = 50ms;
// How much memory may differ between the middle and the end of an outage, in which nothing new gathers.
constexpr std::size_t flat = 8 * mebibyte;
// One for ordinary operations, one for waiting pops, one for subscriptions.
constexpr unsigned connections = 3;
// Those of waiting pops log no attempts.
constexpr unsigned logged = 2;
// Those of the harness: one looks whether the server answers, one asks it.
constexpr unsigned own_connections = 2;
// Who offers, who waits for elements, who listens.
constexpr int beside_the_client = 3;

unsigned long long wide(std::uint64_t number) { return number; }
double in_mebibytes(std::size_t bytes) { return static_cast<double>(bytes) / mebibyte; }
double in_ms(clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

// A number of the server's INFO; 0 when it is not there.
std::uint64_t figure(const std::string& info, const std::string& field) {
  const std::size_t at = info.find(field);
  return at == std::string::npos ? 0 : std::stoull(info.substr(at + field.size()));
}

// What callers had executed, as the server counts it.
std::uint64_t commands_of_callers(const std::string& stats) {
  std::uint64_t all = 0;
  for (const char* name : {"get", "echo", "incr"}) all += figure(stats, "cmdstat_" + std::string(name) + ":calls=");
  return all;
}

class outage {
 public:
  explicit outage(std::uint64_t seed, std::chrono::seconds time)
      : time_(time),
        timeout_(time >= 30s ? 5s : 1s),
        around_(std::min<milliseconds>(3s, time_ / 4)),
        redis_(io_.get_executor(), settings()),
        load_(io_, redis_, seed) {}

  bool run() {
    fill_keys(server_);
    demand(server_, {"SAVE"});  // for the server that will take its place
    asio::co_spawn(io_, whole(), [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    });
    io_.run();
    hands_.join();
    return good_;
  }

 private:
  config settings() {
    config with;
    // A port of a server that is down could be taken, or connected to itself.
    with.url = server_.unix_url();
    // Less than comes within a deadline, so that both bounds are reached.
    with.max_operations =
        static_cast<std::size_t>(0.8 * callers_per_second * std::chrono::duration<double>(timeout_).count());
    with.log = [this](log_level, std::string_view text) { note(text); };
    return with;
  }
  // On the loop.
  void note(std::string_view text) {
    if (text.starts_with("no connection to") || text.starts_with("no pub/sub connection to")) ++attempts_;
  }
  void expect(bool holds, const std::string& what) {
    if (holds) return;
    good_ = false;
    std::printf("FAILED: %s\n", what.c_str());
  }
  asio::awaitable<void> elsewhere(std::function<void()> work) {
    const auto call = [](std::function<void()> it) -> asio::awaitable<void> {
      it();
      co_return;
    };
    co_await asio::co_spawn(hands_.get_executor(), call(std::move(work)), asio::use_awaitable);
  }

  // One who waits for elements, all the time.
  asio::awaitable<void> wait_for_elements() {
    while (!over_) {
      const auto begin = clock::now();
      try {
        co_await redis_.get_from_queue<std::string>("queue", 1s);
      } catch (const connection_error&) {
        ++failed_pops_;
      }
      late_pop_ = std::max<clock::duration>(late_pop_, clock::now() - begin - 1s);
    }
    --beside_;
  }
  asio::awaitable<void> listen() {
    try {
      subscription events = co_await redis_.subscribe("events");
      for (;;) {
        const message got = co_await events.next();
        gaps_ += got.kind == message::kind_type::gap ? 1u : 0u;
      }
    } catch (const cancelled&) {
    }
    --beside_;
  }
  void start(asio::awaitable<void> work) {
    ++beside_;
    asio::co_spawn(io_, std::move(work), [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    });
  }
  asio::awaitable<void> offer_on() {
    while (!over_) co_await load_.offer_for(offer::mixed, callers_per_second, 100ms);
    --beside_;
  }

  asio::awaitable<void> whole() {
    co_await redis_.connect();
    load_.allow(timeout_);
    start(wait_for_elements());
    start(listen());
    start(offer_on());
    co_await load_.pause(around_);
    memory_start_ = resident_memory();
    const std::uint64_t unanswered = load_.figures.offered - load_.figures.answered - load_.outstanding();
    expect(unanswered == 0, "operations failed before the outage");

    attempts_ = 0;
    const std::function<void()> kill = [this] { server_.kill(); };
    co_await elsewhere(kill);
    const auto begin = clock::now();
    co_await load_.pause(time_ / 2);
    memory_middle_ = resident_memory();
    const unsigned attempts = attempts_;
    co_await turn_away_for(time_ - time_ / 2);
    memory_end_ = resident_memory();
    const load_figures& seen = load_.figures;
    std::printf("outage of %.1f s, %.0f callers/s, timeout %lld ms, max_operations %zu\n",
                in_ms(clock::now() - begin) / 1000, callers_per_second, static_cast<long long>(timeout_.count()),
                static_cast<std::size_t>(0.8 * callers_per_second * std::chrono::duration<double>(timeout_).count()));
    std::printf(
        "  callers: %llu told `connection_error`, %llu `overloaded` within %.1f ms, %llu timed out; %llu perhaps "
        "executed; latest %.1f ms after its deadline (loop late by %.1f ms)\n",
        wide(seen.unconnected), wide(seen.overloaded), in_ms(seen.refused_within), wide(seen.timed_out),
        wide(seen.maybe), in_ms(std::max<clock::duration>(seen.past_deadline, 0ms)), in_ms(load_.lag));
    check_outage(attempts);

    co_await come_back();
    co_await redis_.disconnect();
    over_ = true;
    while (beside_ > 0) co_await load_.pause(1ms);
    expect(gaps_ == 1, "the subscription was told of " + std::to_string(gaps_) + " gaps");
    for (const std::string& each : load_.wrong) expect(false, each);
  }

  // In place of the server somebody who takes connections only to drop them: counts who tries to connect.
  asio::awaitable<void> turn_away_for(milliseconds time) {
    using local = asio::local::stream_protocol;
    std::filesystem::remove(server_.socket_path());
    local::acceptor door(io_, local::endpoint(server_.socket_path()));
    start(turn_away(door));
    co_await load_.pause(time);
    door.close();
    while (beside_ > beside_the_client) co_await load_.pause(1ms);
  }
  asio::awaitable<void> turn_away(asio::local::stream_protocol::acceptor& door) {
    boost::system::error_code closed;
    while (!closed) {
      const auto dropped = co_await door.async_accept(asio::redirect_error(asio::use_awaitable, closed));
      if (!closed) ++turned_away_;
    }
    --beside_;
  }

  void check_outage(unsigned attempts) {
    // Waits are a second on average once they have grown to their bound, and grow there in a few attempts.
    const double half = std::chrono::duration<double>(time_).count() / 2;
    const auto bound = [half](unsigned tried) { return static_cast<unsigned>(tried * (1.5 * half + 12)); };
    std::printf(
        "  attempts to connect: %u of %u connections while refused (at most %u), %u of %u while dropped (at most "
        "%u)\n",
        attempts, logged, bound(logged), turned_away_, connections, bound(connections));
    expect(attempts >= logged && attempts <= bound(logged), "attempts to connect while refused");
    expect(turned_away_ >= connections && turned_away_ <= bound(connections), "attempts to connect while dropped");
    const std::size_t allowed =
        memory_start_ +
        static_cast<std::size_t>(callers_per_second * std::chrono::duration<double>(timeout_).count()) * 1024 +
        32 * mebibyte;
    std::printf("  memory: %.1f MiB at the start, %.1f in the middle, %.1f at the end, at most %.1f; allowed %.1f\n",
                in_mebibytes(memory_start_), in_mebibytes(memory_middle_), in_mebibytes(memory_end_),
                in_mebibytes(load_.most_memory), in_mebibytes(allowed));
    expect(memory_end_ <= memory_middle_ + flat, "memory grows during an outage");
    expect(load_.most_memory <= allowed, "memory is over its bound");
    const load_figures& seen = load_.figures;
    expect(seen.unconnected > 0 && seen.overloaded > 0, "callers were not told that there is no connection");
    // What was sent and unanswered at the moment of the kill, and may have been executed.
    expect(seen.maybe <= 1000, "too many callers do not know");
    const auto late = slack + 2 * load_.lag;
    expect(seen.past_deadline <= late, "a caller was told too late");
    expect(late_pop_ <= late, "a waiting pop was told " + std::to_string(in_ms(late_pop_)) + " ms late");
    expect(failed_pops_ > 0, "a waiting pop was told nothing");
    expect(seen.refused_within <= late, "a refusal took its time");
  }

  asio::awaitable<void> come_back() {
    const load_figures before = load_.figures;
    load_.counter_is_new();
    const auto started = clock::now();
    const std::function<void()> start_server = [this] { start_again(server_); };
    co_await elsewhere(start_server);
    const auto answers = [this, &before] { return load_.figures.answered - before.answered; };
    const auto limit = clock::now() + 10s;
    while (answers() == 0 && clock::now() < limit) co_await load_.pause(1ms);
    const auto first_answer = clock::now();
    expect(answers() != 0, "the client did not come back");
    const std::uint64_t waited = load_.outstanding() + answers() + load_.figures.maybe - before.maybe;
    const std::uint64_t offered = load_.figures.offered;
    while (clock::now() < first_answer + 1s) co_await load_.pause(1ms);
    const std::uint64_t came = load_.figures.offered - offered;
    std::string stats;
    const std::function<void()> look = [&] { stats = demand(server_, {"INFO", "commandstats"}).text; };
    co_await elsewhere(look);
    const std::uint64_t first_second = commands_of_callers(stats);
    std::printf(
        "  return: first answer %.0f ms after the start; %llu commands in the second from then on, of %llu that "
        "waited and %llu that came\n",
        in_ms(first_answer - started), wide(first_second), wide(waited), wide(came));
    // The look takes a moment, in which more are sent.
    expect(first_second <= waited + load_.figures.offered - offered, "more was sent than waited");
    expect(first_second > 0, "nothing was sent");
    co_await load_.pause(around_);
    over_ = true;
    while (beside_ > 1) co_await load_.pause(1ms);  // the subscription listens on
    co_await load_.settle(timeout_ + 5s);

    const std::function<void()> look_again = [&] { stats = demand(server_, {"INFO", "ALL"}).text; };
    co_await elsewhere(look_again);
    const std::uint64_t executed = commands_of_callers(stats);
    const std::uint64_t answered = load_.figures.answered - before.answered;
    const std::uint64_t perhaps = load_.figures.maybe - before.maybe;
    const std::uint64_t accepted = figure(stats, "total_connections_received:");
    std::printf(
        "  since the return: %llu commands executed, %llu answered, %llu perhaps; %llu connections, %u of them of "
        "the harness\n",
        wide(executed), wide(answered), wide(perhaps), wide(accepted), own_connections);
    expect(executed >= answered && executed <= answered + perhaps,
           "what was executed is not what was answered: something expired was sent");
    expect(accepted <= connections + own_connections, "too many connections");
    const auto late = slack + 2 * load_.lag;
    expect(load_.figures.past_deadline <= late, "a caller was told too late on return");
    const std::uint64_t offered_since = load_.figures.offered - before.offered;
    expect(answered > offered_since / 2, "callers were not served after the return");
  }

  const std::chrono::milliseconds time_;
  const milliseconds timeout_;
  const milliseconds around_;  ///< for how long the server is there before and after
  asio::io_context io_{1};
  asio::thread_pool hands_{1};
  test::redis_server server_;
  client redis_;
  open_loop load_;
  bool good_ = true;
  bool over_ = false;
  int beside_ = 0;
  unsigned attempts_ = 0;
  unsigned turned_away_ = 0;
  unsigned gaps_ = 0;
  unsigned failed_pops_ = 0;
  clock::duration late_pop_{};
  std::size_t memory_start_ = 0;
  std::size_t memory_middle_ = 0;
  std::size_t memory_end_ = 0;
};

}  // namespace

bool run_outage(std::chrono::seconds time, std::uint64_t seed) { return outage(seed, time).run(); }

}  // namespace redstart::chaos
