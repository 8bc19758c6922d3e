// SPDX-License-Identifier: MIT
#include "client/client_core.hpp"
#include "redstart/error.hpp"

#include <boost/asio/use_awaitable.hpp>

namespace redstart::detail {

namespace {

// The value of one line of INFO: `redis_version:7.0.15`.
std::string info_field(std::string_view info, std::string_view name) {
  for (std::size_t at = 0; at < info.size();) {
    const std::size_t end = std::min(info.find("\r\n", at), info.size());
    const std::string_view line = info.substr(at, end - at);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      return std::string(line.substr(name.size() + 1));
    }
    at = end + 2;
  }
  return {};
}

// Braced lists within a coroutine are more than GCC 12 can compile.
auto ask(client_core& core, std::string_view command) {
  return start<std::string>(&core, {}, request(true, {command}), decode_reply<std::string>(), asio::deferred_t());
}

}  // namespace

asio::awaitable<health> client_core::health_check() {
  const auto self = shared_from_this();
  health found;
  found.lanes = lane_totals();
  found.pool = leases_->figures();
  try {
    const auto begin = std::chrono::steady_clock::now();
    co_await ask(*this, "PING");
    found.latency = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
    found.connected = true;
    const std::string info = co_await ask(*this, "INFO");
    found.redis_version = info_field(info, "redis_version");
    found.role = info_field(info, "role");
    found.status = "healthy";
  } catch (const std::exception& e) {
    found.reason = e.what();
  }
  co_return found;
}

lanes_figures client_core::lane_totals() const {
  lanes_figures total;
  total.configured = lanes_.size();
  for (const auto& lane : lanes_) {
    const net::lane_figures one = lane->figures();
    total.connected += one.connected ? 1 : 0;
    total.operations += one.operations;
    total.reconnects += one.connects > 1 ? one.connects - 1 : 0;
  }
  return total;
}

}  // namespace redstart::detail
