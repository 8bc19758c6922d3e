// SPDX-License-Identifier: MIT
#include "chaos/cancel_storm.hpp"

#include "chaos/context.hpp"
#include "chaos/workload.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <cstdio>
#include <memory>

namespace redstart::chaos {
namespace {

constexpr std::size_t width = 512;
// One run of reads in so many is of long names: more bytes at once than a unix socket holds.
constexpr std::uint64_t run_length = 1024;
constexpr std::uint64_t long_run_every = 8;
constexpr std::size_t long_name = 2000;
constexpr auto longest_silence = 30s;  // then it hangs

std::string storm_key(std::size_t number) {
  std::string name = key_of(number);
  if (number >= keys) name.resize(long_name, 'x');
  return name;
}

struct read_counts {
  std::uint64_t started = 0;
  std::uint64_t ended = 0;
  std::uint64_t right = 0;
  std::uint64_t cancelled_unsent = 0;
  std::uint64_t cancelled_sent = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t other = 0;
  std::uint64_t wrong = 0;
};

/// When an operation is cancelled.
enum class moment : std::uint8_t { before_the_write, next_turn, after_others, at_its_end };

class read_storm {
 public:
  read_storm(asio::io_context& io, client& redis, std::uint64_t operations, std::uint64_t seed)
      : io_(io), redis_(redis), operations_(operations), random_(seed) {
    for (std::size_t i = 0; i < key_count; ++i) {
      names_[i] = storm_key(i);
      values_[i] = value_of(names_[i]);
    }
  }

  void start_all() {
    for (std::size_t i = 0; i < width; ++i) next(i);
  }
  [[nodiscard]] bool done() const { return counts.ended == operations_; }
  read_counts counts;

 private:
  static constexpr std::size_t key_count = 2 * static_cast<std::size_t>(keys);  // the second half is long

  struct slot {
    std::unique_ptr<asio::cancellation_signal> stop = std::make_unique<asio::cancellation_signal>();
    std::uint64_t number = 0;     // of the operation that it holds
    std::uint64_t cancel_at = 0;  // when that many operations have ended; 0: not
    moment when{};
  };

  void next(std::size_t which) {
    if (counts.started == operations_) return;
    slot& here = slots_[which];
    const std::uint64_t number = here.number = ++counts.started;
    const bool of_long_names = number / run_length % long_run_every == 1;
    const std::size_t key = random_() % keys + (of_long_names ? keys : 0);
    const auto when = here.when = static_cast<moment>(random_() % 4);
    here.cancel_at = when == moment::after_others ? counts.ended + 1 + random_() % (2 * width) : 0;
    call_options options;
    // One in a hundred hardly has a chance.
    if (random_() % 100 == 0) options.timeout = 1ms;
    redis_.with(options).get<std::string>(names_[key])(asio::bind_cancellation_slot(
        here.stop->slot(), [this, which, key](std::exception_ptr failure, const std::optional<std::string>& value) {
          ended(which, key, failure, value);
        }));
    if (when == moment::before_the_write) here.stop->emit(asio::cancellation_type::terminal);
    if (when == moment::next_turn) {
      asio::post(io_, [this, which, number] {
        if (slots_[which].number == number) slots_[which].stop->emit(asio::cancellation_type::terminal);
      });
    }
  }

  void ended(std::size_t which, std::size_t key, const std::exception_ptr& failure,
             const std::optional<std::string>& value) {
    ++counts.ended;
    slots_[which].cancel_at = 0;
    if (failure) {
      count(failure);
    } else if (value == values_[key]) {
      ++counts.right;
    } else if (++counts.wrong <= 10) {
      std::printf("WRONG: %s was answered %s\n", names_[key].c_str(), value.value_or("nothing").c_str());
    }
    // Must find nobody: least of all another operation in the place of this one.
    if (slots_[which].when == moment::at_its_end) slots_[which].stop->emit(asio::cancellation_type::terminal);
    cancel_due();
    // Not from within: the signal of this slot may be emitting.
    asio::post(io_, [this, which] { next(which); });
  }
  void count(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const cancelled& e) {
      ++(e.maybe_applied() ? counts.cancelled_sent : counts.cancelled_unsent);
    } catch (const timeout_error&) {
      ++counts.timed_out;
    } catch (const std::exception& e) {
      if (++counts.other <= 10) std::printf("failed otherwise: %s\n", e.what());
    }
  }
  // One look at one other slot for each end: cheap, and spread over the middle of everything.
  void cancel_due() {
    slot& other = slots_[counts.ended % width];
    if (other.cancel_at == 0 || other.cancel_at > counts.ended) return;
    other.cancel_at = 0;
    asio::post(io_, [&other, number = other.number] {
      if (other.number == number) other.stop->emit(asio::cancellation_type::terminal);
    });
  }

