// SPDX-License-Identifier: MIT
// What becomes of handlers' results and errors; methods, hooks, observers.
#include "redstart/web/application.hpp"

#include "redstart/error.hpp"
#include "redstart/web/http_error.hpp"
#include "support/application_test.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <map>
#include <memory>
#include <stdexcept>
#include <thread>

namespace redstart::test {
namespace {

using web::http_error;
using web::request;
using web::response;

class application : public application_test {};

TEST_F(application, a_log_that_fails_fails_nothing_else) {
  app.get("/", []() -> std::string { throw std::runtime_error("it failed"); });
  app.on_shutdown([]() -> asio::awaitable<void> { throw std::runtime_error("it failed, too"); });
  bool shut_down = false;
  app.on_shutdown([]() -> asio::awaitable<void> { throw std::runtime_error("and this"); });
  app.log_to([](log_level, std::string_view) { throw std::runtime_error("disk full"); });
  EXPECT_EQ(get("/").status, http::status::internal_server_error);
  asio::io_context io;
  asio::co_spawn(io, app.run_shutdown(), [&](const std::exception_ptr& problem) { shut_down = !problem; });
  io.run();
  EXPECT_TRUE(shut_down);
}

// --- Results ---------------------------------------------------------------------------------------------------------

TEST_F(application, nothing_becomes_204) {
  app.get("/plain", [] {});
  app.get("/later", []() -> asio::awaitable<void> { co_return; });
  for (const char* where : {"/plain", "/later"}) {
    const auto answer = get(where);
    EXPECT_EQ(answer.status, http::status::no_content);
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(answer.content_type, "");
  }
}

TEST_F(application, text_becomes_plain_text) {
  app.get("/string", []() -> std::string { return "a \"text\""; });
  app.get("/view", [] { return std::string_view("a \"text\""); });
  app.get("/literal", [] { return "a \"text\""; });
  app.get("/later", []() -> asio::awaitable<std::string> { co_return "a \"text\""; });
  for (const web::route& each : app.routes()) {
    const auto answer = get(each.pattern);
    EXPECT_EQ(answer.status, http::status::ok);
    EXPECT_EQ(answer.body, "a \"text\"") << each.pattern;
    EXPECT_EQ(answer.content_type, "text/plain; charset=utf-8");
  }
}

TEST_F(application, everything_else_becomes_json) {
  app.get("/struct", [] { return zone{"door", 0.5}; });
  app.get("/list", [] { return std::vector<zone>{{"a", {}}, {"b", 1}}; });
  app.get("/map", [] { return std::map<std::string, int>{{"a", 1}}; });
  app.get("/number", [] { return 42; });
  app.get("/bool", [] { return false; });
  app.get("/value", [] { return json::value{{"a", nullptr}}; });
  app.get("/later", []() -> asio::awaitable<zone> { co_return zone{"later", 2}; });
  EXPECT_EQ(json::parse(get("/struct").body), (json::value{{"name", "door"}, {"weight", 0.5}}));
  EXPECT_EQ(json::parse(get("/list").body).as_array().size(), 2u);
  EXPECT_EQ(get("/map").body, R"({"a":1})");
  EXPECT_EQ(get("/number").body, "42");
  EXPECT_EQ(get("/bool").body, "false");
  EXPECT_EQ(get("/value").body, R"({"a":null})");
  EXPECT_EQ(json::parse(get("/later").body).at("name"), "later");
  EXPECT_EQ(get("/struct").content_type, "application/json");
}

TEST_F(application, a_response_is_itself) {
  const auto make = [] {
    return response::json(zone{"a", 1}, http::status::created).with("Location", "/zones/a").with("ETag", "1");
  };
  app.post("/plain", make);
  app.post("/later", [make]() -> asio::awaitable<response> { co_return make(); });
  for (const char* where : {"/plain", "/later"}) {
    const auto answer = post(where, "");
    EXPECT_EQ(answer.status, http::status::created);
    EXPECT_EQ(header_of(answer, "Location"), "/zones/a");
    EXPECT_EQ(header_of(answer, "ETag"), "1");
    EXPECT_EQ(json::parse(answer.body).at("name"), "a");
  }
}

TEST_F(application, a_result_that_json_has_no_words_for_is_an_error_of_ours) {
  app.get("/", [] { return json::value("\xff"); });
  EXPECT_EQ(get("/").status, http::status::internal_server_error);
  EXPECT_TRUE(was_logged("UTF-8"));
}

TEST_F(application, a_response_that_cannot_be_sent_becomes_500) {
  app.get("/split", [] { return response::text("x").with("X-Name", "a\r\nSet-Cookie: admin=1"); });
  app.get("/error",
          []() -> response { throw http_error(http::status::found, "there").with("Location", "/\r\n\r\nx"); });
  app.get("/type", [] { return response{.content_type = "text/html\r\nX: y", .body = "x"}; });
  app.get("/continue", [] { return response::empty(http::status::continue_); });
  app.get("/switch", []() -> response { throw http_error(http::status::switching_protocols, "x"); });
  for (const web::route& each : app.routes()) {
    const auto answer = get(each.pattern);
    EXPECT_EQ(answer.status, http::status::internal_server_error) << each.pattern;
    EXPECT_TRUE(answer.headers.empty());
    EXPECT_EQ(detail_of(answer), "Internal Server Error");
  }
  EXPECT_EQ(logged.size(), 5u);
  EXPECT_TRUE(was_logged("GET /split failed: the response cannot be sent"));
}

// --- Errors ----------------------------------------------------------------------------------------------------------

TEST_F(application, an_unknown_path_answers_404) {
  app.get("/a", [] {});
  for (const char* where : {"/", "/b", "/a/", "/a/b", "/A"}) {
    const auto answer = get(where);
    EXPECT_EQ(answer.status, http::status::not_found) << where;
    EXPECT_TRUE(detail_of(answer).is_string());
  }
  EXPECT_TRUE(logged.empty()) << "strangers shall not fill the log";
}

TEST_F(application, another_method_answers_405_with_those_there_are) {
  app.get("/a", [] {});
  app.put("/a", [] {});
  app.del("/b", [] {});
  const auto answer = post("/a", "");
  EXPECT_EQ(answer.status, http::status::method_not_allowed);
  EXPECT_EQ(header_of(answer, "Allow"), "GET, HEAD, PUT");
  const auto other = get("/b");
  EXPECT_EQ(other.status, http::status::method_not_allowed);
  EXPECT_EQ(header_of(other, "Allow"), "DELETE");
  EXPECT_EQ(ask(request(http::verb::head, "/b")).status, http::status::method_not_allowed);
  EXPECT_EQ(ask(request(http::verb::unknown, "/a")).status, http::status::method_not_allowed);
  EXPECT_EQ(ask(request(http::verb::options, "/a")).status, http::status::method_not_allowed);
}

TEST_F(application, methods_of_one_path_are_routes_of_their_own) {
  app.get("/{id}", [] { return "get"; });
  app.put("/{id}", [] { return "put"; });
  app.post("/{id}", [] { return "post"; });
  app.del("/{id}", [] { return "delete"; });
  app.add(http::verb::patch, "/{id}", [] { return "patch"; });
  for (const auto& [verb, name] : {std::pair{http::verb::get, "get"},
                                   {http::verb::put, "put"},
                                   {http::verb::post, "post"},
                                   {http::verb::delete_, "delete"},
                                   {http::verb::patch, "patch"}}) {
    EXPECT_EQ(ask(request(verb, "/1")).body, name);
  }
}

TEST_F(application, head_is_answered_by_get) {
  app.get("/", [] { return "text"; });
  EXPECT_EQ(ask(request(http::verb::head, "/")).body, "text") << "the server leaves the body out, with its length said";
}

TEST_F(application, two_routes_for_the_same_are_refused) {
  app.get("/a/{x}", [] {});
  EXPECT_THROW(app.get("/a/{x}", [] {}), config_error);
  EXPECT_THROW(app.get("/a/{y}", [] {}), config_error);
  EXPECT_THROW(app.websocket_route("/a/{x}", []() -> asio::awaitable<void> { co_return; }), config_error);
  app.post("/a/{x}", [] {});
}

TEST_F(application, a_websocket_that_is_not_asked_to_upgrade_answers_426) {
  app.websocket_route("/ws", [](web::websocket) -> asio::awaitable<void> { co_return; });
  const auto answer = get("/ws");
  EXPECT_EQ(answer.status, http::status::upgrade_required);
  EXPECT_EQ(header_of(answer, "Upgrade"), "websocket");
  EXPECT_EQ(header_of(answer, "Sec-WebSocket-Version"), "13");
  EXPECT_EQ(header_of(post("/ws", ""), "Allow"), "GET");
  EXPECT_TRUE(app.is_websocket(request(http::verb::get, "/ws?x=1")));
  EXPECT_FALSE(app.is_websocket(request(http::verb::get, "/other")));
  EXPECT_FALSE(app.is_websocket(request(http::verb::post, "/ws")));
}

TEST_F(application, an_http_error_answers_as_it_says) {
  app.get("/", []() -> int {
    throw http_error(http::status::conflict, "already \"there\"").with("X-Why", "because").with("X-Also", "2");
  });
  const auto answer = get("/");
  EXPECT_EQ(answer.status, http::status::conflict);
  EXPECT_EQ(detail_of(answer), "already \"there\"");
  EXPECT_EQ(header_of(answer, "X-Why"), "because");
  EXPECT_EQ(header_of(answer, "X-Also"), "2");
  EXPECT_TRUE(logged.empty());
}

TEST_F(application, an_http_error_whose_text_is_not_utf8_still_answers) {
  app.get("/", []() -> int { throw http_error(http::status::not_found, "no \xff"); });
  EXPECT_EQ(get("/").status, http::status::internal_server_error);
  EXPECT_EQ(logged.size(), 1u);
}

TEST_F(application, a_handler_may_refuse_a_place_by_itself) {
  app.post("/", [](const detection&) {
    json::array place{"body", "camera_id"};
    throw web::validation_error(place, "no such camera");
  });
  expect_refused(post("/", R"({"camera_id": 1, "objects": [], "where": {"name": "x"}})"), R"(["body","camera_id"])",
                 "value_error");
}

TEST_F(application, whatever_else_is_thrown_answers_500_and_tells_only_the_log) {
  app.get("/plain", []() -> int { throw std::runtime_error("password=hunter2"); });
  app.get("/later", []() -> asio::awaitable<int> {
    co_await asio::post(co_await asio::this_coro::executor, asio::deferred);
    throw std::runtime_error("password=hunter2");
  });
  app.get("/odd", []() -> int { throw 42; });
  for (const char* where : {"/plain", "/later", "/odd"}) {
    const auto answer = get(where);
    EXPECT_EQ(answer.status, http::status::internal_server_error);
    EXPECT_EQ(detail_of(answer), "Internal Server Error");
    EXPECT_EQ(answer.body.find("hunter2"), std::string::npos);
    EXPECT_TRUE(answer.headers.empty());
  }
  EXPECT_TRUE(was_logged("GET /plain failed: password=hunter2"));
  EXPECT_TRUE(was_logged("GET /later failed: password=hunter2"));
  EXPECT_TRUE(was_logged("GET /odd failed"));
  EXPECT_EQ(levels, std::vector<log_level>(3, log_level::error));
}

TEST_F(application, without_a_log_errors_are_answered_all_the_same) {
  app.log_to({});
  app.get("/", []() -> int { throw std::runtime_error("x"); });
  EXPECT_EQ(get("/").status, http::status::internal_server_error);
}

// Each error that says that Redis is away, and each that does not.
struct thrown_case {
  std::string name;
  std::function<void()> raise;
  bool away;
};
void PrintTo(const thrown_case& shown, std::ostream* to) { *to << shown.name; }

template <class Error>
std::function<void()> raises() {
  return [] { throw Error("at redis://10.0.0.1"); };
}
std::function<void()> refuses(const std::string& code) {
  return [code] { throw server_error("at redis://10.0.0.1", code, code + " something"); };
}

class redis_error : public application_test, public ::testing::WithParamInterface<thrown_case> {};

TEST_P(redis_error, answers_503_with_retry_after_when_redis_is_away_and_500_otherwise) {
  app.get("/plain", [] { GetParam().raise(); });
  app.get("/later", []() -> asio::awaitable<void> {
    GetParam().raise();
    co_return;
  });
  for (const char* where : {"/plain", "/later"}) {
    const auto answer = get(where);
    EXPECT_EQ(answer.status, GetParam().away ? http::status::service_unavailable : http::status::internal_server_error);
    EXPECT_EQ(header_of(answer, "Retry-After").has_value(), GetParam().away);
    EXPECT_EQ(answer.body.find("10.0.0.1"), std::string::npos);
    EXPECT_EQ(levels.back(), GetParam().away ? log_level::warning : log_level::error);
  }
  EXPECT_TRUE(was_logged("10.0.0.1"));
}

INSTANTIATE_TEST_SUITE_P(
    all, redis_error,
    ::testing::Values(thrown_case{"connection_error", raises<connection_error>(), true},
                      thrown_case{"timeout_error", raises<timeout_error>(), true},
                      thrown_case{"not_connected", raises<not_connected>(), true},
                      thrown_case{"pool_timeout", raises<pool_timeout>(), true},
                      thrown_case{"overloaded", raises<overloaded>(), true}, thrown_case{"OOM", refuses("OOM"), true},
                      thrown_case{"MISCONF", refuses("MISCONF"), true},
                      thrown_case{"READONLY", refuses("READONLY"), true},
                      thrown_case{"LOADING", refuses("LOADING"), true}, thrown_case{"BUSY", refuses("BUSY"), true},
                      thrown_case{"MASTERDOWN", refuses("MASTERDOWN"), true},
                      thrown_case{"CLUSTERDOWN", refuses("CLUSTERDOWN"), true},
                      thrown_case{"WRONGTYPE", refuses("WRONGTYPE"), false},
                      thrown_case{"NOAUTH", refuses("NOAUTH"), false}, thrown_case{"ERR", refuses("ERR"), false},
                      thrown_case{"protocol_error", raises<protocol_error>(), false},
                      thrown_case{"encode_error", raises<encode_error>(), false},
                      thrown_case{"config_error", raises<config_error>(), false},
                      thrown_case{"cancelled", raises<cancelled>(), false},
                      thrown_case{"decode_error", [] { throw decode_error("at redis://10.0.0.1", "x"); }, false}),
    [](const auto& each) { return each.param.name; });

// --- Hooks and observers ---------------------------------------------------------------------------------------------

class hooks : public application_test {
 protected:
  std::exception_ptr run(asio::awaitable<void> work) {
    asio::io_context io;
    std::exception_ptr problem;
    bool ended = false;
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr thrown) {
      problem = std::move(thrown);
      ended = true;
    });
    io.run();
    EXPECT_TRUE(ended);
    return problem;
  }
  web::application::hook note(std::string what) {
    return [this, what = std::move(what)]() -> asio::awaitable<void> {
      order += what;
      co_return;
    };
  }
  web::application::hook fail(std::string what) {
    return [what = std::move(what)]() -> asio::awaitable<void> {
      throw std::runtime_error(what);
      co_return;
    };
  }
  std::string order;
};

