// SPDX-License-Identifier: MIT
// The hub's figures in the text format of Prometheus.
#pragma once

#include "totals.hpp"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <redstart/health.hpp>
#include <redstart/web/http.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hub {

/// What is only known when somebody asks.
struct momentary_figures {
  redstart::health redis;
  std::optional<std::size_t> queued;  ///< empty when Redis did not say
  std::size_t clients = 0;
  std::chrono::seconds uptime{};
};

/// Counts responses as they are made, and writes everything down. May be used from any thread.
class metrics {
 public:
  metrics();

  /// `pattern` is a route's own, so that paths cannot make any number of series.
  void count_response(std::string_view pattern, redstart::web::http::verb method, redstart::web::http::status status,
                      std::chrono::nanoseconds took);

  [[nodiscard]] std::string text(const totals& counted, const momentary_figures& now) const;

 private:
  struct series {
    prometheus::Histogram* durations;
    std::map<unsigned, prometheus::Counter*> by_status;
  };
  using route_key = std::pair<std::string, std::string>;  // pattern, method
  using route_view = std::pair<std::string_view, std::string_view>;
  struct by_route {
    using is_transparent = void;
    bool operator()(const route_view& left, const route_view& right) const { return left < right; }
  };

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& responses_;
  prometheus::Family<prometheus::Histogram>& durations_;
  std::mutex mutex_;  // of the series
  std::map<route_key, series, by_route> series_;
};

}  // namespace hub
