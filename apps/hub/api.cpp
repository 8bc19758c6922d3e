// SPDX-License-Identifier: MIT
#include "api.hpp"

#include "access.hpp"
#include "dashboard.hpp"
#include "keys.hpp"
#include "posted.hpp"

#include <boost/describe/class.hpp>

#include <redstart/client.hpp>
#include <redstart/error.hpp>
#include <redstart/web/http_error.hpp>
#include <redstart/web/parameters.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace hub {

namespace web = redstart::web;
namespace http = redstart::web::http;

// --- What is answered ------------------------------------------------------------------------------------------------

struct queued_answer {
  std::string status = "queued";
  std::size_t queue_length = 0;
  std::size_t accepted = 0;
};
BOOST_DESCRIBE_STRUCT(queued_answer, (), (status, queue_length, accepted))

struct camera_list {
  std::vector<json::object> cameras;
};
BOOST_DESCRIBE_STRUCT(camera_list, (), (cameras))

struct alert_list {
  std::vector<json::value> alerts;
};
BOOST_DESCRIBE_STRUCT(alert_list, (), (alerts))

struct queue_view {
  std::string queue;
  std::size_t length = 0;
  std::vector<json::value> items;
};
BOOST_DESCRIBE_STRUCT(queue_view, (), (queue, length, items))

struct queue_cleared {
  std::string queue;
  bool cleared = false;
};
BOOST_DESCRIBE_STRUCT(queue_cleared, (), (queue, cleared))

struct forgotten_answer {
  std::string camera_id;
  bool forgotten = false;
};
BOOST_DESCRIBE_STRUCT(forgotten_answer, (), (camera_id, forgotten))

struct health_answer {
  std::string status;
  bool connected = false;
  std::string redis_version;
  std::string reason;
  std::int64_t latency_us = 0;
  std::string role;
  std::size_t operations = 0;
  std::uint64_t reconnects = 0;
};
BOOST_DESCRIBE_STRUCT(health_answer, (),
                      (status, connected, redis_version, reason, latency_us, role, operations, reconnects))

struct stats_answer {
  std::uint64_t posted = 0;
  std::uint64_t processed = 0;
  std::uint64_t alerts = 0;
  std::uint64_t repeated = 0;
  std::uint64_t unreadable = 0;
  std::uint64_t rejected = 0;
  std::size_t queued = 0;
  std::size_t clients = 0;
  std::int64_t uptime_s = 0;
};
BOOST_DESCRIBE_STRUCT(stats_answer, (),
                      (posted, processed, alerts, repeated, unreadable, rejected, queued, clients, uptime_s))

struct route_text {
  std::string method;
  std::string path;
  std::string summary;
};
BOOST_DESCRIBE_STRUCT(route_text, (), (method, path, summary))

struct route_list {
  std::vector<route_text> routes;
};
BOOST_DESCRIBE_STRUCT(route_list, (), (routes))

