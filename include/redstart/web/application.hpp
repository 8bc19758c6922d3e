// SPDX-License-Identifier: MIT
// A web application: routes, and what their handlers are given.
#pragma once

#include "redstart/log.hpp"
#include "redstart/web/detail/bind.hpp"
#include "redstart/web/detail/router.hpp"
#include "redstart/web/http.hpp"
#include "redstart/web/request.hpp"
#include "redstart/web/response.hpp"
#include "redstart/web/websocket.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

namespace redstart::web {

/// A route, for those who list them.
struct route {
  http::verb method;
  std::string pattern;
  std::string summary;
  bool websocket = false;
};

/// Routes, the providers of what their handlers need, and hooks around serving.
///
///     asio::awaitable<queued> create_event(detection event, redstart::client& redis) {
///       co_await redis.add_to_queue("events_queue", event);
///       co_return queued{"queued"};
///     }
///     application app;
///     app.post("/events", create_event);
///
/// What a handler may take stands in parameters.hpp, what its result becomes at `to_response`. A handler that throws
/// answers: `http_error` its own status; what says that Redis is away (`connection_error`, `timeout_error`,
/// `not_connected`, `pool_timeout`, `overloaded`, and the server's OOM, MISCONF, READONLY, LOADING, BUSY, MASTERDOWN
/// and CLUSTERDOWN) 503 with Retry-After; anything else 500, whose text goes to the log and not to the client. So does
/// a response that HTTP has no words for: a header with a line break, a status below 200.
///
/// A path without a route answers 404, another method than its routes have 405 with Allow. HEAD is answered by GET.
///
/// Set up by one thread, then shared by all: `handle` may be called from any thread.
class application {
 public:
  application();
  application(const application&) = delete;
  application& operator=(const application&) = delete;
  ~application();

  // --- Routes --------------------------------------------------------------------------------------------------------
  /// Adds a route. `pattern` is a path; `{id}` in it is any one segment, `{rest...}` at its end all that follow.
  /// Throws `config_error` for a pattern that is none and for a route that is there already.
  template <detail::injectable Handler>
  void add(http::verb method, std::string_view pattern, Handler handler, std::string_view summary = {}) {
    add_route({method, std::string(pattern), std::string(summary)}, detail::needs_of<Handler>(),
              detail::bind_handler(std::move(handler)), {});
  }
  template <detail::injectable Handler>
  void get(std::string_view pattern, Handler handler, std::string_view summary = {}) {
    add(http::verb::get, pattern, std::move(handler), summary);
  }
  template <detail::injectable Handler>
  void post(std::string_view pattern, Handler handler, std::string_view summary = {}) {
    add(http::verb::post, pattern, std::move(handler), summary);
  }
  template <detail::injectable Handler>
  void put(std::string_view pattern, Handler handler, std::string_view summary = {}) {
    add(http::verb::put, pattern, std::move(handler), summary);
  }
  template <detail::injectable Handler>
  void del(std::string_view pattern, Handler handler, std::string_view summary = {}) {
    add(http::verb::delete_, pattern, std::move(handler), summary);
  }

  /// Adds a WebSocket: a GET that is upgraded. `handler` is a coroutine without a result; its parameters may include
  /// `websocket`. The connection is closed when it returns, after what it sent has gone out. An error before the socket
  /// is open, of a provider say, is answered as for any route.
  template <detail::injectable Handler>
  void websocket_route(std::string_view pattern, Handler handler, std::string_view summary = {}) {
    add_route({http::verb::get, std::string(pattern), std::string(summary), true}, detail::needs_of<Handler>(), {},
              detail::bind_websocket(std::move(handler)));
  }

  /// The routes in the order they were added.
  [[nodiscard]] std::vector<route> routes() const;