TEST_F(hooks, startup_runs_in_order_and_shutdown_in_reverse) {
  for (const char* name : {"a", "b", "c"}) {
    app.on_startup(note(name));
    app.on_shutdown(note(name));
  }
  EXPECT_FALSE(run(app.run_startup()));
  EXPECT_EQ(order, "abc");
  EXPECT_FALSE(run(app.run_shutdown()));
  EXPECT_EQ(order, "abccba");
}

TEST_F(hooks, a_startup_hook_that_throws_ends_the_start) {
  app.on_startup(note("a"));
  app.on_startup(fail("no database"));
  app.on_startup(note("c"));
  const auto problem = run(app.run_startup());
  ASSERT_TRUE(problem);
  EXPECT_THROW(std::rethrow_exception(problem), std::runtime_error);
  EXPECT_EQ(order, "a");
}

TEST_F(hooks, a_shutdown_hook_that_throws_is_logged_and_the_others_run) {
  app.on_shutdown(note("a"));
  app.on_shutdown(fail("cannot flush"));
  app.on_shutdown([]() -> asio::awaitable<void> {
    throw 1;
    co_return;
  });
  app.on_shutdown(note("c"));
  EXPECT_FALSE(run(app.run_shutdown()));
  EXPECT_EQ(order, "ca");
  EXPECT_TRUE(was_logged("cannot flush"));
}

