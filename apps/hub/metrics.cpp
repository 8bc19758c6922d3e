// SPDX-License-Identifier: MIT
#include "metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <vector>

namespace hub {

namespace http = redstart::web::http;

namespace {

using families = std::vector<prometheus::MetricFamily>;

// Adds a family with one series, or another series to the last family when it is the same one.
void add(families& to, prometheus::MetricType type, const char* name, const char* help, double value,
         std::vector<prometheus::ClientMetric::Label> labels = {}) {
  if (to.empty() || to.back().name != name) to.push_back({name, help, type, {}});
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  to.back().metric.push_back(std::move(metric));
}

void add_count(families& to, const char* name, const char* help, const total& value) {
  add(to, prometheus::MetricType::Counter, name, help, static_cast<double>(value.get()));
}

void add_gauge(families& to, const char* name, const char* help, double value,
               std::vector<prometheus::ClientMetric::Label> labels = {}) {
  add(to, prometheus::MetricType::Gauge, name, help, value, std::move(labels));
}

void add_totals(families& to, const totals& counted) {
  add_count(to, "redstart_hub_events_posted_total", "Events that came in and were queued.", counted.posted);
  add_count(to, "redstart_hub_requests_rejected_total", "Requests with events that were refused.", counted.rejected);
  add_count(to, "redstart_hub_events_processed_total", "Events that were scored.", counted.processed);
  add_count(to, "redstart_hub_alerts_total", "Alerts that were published.", counted.alerts);
  add_count(to, "redstart_hub_alerts_repeated_total", "Alerts left out: their object had been alerted before.",
            counted.repeated);
  add_count(to, "redstart_hub_events_unreadable_total", "Elements of the queue that were no events.",
            counted.unreadable);
  add_count(to, "redstart_hub_events_unkept_total", "Of these, those that Redis refused to keep.", counted.unkept);
  add_count(to, "redstart_hub_events_given_back_total", "Elements put back unprocessed.", counted.given_back);
  add_count(to, "redstart_hub_write_retries_total", "Tries that failed to write what came of a batch.",
            counted.retries);
  add_count(to, "redstart_hub_cameras_unlisted_total", "Cameras of batches that were not listed: there were enough.",
            counted.unlisted);
}

void add_redis(families& to, const redstart::health& redis) {
  const auto number = [](auto value) { return static_cast<double>(value); };
  add_gauge(to, "redstart_hub_redis_up", "1 when Redis answers.", redis.healthy() ? 1 : 0);
  if (redis.healthy()) {
    const std::chrono::duration<double> latency = redis.latency;
    add_gauge(to, "redstart_hub_redis_latency_seconds", "From asking Redis to its answer.", latency.count());
  }
  constexpr const char* name = "redstart_hub_redis_connections";
  constexpr const char* help = "Connections to Redis.";
  add_gauge(to, name, help, number(redis.lanes.connected), {{"kind", "lane"}});
  add_gauge(to, name, help, number(redis.pool.leased), {{"kind", "leased"}});
  add_gauge(to, name, help, number(redis.pool.idle), {{"kind", "idle"}});
  add_gauge(to, "redstart_hub_redis_operations", "Operations that Redis has not answered yet.",
            number(redis.lanes.operations));
  add(to, prometheus::MetricType::Counter, "redstart_hub_redis_reconnects_total",
      "Connections made in place of lost ones.", number(redis.lanes.reconnects));
}

}  // namespace

metrics::metrics()
    : responses_(prometheus::BuildCounter()
                     .Name("redstart_hub_http_responses_total")
                     .Help("Responses, by route and status.")
                     .Register(registry_)),
      durations_(prometheus::BuildHistogram()
                     .Name("redstart_hub_http_response_seconds")
                     .Help("How long responses took to make, by route.")
                     .Register(registry_)) {}

void metrics::count_response(std::string_view pattern, http::verb method, http::status status,
                             std::chrono::nanoseconds took) {
  const std::string_view route = pattern.empty() ? "(none)" : pattern;
  // Methods that nobody has a route for could be anything.
  const auto method_text = pattern.empty() ? boost::beast::string_view("(any)") : http::to_string(method);
  const std::lock_guard lock(mutex_);
  const route_view key(route, {method_text.data(), method_text.size()});
  auto known = series_.find(key);
  if (known == series_.end()) {
    const prometheus::Labels labels{{"route", std::string(key.first)}, {"method", std::string(key.second)}};
    static const prometheus::Histogram::BucketBoundaries seconds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                                 0.025,  0.05,    0.1,    0.25,  0.5,    1,     5};
    known = series_.emplace(route_key(key), series{&durations_.Add(labels, seconds), {}}).first;
  }
  prometheus::Counter*& counter = known->second.by_status[static_cast<unsigned>(status)];
  if (counter == nullptr) {
    counter = &responses_.Add({{"route", std::string(key.first)},
                               {"method", std::string(key.second)},
                               {"status", std::to_string(static_cast<unsigned>(status))}});
  }
  counter->Increment();
  known->second.durations->Observe(std::chrono::duration<double>(took).count());
}

std::string metrics::text(const totals& counted, const momentary_figures& now) const {
  families all = registry_.Collect();
  add_totals(all, counted);
  if (now.queued) {
    add_gauge(all, "redstart_hub_queue_length", "Events that wait in Redis.", static_cast<double>(*now.queued));
  }
  add_gauge(all, "redstart_hub_websocket_clients", "Screens that are connected.", static_cast<double>(now.clients));
  add_gauge(all, "redstart_hub_uptime_seconds", "Since the hub was started.", static_cast<double>(now.uptime.count()));
  add_redis(all, now.redis);
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace hub