namespace {

[[noreturn]] void refuse(std::initializer_list<json::value_ref> place, const std::string& why) {
  throw web::validation_error(json::array(place), why);
}

// --- Events ----------------------------------------------------------------------------------------------------------

// Events are queued exactly as they were posted, so that workers written by others find in them what cameras say.
asio::awaitable<queued_answer> post_events(const web::request& asked, const redstart::client& redis, totals& counted,
                                           const settings& of, const writer&) {
  thread_local posted_events posted(of.utc_offset);
  if (!posted.read(asked.body())) {
    counted.rejected.add();
    const event_problem& problem = posted.problem();
    throw web::validation_error(problem.place, problem.message, problem.type);
  }
  queued_answer answer;
  answer.accepted = posted.events().size();
  // Encoded before the first wait: afterwards another request may be read into `posted`.
  auto adding = redis.add_to_queue(keys::detections, redstart::each(posted.events()));
  answer.queue_length = co_await std::move(adding);
  counted.posted.add(answer.accepted);
  co_return answer;
}

asio::awaitable<alert_list> recent_alerts(const redstart::client& redis, const settings& of,
                                          web::query<std::size_t, "limit", 50> limit) {
  if (limit < 1 || limit > of.recent_alerts) {
    refuse({"query", "limit"}, "expected 1 to " + std::to_string(of.recent_alerts));
  }
  alert_list found;
  found.alerts = co_await redis.peek_queue(keys::alerts, 0, static_cast<std::int64_t>(limit.value) - 1);
  co_return found;
}

// --- Cameras ---------------------------------------------------------------------------------------------------------

void check_camera(std::string_view id) {
  if (!is_camera_id(id)) refuse({"path", "id"}, "a camera's id is 1 to 64 of A-Z a-z 0-9 _ . -");
}

web::http_error unknown_camera() { return {http::status::not_found, "no camera of this id is known"}; }

constexpr std::size_t most_status_bytes = 16 * 1024;  // it is kept, and sent to every screen

asio::awaitable<json::object> put_status(web::path<std::string, "id"> id, json::object status,
                                         const web::request& asked, cameras& known, const writer&) {
  if (asked.body().size() > most_status_bytes) refuse({"body"}, "a status has at most 16384 bytes");
  const json::value* online = status.if_contains("online");
  if (online != nullptr && !online->is_bool()) refuse({"body", "online"}, "expected true or false");
  check_camera(*id);
  try {
    const camera stored = co_await known.put_status(*id, std::move(status), present());
    co_return to_json(stored);
  } catch (const too_many_cameras& full) {
    throw web::http_error(http::status::insufficient_storage,
                          std::string(full.what()) + "; DELETE /cameras/{id} forgets one that is gone");
  }
}

asio::awaitable<camera_list> list_cameras(cameras& known) {
  camera_list list;
  const auto all = co_await known.list();
  for (const camera& each : all) list.cameras.push_back(to_json(each));
  co_return list;
}

asio::awaitable<json::object> get_camera(web::path<std::string, "id"> id, cameras& known) {
  check_camera(*id);
  const auto found = co_await known.get(*id);
  if (!found) throw unknown_camera();
  co_return to_json(*found);
}

asio::awaitable<forgotten_answer> forget_camera(web::path<std::string, "id"> id, cameras& known, const writer&) {
  check_camera(*id);
  forgotten_answer answer;
  answer.camera_id = *id;
  answer.forgotten = co_await known.forget(*id);
  if (!answer.forgotten) throw unknown_camera();
  co_return answer;
}

// --- Queues ----------------------------------------------------------------------------------------------------------

asio::awaitable<std::size_t> length_of_queue(const redstart::client& redis, const std::string& name) {
  try {
    const std::size_t length = co_await redis.get_queue_length(name);
    co_return length;
  } catch (const redstart::server_error& problem) {
    if (problem.code() != "WRONGTYPE") throw;
  }
  throw web::http_error(http::status::conflict, "this key is something else than a queue");
}

asio::awaitable<queue_view> view_queue(web::path<std::string, "name"> name, web::query<std::int64_t, "start", 0> start,
                                       web::query<std::int64_t, "end", 9> end, const redstart::client& redis) {
  constexpr std::int64_t most = 1000;
  if (start < 0) refuse({"query", "start"}, "expected 0 or more");
  if (end < start) refuse({"query", "end"}, "expected start or more");
  if (end - start >= most) refuse({"query", "end"}, "at most 1000 items at a time");
  queue_view view;
  view.queue = name;
  view.length = co_await length_of_queue(redis, name);
  view.items = co_await redis.peek_queue(name.value, start, end);
  co_return view;
}

asio::awaitable<queue_cleared> clear_queue(web::path<std::string, "name"> name, const redstart::client& redis,
                                           const writer&) {
  queue_cleared answer;
  answer.queue = name;
  // What is no queue shall not be deleted by mistake.
  co_await length_of_queue(redis, name);
  answer.cleared = co_await redis.clear_queue(name.value);
  co_return answer;
}

// --- About the hub ---------------------------------------------------------------------------------------------------

health_answer answer_of(const redstart::health& found) {
  return {found.status,          found.connected, found.redis_version,    found.reason,
          found.latency.count(), found.role,      found.lanes.operations, found.lanes.reconnects};
}

asio::awaitable<web::response> health(redstart::client* redis) {
  redstart::health found;
  found.reason = "not connected yet";
  if (redis != nullptr) found = co_await redis->health_check();
  const auto status = found.healthy() ? http::status::ok : http::status::service_unavailable;
  co_return web::response::json(answer_of(found), status);
}

std::int64_t uptime() {
  static const auto started = std::chrono::steady_clock::now();
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started).count();
}

