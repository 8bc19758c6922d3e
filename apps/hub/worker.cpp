// SPDX-License-Identifier: MIT
#include "worker.hpp"

#include "delivery.hpp"
#include "json_text.hpp"
#include "keys.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <redstart/error.hpp>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <exception>
#include <iterator>
#include <optional>
#include <random>
#include <ranges>
#include <utility>

namespace hub {

namespace {

using std::chrono::milliseconds;

// No two processes may give their alerts the same ids.
std::string random_prefix() {
  std::random_device random;
  std::string text;
  for (int i = 0; i < 12; ++i) text += "0123456789abcdef"[random() % 16];
  return text;
}

redstart::call_options write_options(const settings& of) {
  redstart::call_options options;
  options.timeout = of.write_timeout;
  return options;
}

}  // namespace

workers::workers(const asio::any_io_executor& executor, const redstart::client& redis, const settings& of,
                 totals& counts, redstart::log_sink log)
    : strand_(asio::make_strand(executor)),
      redis_(redis),
      writes_(redis.with(write_options(of))),
      settings_(of),
      totals_(counts),
      log_(std::move(log)),
      scorer_(of, random_prefix()),
      ended_(strand_, asio::steady_timer::time_point::max()) {}

workers::~workers() = default;

void workers::start() {
  assert(workers_.empty() && !stopping_);
  running_ = settings_.workers;
  for (std::size_t i = 0; i < settings_.workers; ++i) {
    worker& added = workers_.emplace_back(strand_);
    asio::co_spawn(strand_, work(added), asio::detached);
  }
}

asio::awaitable<workers::elements> workers::stop(milliseconds limit) {
  elements left = co_await asio::co_spawn(strand_, stop_here(limit), asio::use_awaitable);
  co_return left;
}

asio::awaitable<workers::elements> workers::stop_here(milliseconds limit) {
  stopping_ = true;
  interrupt(false);
  ended_.expires_after(limit);
  co_await all_ended();
  if (running_ > 0) {
    out_of_time_ = true;
    interrupt(true);
    ended_.expires_at(asio::steady_timer::time_point::max());
    co_await all_ended();
  }
  co_return std::move(leftovers_);
}

asio::awaitable<void> workers::all_ended() {
  if (running_ == 0) co_return;
  boost::system::error_code ignored;
  auto token = asio::redirect_error(asio::use_awaitable, ignored);
  co_await ended_.async_wait(token);
}

// Ends waits and pauses; `everything` also ends what is being written.
void workers::interrupt(bool everything) {
  for (worker& one : workers_) {
    one.timer.cancel();
    if (one.waiting || everything) one.cancel.emit(asio::cancellation_type::terminal);
  }
}

// --- One worker ------------------------------------------------------------------------------------------------------

asio::awaitable<void> workers::work(worker& me) {
  milliseconds wait = settings_.retry_first;
  while (!stopping_) {
    std::string trouble;
    try {
      elements batch = co_await take(me);
      me.waiting = false;
      wait = settings_.retry_first;
      if (!batch.empty()) co_await handle(me, std::move(batch));
    } catch (const std::exception& e) {
      trouble = e.what();
    }
    me.waiting = false;
    if (trouble.empty() || stopping_) continue;
    log(redstart::log_level::warning, "no events can be taken: " + trouble);
    co_await pause(me, wait);
  }
  if (--running_ == 0) ended_.cancel();
}

// As bytes: what is no event must not be lost in an exception.
asio::awaitable<workers::elements> workers::take(worker& me) {
  auto token = asio::bind_cancellation_slot(me.cancel.slot(), asio::use_awaitable);
  // A wait of zero would be a busy loop.
  const auto patience = std::max(settings_.batch_wait, milliseconds(10));
  const std::size_t most = std::max<std::size_t>(settings_.batch_size, 1);
  me.waiting = true;
  elements batch =
      co_await redis_.get_batch_from_queue<std::string>(keys::detections, most, patience, std::move(token));
  co_return batch;
}

asio::awaitable<void> workers::handle(worker& me, elements batch) {
  if (stopping_) {
    co_await give_back(me, std::move(batch), {});
    co_return;
  }
  std::optional<delivery> out;  // whatever happens, what it delivered does not go back
  std::string trouble;
  try {
    out.emplace(settings_, scorer_.score(batch, present()));
    co_await write(me, *out);
  } catch (const std::exception& e) {
    trouble = e.what();
  }
  elements unfinished;
  elements alerts;
  if (!out) {
    unfinished = std::move(batch);
  } else {
    count(*out, batch.size());
    for (const std::size_t index : out->unfinished()) unfinished.push_back(std::move(batch[index]));
    alerts = out->listed_in_vain();
  }
  if (!trouble.empty()) {
    log(redstart::log_level::error, "a batch was not processed, its events go back to the queue: " + trouble);
    scorer_.forget_alerted();  // or what comes back would pass for a repetition
    // Whatever it was, it would happen again at once.
    milliseconds wait = settings_.retry_longest;
    if (!stopping_) co_await pause(me, wait);
  }
  if (!unfinished.empty()) co_await give_back(me, std::move(unfinished), std::move(alerts));
}

// Ends when all is written, or when the workers are told to stop while Redis is away.
asio::awaitable<void> workers::write(worker& me, delivery& out) {
  milliseconds wait = settings_.retry_first;
  while (!out.done()) {
    const std::string trouble = co_await write_next(me, out);
    if (trouble.empty()) continue;
    totals_.retries.add();
    if (stopping_) break;
    log(redstart::log_level::warning, "a batch cannot be written yet: " + trouble);
    co_await pause(me, wait);
    if (stopping_) break;
  }
}

// Returns what has to be tried again, as a text.
asio::awaitable<std::string> workers::write_next(worker& me, delivery& out) {
  std::string trouble;
  try {
    auto token = asio::bind_cancellation_slot(me.cancel.slot(), asio::use_awaitable);
    redstart::pipeline left = out.next(present());
    const auto answers = co_await writes_.exec(std::move(left), std::move(token));
    const delivery_trouble refused = out.answered(answers);
    tell_refused(refused);
    trouble = refused.to_retry;
  } catch (const std::exception& e) {
    out.unanswered();
    trouble = e.what();
  }
  co_return trouble;
}

void workers::count(const delivery& out, std::size_t taken) {
  totals_.processed.add(taken - out.unreadable() - out.unfinished().size());
  totals_.alerts.add(out.published());
  totals_.repeated.add(out.repeated());
  totals_.unreadable.add(out.unreadable());
  totals_.unkept.add(out.unkept());
  totals_.unlisted.add(out.unlisted());
  if (out.unlisted() > 0) tell_unlisted();
}

void workers::tell_refused(const delivery_trouble& trouble) const {
  if (trouble.given_up.empty()) return;
  if (trouble.unkept.empty()) {
    log(redstart::log_level::error, "Redis refuses a part of what is kept of events: " + trouble.given_up);
    return;
  }
  std::string text =
      std::to_string(trouble.unkept.size()) + " elements that are no events are dropped, Redis refuses to keep them: ";
  text.append(trouble.given_up).append("; the first: ").append(beginning(trouble.unkept.front(), 500));
  log(redstart::log_level::error, text);
}

void workers::tell_unlisted() {
  const moment now = present();
  if (now < unlisted_told_ + std::chrono::minutes(1)) return;
  unlisted_told_ = now;
  log(redstart::log_level::warning, "events of new cameras are processed, but the cameras are not listed: there are " +
                                        std::to_string(settings_.max_cameras) +
                                        " already; DELETE /cameras/{id} makes room");
}

// --- Giving back -----------------------------------------------------------------------------------------------------

// `alerts` stand in the list and were not published: whoever takes their events again lists others.
asio::awaitable<void> workers::give_back(worker& me, elements unfinished, elements alerts) {
  milliseconds wait = settings_.retry_first;
  for (;;) {
    std::string trouble = "stopping took too long";
    if (!out_of_time_) trouble = co_await try_give_back(me, unfinished, alerts);
    if (trouble.empty()) {
      totals_.given_back.add(unfinished.size());
      co_return;
    }
    const std::string what = std::to_string(unfinished.size()) + " events cannot be given back to the queue: ";
    if (out_of_time_) {
      log(redstart::log_level::error, what + trouble);
      std::ranges::move(unfinished, std::back_inserter(leftovers_));
      co_return;
    }
    log(redstart::log_level::warning, what + trouble);
    co_await pause(me, wait);
  }
}

// All or none, and the alerts with them: without its event an alert has to stay in the list, where somebody may see it.
// When the answer is lost the elements are added once more: twice is better than never.
asio::awaitable<std::string> workers::try_give_back(worker& me, const elements& unfinished, elements& alerts) {
  std::string trouble;
  try {
    auto token = asio::bind_cancellation_slot(me.cancel.slot(), asio::use_awaitable);
    redstart::transaction all;
    for (const std::string& element : std::views::reverse(unfinished)) all.add("LPUSH", keys::detections, element);
    for (const std::string& alert : alerts) all.add("LREM", keys::alerts, 1, alert);
    const auto answers = co_await writes_.exec(std::move(all), std::move(token));
    for (std::size_t i = 0; i < std::min(unfinished.size(), answers.size()); ++i) {
      if (answers[i].is_error()) trouble = answers[i].text();
    }
  } catch (const redstart::server_error& e) {
    // Where alerts may not be taken from the list they stand there twice.
    if (e.code() == "NOPERM") alerts.clear();
    trouble = e.what();
  } catch (const std::exception& e) {
    trouble = e.what();
  }
  co_return trouble;
}

// Each pause is longer than the one before, up to a limit.
asio::awaitable<void> workers::pause(worker& me, milliseconds& time) {
  me.timer.expires_after(time);
  time = std::min(2 * time, settings_.retry_longest);
  boost::system::error_code ignored;
  auto token = asio::redirect_error(asio::use_awaitable, ignored);
  co_await me.timer.async_wait(token);
}

void workers::log(redstart::log_level level, const std::string& text) const {
  if (!log_) return;
  try {
    log_(level, text);
  } catch (...) {
    // No element is lost because it cannot be talked about.
  }
}

}  // namespace hub
