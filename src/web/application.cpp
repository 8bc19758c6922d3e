// SPDX-License-Identifier: MIT
#include "redstart/web/application.hpp"

#include "redstart/client.hpp"
#include "redstart/error.hpp"
#include "redstart/web/http_error.hpp"
#include "redstart/web/redis.hpp"
#include "web/framing.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>

namespace redstart::web {

namespace {

// The error of an operation that will work again once Redis does.
bool is_redis_away(const error& problem) {
  if (const auto* refused = dynamic_cast<const server_error*>(&problem)) {
    constexpr std::array<std::string_view, 8> passing = {"OOM",  "MISCONF",    "READONLY",    "LOADING",
                                                         "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"};
    return std::ranges::find(passing, refused->code()) != passing.end();
  }
  return dynamic_cast<const connection_error*>(&problem) || dynamic_cast<const timeout_error*>(&problem) ||
         dynamic_cast<const not_connected*>(&problem) || dynamic_cast<const pool_timeout*>(&problem) ||
         dynamic_cast<const overloaded*>(&problem);
}

std::string name_of(const route& where) { return std::string(http::to_string(where.method)) + ' ' + where.pattern; }

// What answers HEAD, too.
http::verb looked_up(http::verb asked) { return asked == http::verb::head ? http::verb::get : asked; }

}  // namespace

asio::awaitable<void> websocket::closed() {
  for (bool open = true; open;) {
    const auto message = co_await read();
    open = message.has_value();
  }
}

application::application() {
  auto redis = detail::bind_provider([] { return get_redis(); });
  auto maybe_redis = detail::bind_provider([] { return get_redis_optional(); });
  redis.built_in = true;
  // For `client*`, which may be null where `client&` refuses the request.
  redis.make_optional = std::move(maybe_redis.make);
  add_provider(std::move(redis), false);
}

application::~application() = default;

// --- Setting up ------------------------------------------------------------------------------------------------------

void application::add_route(route added, std::vector<detail::need> needs, detail::respond_function respond,
                            detail::websocket_function run_websocket) {
  const std::size_t place = router_.add(added.pattern);
  if (place >= places_.size()) places_.resize(place + 1);
  for (const entry* other : places_[place]) {
    if (other->route.method == added.method) throw config_error("there are two routes " + name_of(added));
  }
  entries_.push_back({std::move(added), std::move(needs), std::move(respond), std::move(run_websocket), {}});
  places_[place].push_back(&entries_.back());
  checked_ = false;
}

void application::add_provider(detail::provider added, bool replace) {
  auto& known = providers_[added.type];
  if (known && !known->built_in && !replace) {
    throw config_error("there are two providers for " + added.name + "; override_provider replaces one");
  }
  known = std::make_unique<detail::provider>(std::move(added));
  checked_ = false;
}

std::vector<route> application::routes() const {
  std::vector<route> all;
  for (const entry& known : entries_) all.push_back(known.route);
  return all;
}

void application::check() {
  if (checked_) return;
  const std::lock_guard lock(check_mutex_);
  if (checked_) return;
  for (entry& target : entries_) {
    target.plan.clear();
    std::vector<std::type_index> asking;
    if (target.route.websocket) asking.emplace_back(typeid(websocket));  // the server itself gives it
    plan(target.needs, name_of(target.route), target.plan, asking);
  }
  checked_ = true;
}

// Depth first, so that what a provider needs comes before it. `asking` holds what is being planned.
void application::plan(const std::vector<detail::need>& needs, const std::string& who, std::vector<step>& order,
                       std::vector<std::type_index>& asking) const {
  for (const detail::need& needed : needs) {
    // Only the handler itself: providers are called before the socket is open.
    if (needed.type == typeid(websocket) && asking.size() == 1 && asking.front() == typeid(websocket)) continue;
    const auto found = providers_.find(needed.type);
    if (found == providers_.end()) {
      if (needed.optional) continue;
      throw config_error(who + " needs " + needed.name + ", for which there is no provider: application::provide one");
    }
    const detail::provider& from = *found->second;
    const bool optional = needed.optional && from.make_optional;
    const auto planned = std::ranges::find(order, &from, &step::from);
    if (planned != order.end()) {
      planned->optional = planned->optional && optional;
      continue;
    }
    if (std::ranges::find(asking, needed.type) != asking.end()) {
      throw config_error("the provider of " + needed.name + " needs itself");
    }
    asking.push_back(needed.type);
    plan(from.needs, "the provider of " + from.name, order, asking);
    asking.pop_back();
    order.push_back({&from, optional});
  }
}

asio::awaitable<void> application::run_startup() {
  check();
  for (const hook& run : startup_) co_await run();
}

asio::awaitable<void> application::run_shutdown() {
  for (const hook& run : std::views::reverse(shutdown_)) {
    std::string problem;
    try {
      co_await run();
    } catch (const std::exception& e) {
      problem = e.what();
    } catch (...) {
      problem = "something that is no std::exception";
    }
    if (!problem.empty()) log(log_level::error, "a shutdown hook failed: ", problem);
  }
}

void application::log(log_level level, std::string_view text, std::string_view more) const noexcept {
  if (!log_) return;
  try {
    if (more.empty()) return log_(level, text);
    std::string line;
    line.reserve(text.size() + more.size());
    log_(level, line.append(text).append(more));
  } catch (...) {
    // Nobody is left to tell.
  }
}

// --- Requests --------------------------------------------------------------------------------------------------------

application::matched application::find(const request& asked, detail::exchange& ex) const {
  auto match = router_.find(asked.segments());
  matched at{.target = nullptr, .place = match.place};
  if (match.place == detail::router::match::none) return at;
  for (auto& [name, value] : match.parameters) ex.set_path_parameter(name, std::move(value));
  const auto& here = places_[match.place];
  const auto target =
      std::ranges::find(here, looked_up(asked.method()), [](const entry* known) { return known->route.method; });
  if (target != here.end()) at.target = *target;
  return at;
}

std::string application::allowed(std::size_t place) const {
  std::string methods;
  for (const entry* known : places_[place]) {
    (methods += methods.empty() ? "" : ", ") += http::to_string(known->route.method);
    if (known->route.method == http::verb::get && !known->route.websocket) methods += ", HEAD";
  }
  return methods;
}

response application::refuse(const matched& at) const {
  if (at.place == detail::router::match::none) {
    return http_error(http::status::not_found, "there is nothing at this path").to_response();
  }
  if (at.target == nullptr) {
    const std::string methods = allowed(at.place);
    return http_error(http::status::method_not_allowed, "this path is for " + methods)
        .with("Allow", methods)
        .to_response();
  }
  return http_error(http::status::upgrade_required, "this path is a WebSocket")
      .with("Upgrade", "websocket")
      .with("Sec-WebSocket-Version", "13")  // https://www.rfc-editor.org/rfc/rfc6455#section-4.4
      .to_response();
}

asio::awaitable<void> application::prepare(const entry& target, detail::exchange& ex) {
  ex.expect(target.plan.size() + 1);
  for (const step& next : target.plan) {
    std::shared_ptr<void> made;
    if (next.optional) {
      made = next.from->make_optional(ex);
    } else if (next.from->make) {
      made = next.from->make(ex);
    } else {
      auto making = next.from->make_later(ex);
      made = co_await std::move(making);
    }
    if (!made && !next.optional) throw error("the provider of " + next.from->name + " returned null");
    ex.keep(next.from->type, std::move(made));
  }
}

// What cannot go onto the wire as it is becomes a 500.
response application::checked(const request& asked, response&& made) const {
  const char* fault = detail::response_fault(made);
  return fault == nullptr ? std::move(made) : unexpected(asked, std::string("the response cannot be sent: ") + fault);
}

asio::awaitable<response> application::handle(const request& asked) {
  using clock = std::chrono::steady_clock;
  const auto started = observe_ ? clock::now() : clock::time_point();
  std::string_view pattern;
  std::optional<response> made;
  std::exception_ptr problem;
  try {
    check();
    detail::exchange ex(asked);
    const matched at = find(asked, ex);
    if (at.target != nullptr) pattern = at.target->route.pattern;
    if (at.target == nullptr || at.target->route.websocket) {
      made = refuse(at);
    } else {
      if (!at.target->plan.empty()) co_await prepare(*at.target, ex);
      made = co_await at.target->respond(ex);
    }
  } catch (...) {
    problem = std::current_exception();
  }
  if (problem) made = explain(asked, problem);
  made = checked(asked, std::move(*made));
  if (observe_) {
    try {
      observe_(asked, pattern, made->status, clock::now() - started);
    } catch (const std::exception& failed) {
      log(log_level::error, "the observer of responses failed: ", failed.what());
    }
  }
  co_return std::move(*made);
}

bool application::is_websocket(const request& asked) const {
  detail::exchange ex(asked);
  const matched at = find(asked, ex);
  return at.target != nullptr && at.target->route.websocket;
}

asio::awaitable<std::optional<response>> application::handle_websocket(
    const request& asked, const std::function<asio::awaitable<websocket>()>& open) {
  std::exception_ptr problem;
  std::optional<websocket> socket;
  try {
    check();
    detail::exchange ex(asked);
    const matched at = find(asked, ex);
    if (at.target == nullptr || !at.target->route.websocket) co_return refuse(at);
    co_await prepare(*at.target, ex);
    const std::function<asio::awaitable<void>()> open_for_handler = [&]() -> asio::awaitable<void> {
      socket = co_await open();
      ex.keep(typeid(websocket), std::make_shared<websocket>(*socket));
    };
    co_await at.target->run_websocket(ex, open_for_handler);
  } catch (...) {
    problem = std::current_exception();
  }
  if (!socket && problem) co_return checked(asked, explain(asked, problem));
  if (!socket) co_return std::nullopt;
  if (problem) {
    const response logged = explain(asked, problem);
    socket->close(logged.status == http::status::service_unavailable ? close_code::try_again_later
                                                                     : close_code::internal_error);
  } else {
    socket->close(close_code::normal);
  }
  co_return std::nullopt;
}

response application::unexpected(const request& asked, std::string_view what) const {
  std::string line = std::string(http::to_string(asked.method())) + ' ' + std::string(asked.path()) + " failed: ";
  log(log_level::error, line += what);
  return http_error(http::status::internal_server_error, "Internal Server Error").to_response();
}

response application::explain(const request& asked, const std::exception_ptr& problem) const {
  try {
    std::rethrow_exception(problem);
  } catch (const http_error& refused) {
    try {
      return refused.to_response();
    } catch (const std::exception& failed) {  // its text is not UTF-8
      return unexpected(asked, failed.what());
    }
  } catch (const error& failed) {
    if (!is_redis_away(failed)) return unexpected(asked, failed.what());
    log(log_level::warning, std::string(asked.path()) + " could not be answered: " + failed.what());
    return http_error(http::status::service_unavailable, "Redis is not available at the moment; try again")
        .with("Retry-After", "1")
        .to_response();
  } catch (const std::exception& failed) {
    return unexpected(asked, failed.what());
  } catch (...) {
    return unexpected(asked, "something that is no std::exception");
  }
}

}  // namespace redstart::web