TEST_F(hooks, what_is_not_provided_is_found_before_any_startup_hook) {
  app.on_startup(note("a"));
  app.get("/", [](std::shared_ptr<hooks>) {});
  const auto problem = run(app.run_startup());
  ASSERT_TRUE(problem);
  EXPECT_THROW(std::rethrow_exception(problem), config_error);
  EXPECT_EQ(order, "");
}

TEST_F(hooks, the_observer_sees_every_answer_with_its_route) {
  struct seen {
    std::string target, pattern;
    http::status status;
    bool operator==(const seen&) const = default;
  };
  std::vector<seen> all;
  app.on_response(
      [&](const request& asked, std::string_view pattern, http::status status, std::chrono::nanoseconds took) {
        EXPECT_GE(took.count(), 0);
        all.push_back({std::string(asked.target()), std::string(pattern), status});
      });
  app.get("/cameras/{id}", [](web::path<int, "id">) {});
  app.get("/bad", []() -> int { throw std::runtime_error("x"); });
  (void)get("/cameras/1");
  (void)get("/cameras/x");
  (void)get("/bad");
  (void)get("/none");
  (void)post("/bad", "");
  EXPECT_EQ(all, (std::vector<seen>{{"/cameras/1", "/cameras/{id}", http::status::no_content},
                                    {"/cameras/x", "/cameras/{id}", http::status::unprocessable_entity},
                                    {"/bad", "/bad", http::status::internal_server_error},
                                    {"/none", "", http::status::not_found},
                                    {"/bad", "", http::status::method_not_allowed}}));
}

