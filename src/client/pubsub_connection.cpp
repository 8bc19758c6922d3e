// SPDX-License-Identifier: MIT
// The driver half of `pubsub_service`: keeps the connection, reads it, writes to it.
#include "client/pubsub_service.hpp"
#include "core/error_reply.hpp"
#include "net/duration_text.hpp"
#include "redstart/error.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/consign.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace redstart::detail {

namespace {

using clock = core::time_point::clock;

using net::milliseconds;

constexpr const char* idle = "nobody is subscribed";

}  // namespace

// --- Connecting ------------------------------------------------------------------------------------------------------

// One that is on its way out starts its successor itself.
void pubsub_service::start() {
  if (running_) return;
  stop_ = std::make_shared<asio::cancellation_signal>();
  asio::co_spawn(strand_, run(shared_from_this()),
                 asio::consign(asio::bind_cancellation_slot(stop_->slot(), asio::detached), stop_));
  running_ = true;
}

asio::awaitable<void> pubsub_service::run(std::shared_ptr<pubsub_service> self) {
  // When the executor is destroyed this frame goes without reaching its end.
  struct discard_at_destruction {
    pubsub_service* of;
    ~discard_at_destruction() {
      if (of) of->discard_all();
    }
  } guard{self.get()};

  while (self->wanted()) {
    std::string why;
    try {
      if (co_await self->connect()) why = co_await self->serve();
    } catch (const std::exception& e) {
      why = e.what();  // no memory for a reply, or closed
    }
    self->lose(why);
    if (self->wanted() && !self->settled_) co_await self->pause();
  }
  guard.of = nullptr;
  self->running_ = self->stopping_ = false;
  if (self->wanted()) self->start();
  self->changed_.notify_all();
}

asio::awaitable<bool> pubsub_service::connect() {
  settled_ = false;
  bool pointless = false;
  std::unique_ptr<net::connection> opened;
  try {
    opened = co_await net::connection::open(strand_, options_->connection);
  } catch (const net::login_refused& e) {
    last_error_ = e.what();
    pointless = true;
  } catch (const config_error& e) {
    last_error_ = e.what();
    pointless = true;
  } catch (const error& e) {
    last_error_ = e.what();
  }
  if (!wanted()) co_return false;
  if (opened) {
    adopt(std::move(opened));
    co_return true;
  }
  // Established subscriptions go on waiting for better days; a new one is told at once.
  if (pointless) fail_waiting(last_error_);
  co_return false;
}

// Also after a connection that broke before it was of any use: one that the server accepts only to drop it.
asio::awaitable<void> pubsub_service::pause() {
  const auto wait = backoff_.next();
  log(log_level::warning,
      "no pub/sub connection to " + options_->display + ": " + last_error_ + "; next try in " + milliseconds(wait));
  pause_.expires_after(wait);
  net::error_code interrupted;
  co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, interrupted));
}

void pubsub_service::fail_waiting(const std::string& why) {
  std::vector<std::shared_ptr<listener>> waiting;
  for (const auto& [state, one] : listeners_.all()) {
    if (!one->established) waiting.push_back(one);
  }
  for (const auto& one : waiting) {
    end(one, std::make_exception_ptr(connection_error(one->state->description() + " failed: no connection: " + why)));
  }
}

void pubsub_service::adopt(std::unique_ptr<net::connection> opened) {
  connection_ = std::move(opened);
  broken_.clear();
  last_error_.clear();
  doubted_ = write_blocked_ = false;
  liveness_ = core::liveness(options_->health_check_interval, options_->liveness_timeout, clock::now());
  for (const auto& command : wishes_.resubscribe()) line_.push(verb::subscribe, command.kind, command.names);
  log(log_level::info, "connected to " + options_->display + " for pub/sub");
  service();
}

void pubsub_service::break_connection(const std::string& why) {
  if (!connection_ || !broken_.empty()) return;
  broken_ = why;
  connection_->close();
}