asio::awaitable<stats_answer> stats(const redstart::client& redis, const totals& counted, const live_feed& feed) {
  stats_answer answer;
  answer.queued = co_await redis.get_queue_length(keys::detections);
  answer.posted = counted.posted.get();
  answer.processed = counted.processed.get();
  answer.alerts = counted.alerts.get();
  answer.repeated = counted.repeated.get();
  answer.unreadable = counted.unreadable.get();
  answer.rejected = counted.rejected.get();
  answer.clients = feed.clients();
  answer.uptime_s = uptime();
  co_return answer;
}

asio::awaitable<web::response> write_metrics(redstart::client* redis, const totals& counted, const live_feed& feed,
                                             const metrics& measured) {
  momentary_figures now;
  now.clients = feed.clients();
  now.uptime = std::chrono::seconds(uptime());
  if (redis != nullptr) now.redis = co_await redis->health_check();
  if (now.redis.healthy()) {
    try {
      now.queued = co_await redis->get_queue_length(keys::detections);
    } catch (const redstart::error&) {
      now.redis.status = "unhealthy";
    }
  }
  web::response made = web::response::text(measured.text(counted, now));
  made.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return made;
}

route_list list_routes(const web::application& app) {
  route_list list;
  for (const web::route& each : app.routes()) {
    list.routes.push_back({std::string(http::to_string(each.method)), each.pattern, each.summary});
  }
  return list;
}

asio::awaitable<void> live(web::websocket socket, web::query<bool, "stats", false> with_stats, live_feed& feed) {
  co_await feed.serve(std::move(socket), with_stats);
}

web::response file(const web::path<std::string, "name">& name, const web::request& asked) {
  return serve_file(*name, asked);
}

void add_providers(web::application& app, const services& shared) {
  app.provide([&of = shared.of]() -> const settings& { return of; });
  app.provide([&counted = shared.counted]() -> totals& { return counted; });
  app.provide([&feed = shared.feed]() -> live_feed& { return feed; });
  app.provide([&measured = shared.measured]() -> metrics& { return measured; });
  app.provide([&app]() -> web::application& { return app; });
  // One a request: its operations are made for one user at a time.
  app.provide([](const redstart::client& redis, const settings& of) { return cameras(redis, of); });
}

}  // namespace

void add_routes(web::application& app, const services& shared) {
  uptime();
  add_providers(app, shared);
  app.post("/events", post_events, "queue one event, or an array of events");
  app.put("/cameras/{id}/status", put_status, "what a camera says of itself");
  app.get("/cameras", list_cameras, "every camera that is known");
  app.get("/cameras/{id}", get_camera, "one camera");
  app.del("/cameras/{id}", forget_camera, "forget a camera");
  app.get("/alerts", recent_alerts, "recent alerts, newest first (limit)");
  app.get("/queues/{name}", view_queue, "a queue's length, and its items from start to end");
  app.del("/queues/{name}", clear_queue, "remove a queue's items");
  app.websocket_route("/ws", live, "every alert and change of a camera, live (stats=true: and figures)");
  app.get("/health", health, "how Redis is; 503 when it does not answer");
  app.get("/stats", stats, "what this process has done");
  app.get("/metrics", write_metrics, "the same and more, for Prometheus");
  app.get("/api", list_routes, "this list");
  app.get("/", [](const web::request& asked) { return serve_file("index.html", asked); }, "the dashboard");
  app.get("/dashboard/{name...}", file, "the dashboard's files");
  app.on_response([&measured = shared.measured](const web::request& asked, std::string_view pattern,
                                                http::status status, std::chrono::nanoseconds took) {
    measured.count_response(pattern, asked.method(), status, took);
  });
}

}  // namespace hub
