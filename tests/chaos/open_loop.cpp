// SPDX-License-Identifier: MIT
#include "chaos/open_loop.hpp"

#include "chaos/cell.hpp"
#include "chaos/workload.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace redstart::chaos {
namespace {

constexpr auto tick = 1ms;
constexpr double most_ticks_at_once = 3;
constexpr std::size_t large_size = 32u * 1024;
constexpr std::size_t most_complaints = 10;

const std::string& script() {
  static const std::string text = "local x = 0 for i = 1, tonumber(ARGV[2]) do x = x + i end return ARGV[1]";
  return text;
}

std::string own_text(std::uint64_t number) { return "operation:" + std::to_string(number); }

}  // namespace

void latencies::add(clock::duration took) {
  const auto at = static_cast<std::size_t>(std::max<clock::rep>(0, took / step));
  ++counts_[std::min(at, counts_.size() - 1)];
  ++total_;
  most_ = std::max(most_, took);
}

double latencies::quantile_ms(double share) const {
  if (total_ == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
  std::uint64_t seen = 0;
  std::size_t at = 0;
  for (; at < counts_.size() && seen <= wanted; ++at) seen += counts_[at];
  return std::chrono::duration<double, std::milli>(step).count() * static_cast<double>(at);
}

open_loop::open_loop(asio::io_context& io, client& redis, std::uint64_t seed)
    : io_(io), redis_(redis), random_(seed), large_(large_size, 'x') {
  for (std::size_t i = 0; i < key_count; ++i) {
    names_[i] = key_of(i);
    values_[i] = value_of(names_[i]);
  }
}

asio::awaitable<void> open_loop::pause(std::chrono::microseconds time) {
  asio::steady_timer timer(io_, time);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> open_loop::offer_for(offer what, double per_second, milliseconds time) {
  const auto begin = clock::now();
  const double per_tick = per_second * std::chrono::duration<double>(tick).count();
  double owed = 0;
  auto last = begin;
  for (auto now = begin; now < begin + time; now = clock::now()) {
    lag = std::max<clock::duration>(lag, now - last - tick);
    owed += per_second * std::chrono::duration<double>(now - last).count();
    owed = std::min(owed, per_tick * most_ticks_at_once);
    last = now;
    for (; owed >= 1; --owed) start(what);
    most_memory = std::max(most_memory, resident_memory());
    co_await pause(tick);
  }
}

asio::awaitable<double> open_loop::closed_loop(offer what, std::size_t width, milliseconds time) {
  constexpr int windows = 10;
  refill_ = true;
  refill_with_ = what;
  for (std::size_t i = 0; i < width; ++i) start(what);
  double best = 0;
  for (int i = 0; i < windows; ++i) {
    const auto begin = clock::now();
    const std::uint64_t before = figures.answered;
    co_await pause(time / windows);
    const std::chrono::duration<double> spent = clock::now() - begin;
    best = std::max(best, static_cast<double>(figures.answered - before) / spent.count());
  }
  refill_ = false;
  co_return best;
}

asio::awaitable<bool> open_loop::settle(milliseconds limit) {
  const auto end = clock::now() + limit;
  while (outstanding_ > 0 && clock::now() < end) co_await pause(1ms);
  if (outstanding_ > 0) complain(std::to_string(outstanding_) + " operations never ended");
  co_return outstanding_ == 0;
}

asio::awaitable<bool> open_loop::answers_again(milliseconds limit) {
  const auto end = clock::now() + limit;
  const std::uint64_t before = figures.answered;
  while (figures.answered == before && clock::now() < end) {
    start(offer::mixed);
    co_await settle(limit);
    co_await pause(1ms);
  }
  co_return figures.answered != before;
}

void open_loop::start(offer what) {
  ++figures.offered;
  switch (what) {
    case offer::mixed:
      return start_small();
    case offer::large:
      return random_() % 8 == 0 ? start_small() : start_large();
    case offer::slow:
      return start_slow();
  }
}

open_loop::ticket open_loop::enter() {
  if (free_.empty()) {
    free_.push_back(slots_.size());
    slots_.emplace_back();
  }
  const std::size_t where = free_.back();
  free_.pop_back();
  slots_[where] = {.number = ++last_number_, .begin = clock::now(), .timeout = timeout_};
  ++outstanding_;
  return {where, last_number_};
}

void open_loop::start_small() {
  call_options with;
  with.timeout = timeout_;
  const ticket at = enter();
  const std::uint64_t kind = random_() % 4;
  if (kind == 0) {
    slots_[at.where].counts = true;
    redis_.with(with).exec<std::int64_t>("INCR",
                                         "counter")([this, at](const std::exception_ptr& failure, std::int64_t value) {
      // Sent in order over one connection, and answered in order.
      const bool own = failure || value > last_count_;
      if (!failure) last_count_ = value;
      ended(at, failure, own, "INCR");
    });
  } else if (kind == 1) {
    redis_.with(with).exec<std::string>(
        "ECHO", own_text(at.number))([this, at](const std::exception_ptr& failure, const std::string& value) {
      ended(at, failure, value == own_text(at.number), "ECHO");
    });
  } else {
    const std::size_t key = random_() % key_count;
    redis_.with(with).get<std::string>(names_[key])(
        [this, at, key](const std::exception_ptr& failure, const std::optional<std::string>& value) {
          ended(at, failure, value == values_[key], "GET");
        });
  }
}

void open_loop::start_large() {
  call_options with;
  with.timeout = timeout_;
  const ticket at = enter();
  redis_.with(with).set("large:" + std::to_string(at.number % key_count), large_)(
      [this, at](const std::exception_ptr& failure, bool stored) { ended(at, failure, stored, "SET"); });
}

void open_loop::start_slow() {
  call_options with;
  with.timeout = timeout_;
  const ticket at = enter();
  redis_.with(with).exec<std::string>("EVAL", script(), 0, own_text(at.number),
                                      spins)([this, at](const std::exception_ptr& failure, const std::string& value) {
    ended(at, failure, value == own_text(at.number), "EVAL");
  });
}

void open_loop::ended(ticket at, const std::exception_ptr& failure, bool own, const char* name) {
  slot& here = slots_[at.where];
  if (here.number != at.number) {
    complain(std::string(name) + " ended twice");
    return;
  }
  const auto took = clock::now() - here.begin;
  figures.past_deadline = std::max<clock::duration>(figures.past_deadline, took - here.timeout);
  if (failure) {
    count_failure(here, failure, took);
  } else {
    ++figures.answered;
    figures.counted += here.counts ? 1u : 0u;
    figures.took.add(took);
    if (!own) complain(std::string(name) + " was answered what belongs to another");
  }
  here.number = 0;
  free_.push_back(at.where);
  --outstanding_;
  if (refill_) start(refill_with_);
}

void open_loop::count_failure(const slot& of, const std::exception_ptr& failure, clock::duration took) {
  try {
    std::rethrow_exception(failure);
  } catch (const overloaded& e) {
    ++figures.overloaded;
    figures.refused_within = std::max(figures.refused_within, took);
    if (e.maybe_applied()) complain(std::string("overloaded, yet perhaps executed: ") + e.what());
  } catch (const error& e) {
    if (dynamic_cast<const timeout_error*>(&e) != nullptr) {
      ++figures.timed_out;
    } else if (dynamic_cast<const connection_error*>(&e) != nullptr) {
      ++figures.unconnected;
    } else {
      complain(std::string("failed otherwise: ") + e.what());
    }
    figures.maybe += e.maybe_applied() ? 1u : 0u;
    figures.maybe_counted += e.maybe_applied() && of.counts ? 1u : 0u;
  } catch (const std::exception& e) {
    complain(std::string("failed otherwise: ") + e.what());
  }
}

void open_loop::complain(const std::string& what) {
  if (wrong.size() < most_complaints) wrong.push_back(what);
}

}  // namespace redstart::chaos