  asio::io_context& io_;
  client& redis_;
  std::uint64_t operations_;
  std::mt19937_64 random_;
  std::array<std::string, key_count> names_;
  std::array<std::string, key_count> values_;
  std::array<slot, width> slots_;
};

asio::awaitable<void> connect(client& redis) { co_await redis.connect(); }

// A server behind a proxy that cuts every reply, and a connected client.
struct stage {
  explicit stage(transport via)
      : server(options_for(server_action::nothing, false)), between(via, {server.socket_path(), 0}, folder.path()) {
    for (std::size_t i = 0; i < 2 * keys; ++i) demand(server, {"SET", storm_key(i), value_of(storm_key(i))});
    config settings;
    settings.url = between.url();
    redis.emplace(io.get_executor(), settings);
    bool connected = false;
    asio::co_spawn(io, connect(*redis), [&connected](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
      connected = true;
    });
    while (!connected) io.run_one_for(1s);
    proxy_plan plan;
    plan.action = proxy_action::cut_every_reply;
    between.provoke(plan);
  }
  test::scratch_folder folder;
  test::redis_server server;
  proxy between;
  asio::io_context io{1};
  std::optional<client> redis;
};

unsigned long long wide(std::uint64_t number) { return number; }

// Runs the loop until `done`, as long as `progress` goes on.
template <class Done, class Progress>
bool run_until(asio::io_context& io, Done done, Progress progress) {
  auto silent_since = clock::now();
  for (auto last = progress(); !done() && clock::now() - silent_since < longest_silence;) {
    io.run_for(100ms);
    if (progress() != last) silent_since = clock::now();
    last = progress();
  }
  return done();
}

// --- Pops ------------------------------------------------------------------------------------------------------------

struct pop_storm {
  pop_storm(stage& on_stage, std::uint64_t count, std::uint64_t seed)
      : on(on_stage), elements(count), random(seed), seen(count + 1, 0) {}

  asio::awaitable<void> produce() {
    for (std::uint64_t i = 1; i <= elements; ++i) {
      const std::string element = std::to_string(i);
      co_await on.redis->add_to_queue("storm", element);
      pushed = i;
      if (i % 16 == 0) {
        asio::steady_timer timer(on.io, std::chrono::microseconds(random() % 2000));
        co_await timer.async_wait(asio::deferred);
      }
    }
    producing = false;
  }
  // A consumer that changes its mind: every other wait is cancelled after a while, the others run out of time.
  void consume() {
    ++waiting;
    const auto stop = std::make_shared<asio::cancellation_signal>();
    const auto timer = std::make_shared<asio::steady_timer>(on.io);
    const bool cancels = random() % 2 == 0;
    const std::chrono::microseconds time(random() % 3000);
    const std::chrono::microseconds wait = cancels ? std::chrono::microseconds(5s) : 1ms + time;
    if (cancels) {
      timer->expires_after(time);
      timer->async_wait([stop](boost::system::error_code ec) {
        if (!ec) stop->emit(asio::cancellation_type::terminal);
      });
    }
    const auto end = [this, stop, timer](const std::exception_ptr& failure) {
      timer->cancel();
      if (failure) count(failure);
      --waiting;
      if (producing) asio::post(on.io, [this] { consume(); });
    };
    if (random() % 3 == 0) {
      on.redis->get_batch_from_queue<std::string>("storm", 1 + random() % 8, wait)(asio::bind_cancellation_slot(
          stop->slot(), [this, end](const std::exception_ptr& failure, const std::vector<std::string>& some) {
            for (const std::string& one : some) ++seen[std::stoul(one)];
            end(failure);
          }));
      return;
    }
    on.redis->get_from_queue<std::string>("storm", wait)(asio::bind_cancellation_slot(
        stop->slot(), [this, end](const std::exception_ptr& failure, const std::optional<std::string>& one) {
          if (one) ++seen[std::stoul(*one)];
          end(failure);
        }));
  }
  void count(const std::exception_ptr& failure) {
    ++given_up;
    try {
      std::rethrow_exception(failure);
    } catch (const cancelled&) {
    } catch (const connection_error& e) {
      // Not even asked in its few milliseconds, says this, and must be right.
      if (e.maybe_applied() && ++other <= 10) std::printf("failed otherwise: %s\n", e.what());
    } catch (const std::exception& e) {
      if (++other <= 10) std::printf("failed otherwise: %s\n", e.what());
    }
  }