  // --- Providers -----------------------------------------------------------------------------------------------------
  /// Registers where a `T` comes from, for handlers with a parameter `T&`, `const T&`, `T`, `T*` or
  /// `std::shared_ptr<T>`. `provider` is a function or a coroutine, returns a `T`, a `T&` or a `std::shared_ptr<T>`,
  /// and may take parameters as a handler does, of other providers too. It is called once a request, before the
  /// handler, when somebody needs it; what it throws answers the request: this is where to check a token.
  ///
  /// There is one from the start: `redstart::client`, from `get_redis` (null from `get_redis_optional` for `client*`).
  /// Throws `config_error` when `T` has a provider that is not that one.
  template <detail::injectable Provider>
  void provide(Provider provider) {
    add_provider(detail::bind_provider(std::move(provider)), false);
  }
  /// As `provide`, in place of the one that is there: for tests.
  template <detail::injectable Provider>
  void override_provider(Provider provider) {
    add_provider(detail::bind_provider(std::move(provider)), true);
  }

  // --- Hooks ---------------------------------------------------------------------------------------------------------
  using hook = std::function<asio::awaitable<void>()>;
  /// Runs before the first request is accepted, in the order they were added. One that throws ends serving.
  void on_startup(hook run) { startup_.push_back(std::move(run)); }
  /// Runs after the last request has ended, in the reverse order. What one throws is logged.
  void on_shutdown(hook run) { shutdown_.push_back(std::move(run)); }
  /// Called after each response: the pattern of its route (empty without one), its status, and what it took to make.
  using observer =
      std::function<void(const request&, std::string_view pattern, http::status, std::chrono::nanoseconds)>;
  void on_response(observer observe) { observe_ = std::move(observe); }
  /// Where errors of handlers go. What the sink throws is dropped: serving goes on without a log.
  void log_to(log_sink sink) { log_ = std::move(sink); }

  // --- Serving -------------------------------------------------------------------------------------------------------
  /// Makes the response to a request; never throws. Servers call it, and tests: it needs no socket.
  [[nodiscard]] asio::awaitable<response> handle(const request& asked);

  /// Whether a request's path is that of a WebSocket.
  [[nodiscard]] bool is_websocket(const request& asked) const;
  /// Runs the handler of a WebSocket. `open` is called once all that the handler needs is there, and makes the socket.
  /// Returns what to answer when it did not come so far.
  [[nodiscard]] asio::awaitable<std::optional<response>> handle_websocket(
      const request& asked, const std::function<asio::awaitable<websocket>()>& open);

  /// Checks that everything that handlers and providers need is provided. Throws `config_error` that names what is
  /// not. Called by `run_startup`, and by itself before the first request.
  void check();
  [[nodiscard]] asio::awaitable<void> run_startup();
  [[nodiscard]] asio::awaitable<void> run_shutdown();
  /// Says `text` and `more` to the sink, as one line.
  void log(log_level level, std::string_view text, std::string_view more = {}) const noexcept;

 private:
  struct step {
    const detail::provider* from;
    bool optional;  // everybody who needs it can do without
  };
  struct entry {
    web::route route;
    std::vector<detail::need> needs;
    detail::respond_function respond;
    detail::websocket_function run_websocket;
    std::vector<step> plan{};  // what to call before, in this order
  };
  struct matched {
    const entry* target = nullptr;
    std::size_t place = detail::router::match::none;
  };

  void add_route(route added, std::vector<detail::need> needs, detail::respond_function respond,
                 detail::websocket_function run_websocket);
  void add_provider(detail::provider added, bool replace);
  void plan(const std::vector<detail::need>& needs, const std::string& who, std::vector<step>& order,
            std::vector<std::type_index>& asking) const;

  matched find(const request& asked, detail::exchange& ex) const;
  [[nodiscard]] std::string allowed(std::size_t place) const;
  [[nodiscard]] response refuse(const matched& at) const;
  asio::awaitable<void> prepare(const entry& target, detail::exchange& ex);
  [[nodiscard]] response explain(const request& asked, const std::exception_ptr& problem) const;
  [[nodiscard]] response checked(const request& asked, response&& made) const;
  [[nodiscard]] response unexpected(const request& asked, std::string_view what) const;

  detail::router router_;
  std::deque<entry> entries_;                      // their addresses stay
  std::vector<std::vector<const entry*>> places_;  // the entries of each place of the router
  std::map<std::type_index, std::unique_ptr<detail::provider>> providers_;
  std::mutex check_mutex_;
  std::atomic<bool> checked_{false};
  std::vector<hook> startup_;
  std::vector<hook> shutdown_;
  observer observe_;
  log_sink log_;
};

}  // namespace redstart::web
