// SPDX-License-Identifier: MIT
#include "live_feed.hpp"

#include "event.hpp"
#include "json_text.hpp"
#include "keys.hpp"
#include "timestamp.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <chrono>
#include <exception>
#include <utility>

namespace hub {

using namespace std::chrono_literals;
namespace web = redstart::web;

// A client's place in the list, for as long as it is served.
class live_feed::membership {
 public:
  membership(live_feed& feed, web::websocket socket, bool with_stats) : feed_(feed) {
    const std::lock_guard lock(feed_.mutex_);
    place_ = feed_.members_.insert(feed_.members_.end(), member{std::move(socket), with_stats});
  }
  membership(const membership&) = delete;
  membership& operator=(const membership&) = delete;
  ~membership() {
    const std::lock_guard lock(feed_.mutex_);
    feed_.members_.erase(place_);
  }

 private:
  live_feed& feed_;
  std::list<member>::iterator place_;
};

live_feed::live_feed(redstart::client& redis, const settings& of, const totals& counted, redstart::log_sink log)
    : redis_(redis),
      strand_(asio::make_strand(redis.get_executor())),
      totals_(counted),
      log_(std::move(log)),
      cameras_(redis, of) {}

void live_feed::start() {
  deaf_since_ = std::chrono::steady_clock::now();
  spawn(listen());
  spawn(watch_cameras());
  spawn(tell_stats());
}

void live_feed::spawn(asio::awaitable<void> loop) {
  ++running_;
  asio::co_spawn(strand_, std::move(loop), [this](const std::exception_ptr&) { --running_; });
}

asio::awaitable<void> live_feed::stop() { return asio::co_spawn(strand_, end_loops(), asio::use_awaitable); }

asio::awaitable<void> live_feed::end_loops() {
  stopping_ = true;
  asio::steady_timer poll(strand_);
  while (running_ > 0) {
    subscription_.close();
    for (auto& timer : timers_) timer.cancel();
    poll.expires_after(2ms);
    co_await poll.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<void> live_feed::serve(web::websocket socket, bool with_stats) {
  std::string hello;
  object_writer(hello).text("type", "hello").text("server_time", to_iso(present())).number("heartbeat_s", 20).end();
  // First the place: a page asks for what it missed when it is greeted, and gets everything after that from here.
  const membership place(*this, socket, with_stats);
  socket.send(std::move(hello));
  co_await socket.closed();
}

void live_feed::broadcast(std::string text) { send(std::move(text), false); }

std::size_t live_feed::clients() const {
  const std::lock_guard lock(mutex_);
  return members_.size();
}

void live_feed::send(std::string text, bool stats_only) {
  const auto shared = std::make_shared<const std::string>(std::move(text));
  const std::lock_guard lock(mutex_);
  for (member& each : members_) {
    if (!stats_only || each.with_stats) each.socket.send(shared);
  }
}

// --- From Redis ------------------------------------------------------------------------------------------------------

asio::awaitable<void> live_feed::listen() {
  while (!stopping_) {
    try {
      co_await listen_once();
    } catch (const std::exception& problem) {
      if (!stopping_) warn("listening to Redis", problem);
    }
    if (!deaf_since_) deaf_since_ = std::chrono::steady_clock::now();
    if (!stopping_) co_await pause(500ms);
  }
}

// Between two subscriptions nobody counts what is missed.
void live_feed::tell_gap() {
  if (!deaf_since_) return;
  const auto deaf = std::chrono::steady_clock::now() - *deaf_since_;
  deaf_since_.reset();
  if (clients() == 0) return;
  std::string notice;
  object_writer(notice)
      .text("type", "gap")
      .number("outage_ms", std::chrono::duration_cast<std::chrono::milliseconds>(deaf).count())
      .end();
  broadcast(std::move(notice));
}

// A subscription survives outages by itself; it ends when Redis no longer permits it, or with the client.
asio::awaitable<void> live_feed::listen_once() {
  subscription_ = co_await redis_.subscribe(keys::events, keys::camera_events);
  tell_gap();
  while (!stopping_) {
    const redstart::message received = co_await subscription_.next();
    pass_on(received);
  }
}

void live_feed::pass_on(const redstart::message& received) {
  using kind = redstart::message::kind_type;
  std::string notice;
  switch (received.kind) {
    case kind::gap:
      object_writer(notice).text("type", "gap").number("outage_ms", received.outage.count()).end();
      break;
    case kind::overflow:
      object_writer(notice).text("type", "overflow").number("dropped", received.dropped).end();
      break;
    case kind::message: {
      // Anybody may publish anything; screens get JSON objects.
      boost::system::error_code no_json;
      const json::value value = json::parse(received.payload, no_json);
      if (no_json || !value.is_object()) return;
      if (received.channel == keys::camera_events) note_status(value.get_object());
      notice = received.payload;
      break;
    }
  }
  broadcast(std::move(notice));
}

void live_feed::note_status(const json::object& status) {
  const json::value* id = status.if_contains("camera_id");
  if (id == nullptr || !id->is_string()) return;
  if (!is_camera_id({id->get_string().data(), id->get_string().size()})) return;
  const std::string_view camera(id->get_string().data(), id->get_string().size());
  if (const json::value* type = status.if_contains("type"); type != nullptr && *type == "camera_forgotten") {
    cameras_.note_told(camera, std::nullopt);
    return;
  }
  const json::value* state = status.if_contains("status");
  if (state != nullptr && state->is_string()) cameras_.note_told(camera, *state == "online");
}

// --- What nobody publishes -------------------------------------------------------------------------------------------

asio::awaitable<void> live_feed::watch_cameras() {
  bool failing = false;
  while (!stopping_) {
    try {
      const auto changed = co_await cameras_.changes();
      for (const camera& each : changed) broadcast(json::serialize(status_message(each)));
      failing = false;
    } catch (const std::exception& problem) {
      if (!std::exchange(failing, true) && !stopping_) warn("looking at the cameras", problem);
    }
    co_await pause(1s);
  }
}

asio::awaitable<void> live_feed::tell_stats() {
  while (!stopping_) {
    co_await pause(1s);
    if (stopping_ || clients() == 0) continue;
    std::string text = co_await stats();
    send(std::move(text), true);
  }
}

asio::awaitable<std::string> live_feed::stats() {
  const auto asked = std::chrono::steady_clock::now();
  std::size_t queued = 0;
  bool healthy = true;
  try {
    queued = co_await redis_.with({.timeout = 1s}).get_queue_length(keys::detections);
  } catch (const std::exception&) {
    healthy = false;
  }
  const auto latency = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - asked);
  std::string redis;
  if (healthy) {
    object_writer(redis).text("status", "healthy").number("latency_us", latency.count()).end();
  } else {
    object_writer(redis).text("status", "unhealthy").raw("latency_us", "null").end();
  }
  std::string text;
  object_writer writer(text);
  writer.text("type", "stats");
  if (healthy) {
    writer.number("queued", queued);
  } else {
    writer.raw("queued", "null");
  }
  writer.number("posted", totals_.posted.get())
      .number("processed", totals_.processed.get())
      .number("alerts", totals_.alerts.get())
      .number("clients", clients())
      .raw("redis", redis)
      .end();
  co_return text;
}

asio::awaitable<void> live_feed::pause(std::chrono::milliseconds time) {
  const auto timer = timers_.emplace(timers_.end(), strand_, time);
  boost::system::error_code cancelled;
  co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  timers_.erase(timer);
}

void live_feed::warn(std::string_view what, const std::exception& problem) {
  if (log_) log_(redstart::log_level::warning, std::string(what) + " failed: " + problem.what());
}

}  // namespace hub