TEST_F(hooks, an_observer_that_throws_takes_no_answer_away) {
  app.on_response([](const request&, std::string_view, http::status, std::chrono::nanoseconds) {
    throw std::runtime_error("no metrics");
  });
  app.get("/", [] { return "text"; });
  EXPECT_EQ(get("/").body, "text");
  EXPECT_TRUE(was_logged("no metrics"));
}

TEST_F(hooks, routes_are_listed_in_the_order_they_were_added) {
  app.post("/events", [] {}, "takes events");
  app.websocket_route("/ws", []() -> asio::awaitable<void> { co_return; }, "alerts");
  const auto all = app.routes();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].method, http::verb::post);
  EXPECT_EQ(all[0].pattern, "/events");
  EXPECT_EQ(all[0].summary, "takes events");
  EXPECT_FALSE(all[0].websocket);
  EXPECT_TRUE(all[1].websocket);
}

TEST_F(hooks, the_first_requests_may_come_from_several_threads) {
  app.provide([] { return std::make_shared<std::thread::id>(); });
  for (int i = 0; i < 20; ++i) app.get("/" + std::to_string(i), [](std::thread::id&) { return "ok"; });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] { EXPECT_EQ(get("/" + std::to_string(t)).body, "ok"); });
  }
  for (auto& each : threads) each.join();
}

}  // namespace
}  // namespace redstart::test