void pubsub_service::lose(const std::string& why) {
  if (!std::exchange(connection_, nullptr)) return;
  const core::time_point now = clock::now();
  last_error_ = why;
  timer_.cancel();
  timer_due_ = core::time_point::max();
  line_.clear();
  wishes_.lost(now);
  for (const auto& [state, one] : listeners_.all()) {
    recount(*one);
    if (one->established) one->state->interrupt(now);
  }
  changed_.notify_all();
  const bool meant = stopping_ || why == idle;
  log(meant ? log_level::info : log_level::warning,
      (meant ? "closed the pub/sub connection to " : "lost the pub/sub connection to ") + options_->display + ": " +
          why);
}

// --- Reading ---------------------------------------------------------------------------------------------------------

asio::awaitable<std::string> pubsub_service::serve() {
  const auto connected = connection_;
  for (;;) {
    const bool alive = co_await connected->read();
    handle_replies();
    if (!broken_.empty()) co_return broken_;
    if (!alive) co_return connected->failure();
    if (wishes_.empty() && line_.empty()) {
      connected->close();
      co_return idle;
    }
  }
}

void pubsub_service::handle_replies() {
  const core::time_point now = clock::now();
  const std::uint64_t answered = line_.answered();
  core::reply_batch& replies = connection_->replies();
  liveness_.received(now);
  doubted_ = false;
  for (std::size_t i = 0; i < replies.size() && broken_.empty(); ++i) handle(replies[i], now);
  replies.clear();
  for (const auto& listener : std::exchange(full_, {})) withdraw(listener);
  if (line_.empty() && !settled_) {
    settled_ = true;
    backoff_.reset();
  }
  if (line_.answered() != answered) changed_.notify_all();
  service();
}

void pubsub_service::handle(reply_view reply, core::time_point now) {
  if (const auto event = core::read_pubsub(reply, connection_->session().protocol)) {
    handle_event(*event, now);
  } else if (reply.is_error()) {
    refuse(reply.text(), now);
  } else if (reply.kind() == reply_kind::simple_string) {
    if (!line_.answer(verb::ping)) break_connection("the server answered what nobody had asked");
  } else if (reply.kind() != reply_kind::push) {
    break_connection("the server sent what is no pub/sub message");
  }
}

void pubsub_service::handle_event(const core::pubsub_event& event, core::time_point now) {
  bool expected = true;
  switch (event.type) {
    case core::pubsub_event_type::message:
      deliver(event, now);
      break;
    case core::pubsub_event_type::subscribed:
      expected = line_.answer(verb::subscribe, event.kind);
      if (expected) confirm(event, now);
      break;
    case core::pubsub_event_type::unsubscribed:
      expected = line_.answer(verb::unsubscribe, event.kind);
      if (expected) wishes_.confirmed(event.kind, event.name(), false, now);
      break;
    case core::pubsub_event_type::pong:
      expected = line_.answer(verb::ping);
      break;
  }
  if (!expected) break_connection("the server answered what nobody had asked");
}

void pubsub_service::deliver(const core::pubsub_event& event, core::time_point now) {
  const message_view arrived{event.channel, event.pattern, event.payload};
  for (const auto& holder : listeners_.holders(event.kind, event.name())) {
    // Before all of its names are confirmed a listener has no messages: some would be missing without a notice.
    if (holder->established && !holder->state->deliver(arrived, now)) full_.push_back(holder);
  }
}

void pubsub_service::confirm(const core::pubsub_event& event, core::time_point now) {
  wishes_.confirmed(event.kind, event.name(), true, now);
  // Not yet when the name was given up and asked for again meanwhile: the last answer counts.
  if (!wishes_.is_confirmed(event.kind, event.name())) return;
  for (const auto& holder : listeners_.holders(event.kind, event.name())) {
    if (holder->missing != 0 && --holder->missing == 0) establish(*holder, now);
  }
}