  stage& on;
  std::uint64_t elements;
  std::mt19937_64 random;
  std::vector<int> seen;
  std::uint64_t pushed = 0;
  std::uint64_t given_up = 0;
  std::uint64_t other = 0;
  int waiting = 0;
  bool producing = true;
};

asio::awaitable<void> disconnect(client& redis) { co_await redis.disconnect(); }

}  // namespace

bool run_read_storm(transport via, std::uint64_t operations, std::uint64_t seed) {
  stage on(via);
  read_storm storm(on.io, *on.redis, operations, seed);
  const auto begin = clock::now();
  storm.start_all();
  const read_counts& found = storm.counts;
  run_until(on.io, [&] { return storm.done(); }, [&] { return found.ended; });
  const double seconds = std::chrono::duration<double>(clock::now() - begin).count();
  std::printf(
      "%s: %llu reads in %.1f s, %.0f a second: %llu right, %llu cancelled unsent, %llu cancelled when sent, "
      "%llu timed out, %llu failed otherwise, %llu wrong; %llu pieces cut in two\n",
      std::string(name_of(via)).c_str(), wide(found.ended), seconds, static_cast<double>(found.ended) / seconds,
      wide(found.right), wide(found.cancelled_unsent), wide(found.cancelled_sent), wide(found.timed_out),
      wide(found.other), wide(found.wrong), wide(on.between.figures().splits));
  if (!storm.done()) std::printf("FAILED: %llu reads never ended\n", wide(found.started - found.ended));
  // A storm that never struck shows nothing.
  const bool struck = found.right > 0 && found.cancelled_unsent > 0 && found.cancelled_sent > 0;
  if (!struck) std::printf("FAILED: not every kind of end came about\n");
  return storm.done() && struck && found.wrong == 0 && found.other == 0;
}

bool run_pop_storm(transport via, std::uint64_t elements, std::uint64_t seed) {
  stage on(via);
  pop_storm storm(on, elements, seed);
  const auto begin = clock::now();
  asio::co_spawn(on.io, storm.produce(), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
  for (int i = 0; i < 16; ++i) storm.consume();
  const auto quiet = [&] { return !storm.producing && storm.waiting == 0; };
  const bool ended = run_until(on.io, quiet, [&] { return storm.pushed + storm.given_up; });
  // Disconnecting gives back what nobody waits for.
  bool disconnected = false;
  asio::co_spawn(on.io, disconnect(*on.redis), [&disconnected](std::exception_ptr) { disconnected = true; });
  run_until(on.io, [&] { return disconnected; }, [] { return 0; });
  const double seconds = std::chrono::duration<double>(clock::now() - begin).count();
  std::uint64_t left = 0;
  for (const test::answer& each : demand(on.server, {"LRANGE", "storm", "0", "-1"}).items) {
    ++storm.seen[std::stoul(each.text)];
    ++left;
  }
  std::uint64_t lost = 0;
  std::uint64_t doubled = 0;
  for (std::uint64_t i = 1; i <= elements; ++i) {
    lost += storm.seen[i] == 0 ? 1u : 0u;
    doubled += storm.seen[i] > 1 ? 1u : 0u;
  }
  std::printf(
      "%s: %llu elements in %.1f s, %.0f a second, %llu pops given up: %llu consumed, %llu still there, %llu lost, "
      "%llu twice, %llu failed otherwise\n",
      std::string(name_of(via)).c_str(), wide(elements), seconds, static_cast<double>(elements) / seconds,
      wide(storm.given_up), wide(elements - left - lost), wide(left), wide(lost), wide(doubled), wide(storm.other));
  if (!ended || !disconnected) std::printf("FAILED: %d pops never ended\n", storm.waiting);
  return ended && disconnected && storm.given_up > 0 && storm.other == 0 && lost == 0 && doubled == 0;
}

}  // namespace redstart::chaos