// Redis refuses a command as a whole and does not say because of which name: each is asked for on its own, so that only
// those are refused that must be.
void pubsub_service::refuse(std::string_view text, core::time_point now) {
  const auto refused = line_.refuse();
  if (!refused) return break_connection("the server sent an error unasked: " + std::string(text));
  for (const std::string& name : refused->names) {
    const bool again = refused->what == verb::subscribe && !listeners_.holders(refused->kind, name).empty();
    if (again && refused->names.size() > 1) {
      const std::string_view alone[] = {name};
      line_.push(verb::subscribe, refused->kind, alone);
    } else if (again) {
      refuse_name(refused->kind, name, text, now);
    } else {
      wishes_.confirmed(refused->kind, name, false, now);
    }
  }
}

void pubsub_service::refuse_name(kind_type kind, const std::string& name, std::string_view text, core::time_point now) {
  wishes_.confirmed(kind, name, false, now);
  const std::string code(core::error_code(text));
  const std::string_view advice = core::advice(text);
  const listener_index::holder_list holders = listeners_.holders(kind, name);
  for (const auto& holder : holders) {
    if (holder->established && code != "NOPERM") {
      break_connection("the server refused to subscribe again: " + std::string(text));
      continue;
    }
    std::string message = holder->state->description() + (holder->established ? " ended: " : " failed: ");
    message.append(text).append(advice.empty() ? "" : "; ").append(advice);
    end(holder, std::make_exception_ptr(server_error(message, code, std::string(text))));
  }
}

// --- Writing ---------------------------------------------------------------------------------------------------------

void pubsub_service::post_service() {
  if (service_posted_) return;
  asio::post(strand_, [self = shared_from_this()] {
    self->service_posted_ = false;
    self->service();
  });
  service_posted_ = true;
}

// Everything that is due now: asks after a silent peer, sends, sets the timer.
void pubsub_service::service() {
  if (!connection_ || !broken_.empty()) return;
  const core::time_point now = clock::now();
  check_liveness(now);
  flush();
  liveness_.awaiting(!line_.empty(), now);
  arm_timer(doubted_ ? now + std::chrono::milliseconds(1) : liveness_.next());
}

void pubsub_service::flush() {
  while (!write_blocked_ && connection_->can_write() && !line_.output().empty()) {
    const std::size_t size = line_.output().size();
    const std::size_t taken = connection_->try_write(line_.output());
    line_.wrote(taken);
    if (taken < size && connection_->can_write()) wait_until_writable();
  }
}

void pubsub_service::wait_until_writable() {
  write_blocked_ = true;
  const auto wait = [](std::shared_ptr<pubsub_service> self,
                       std::shared_ptr<net::connection> blocked) -> asio::awaitable<void> {
    co_await blocked->wait_writable();
    if (self->connection_ != blocked) co_return;
    self->write_blocked_ = false;
    self->service();
  };
  asio::co_spawn(strand_, wait(shared_from_this(), connection_), asio::detached);
}

void pubsub_service::check_liveness(core::time_point now) {
  switch (liveness_.check(now)) {
    case core::liveness_action::nothing:
      doubted_ = false;
      break;
    case core::liveness_action::ping:
      line_.push(verb::ping);
      break;
    case core::liveness_action::dead:
      // The loop may have been kept busy, with the peer's answer lying in the socket: it gets a chance to be read.
      if (std::exchange(doubted_, true)) {
        break_connection("the server was silent for " + milliseconds(options_->liveness_timeout));
      }
      break;
  }
}

void pubsub_service::arm_timer(core::time_point due) {
  if (due >= timer_due_ || stopping_) return;
  timer_due_ = due;
  timer_.expires_at(due);
  timer_.async_wait([weak = weak_from_this()](net::error_code ec) {
    const auto self = weak.lock();
    if (ec || !self) return;
    self->timer_due_ = core::time_point::max();
    self->service();
  });
}

void pubsub_service::log(log_level level, const std::string& text) const {
  if (options_->log) options_->log(level, text);
}

}  // namespace redstart::detail
