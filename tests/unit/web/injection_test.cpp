// SPDX-License-Identifier: MIT
// Where handlers get objects from: providers.
#include "redstart/client.hpp"
#include "redstart/error.hpp"
#include "redstart/web/http_error.hpp"
#include "redstart/web/redis.hpp"
#include "support/application_test.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <memory>

namespace redstart::test {
namespace {

using web::request;

// No JSON: it is asked of a provider, by value too.
class store {
 public:
  explicit store(int number) : number_(number) {}
  [[nodiscard]] int number() const { return number_; }
  void set(int number) { number_ = number; }

 private:
  int number_;
};

class user {
 public:
  explicit user(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
};

class unmovable {
 public:
  explicit unmovable(int number) : number_(number) {}
  unmovable(const unmovable&) = delete;
  unmovable& operator=(const unmovable&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

class injection : public application_test {
 protected:
  std::string problem_of_check() {
    try {
      app.check();
    } catch (const config_error& e) {
      return e.what();
    }
    ADD_FAILURE() << "check found nothing";
    return {};
  }
};

// --- How they are given and taken ------------------------------------------------------------------------------------

TEST_F(injection, a_provided_value_is_taken_in_every_way) {
  app.provide([] { return store(7); });
  app.get("/reference", [](store& it) { return it.number(); });
  app.get("/const", [](const store& it) { return it.number(); });
  app.get("/value", [](store it) { return it.number(); });
  app.get("/pointer", [](store* it) { return it->number(); });
  app.get("/const_pointer", [](const store* it) { return it->number(); });
  app.get("/shared", [](std::shared_ptr<store> it) { return it->number(); });
  app.get("/shared_reference", [](const std::shared_ptr<store>& it) { return it->number(); });
  app.get("/shared_const", [](std::shared_ptr<const store> it) { return it->number(); });
  for (const web::route& each : app.routes()) EXPECT_EQ(get(each.pattern).body, "7") << each.pattern;
}

TEST_F(injection, a_provided_reference_is_the_object_itself) {
  store mine(1);
  app.provide([&mine]() -> store& { return mine; });
  app.get("/set", [](store& it) { it.set(2); });
  app.get("/shared", [](std::shared_ptr<store> it) { it->set(it->number() + 1); });
  app.get("/copy", [](store it) { it.set(100); });
  (void)get("/set");
  EXPECT_EQ(mine.number(), 2);
  (void)get("/shared");
  EXPECT_EQ(mine.number(), 3);
  (void)get("/copy");
  EXPECT_EQ(mine.number(), 3);
}

TEST_F(injection, a_const_reference_is_provided_too) {
  const store mine(4);
  app.provide([&mine]() -> const store& { return mine; });
  app.get("/", [](const store& it) { return it.number(); });
  EXPECT_EQ(get("/").body, "4");
}

TEST_F(injection, a_shared_object_is_shared_and_lives_as_long_as_somebody_holds_it) {
  auto mine = std::make_shared<unmovable>(5);
  std::shared_ptr<unmovable> kept;
  app.provide([&mine] { return mine; });
  app.get("/", [&kept](std::shared_ptr<unmovable> it, unmovable& same) {
    kept = it;
    return it.get() == &same;
  });
  EXPECT_EQ(get("/").body, "true");
  EXPECT_EQ(kept, mine);
  EXPECT_EQ(mine.use_count(), 2);
}

TEST_F(injection, a_provided_value_may_be_kept_beyond_the_request) {
  std::shared_ptr<const store> kept;
  app.provide([] { return std::make_shared<const store>(6); });
  app.get("/", [&kept](std::shared_ptr<const store> it) { kept = std::move(it); });
  (void)get("/");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->number(), 6);
  EXPECT_EQ(kept.use_count(), 1) << "the request keeps nothing";
}

TEST_F(injection, a_provider_may_be_a_coroutine) {
  app.provide([]() -> asio::awaitable<store> {
    co_await asio::post(co_await asio::this_coro::executor, asio::deferred);
    co_return store(8);
  });
  app.provide([]() -> asio::awaitable<std::shared_ptr<unmovable>> { co_return std::make_shared<unmovable>(9); });
  app.get("/", [](store& one, unmovable& other) { return one.number() + other.number(); });
  EXPECT_EQ(get("/").body, "17");
}

TEST_F(injection, providers_take_parameters_of_the_request) {
  app.provide([](web::header<"X-User"> name, const request& asked) {
    return user(*name + " at " + std::string(asked.path()));
  });
  app.get("/me", [](const user& who) { return who.name(); });
  request asked(http::verb::get, "/me");
  asked.set_header("X-User", "ada");
  EXPECT_EQ(ask(asked).body, "ada at /me");
  expect_refused(get("/me"), R"(["header","X-User"])", "missing");
}

TEST_F(injection, providers_need_providers) {
  app.get("/", [](const user& who) { return who.name(); });
  app.provide([](store& it) { return user("user " + std::to_string(it.number())); });
  app.provide([](unmovable& it) -> asio::awaitable<store> { co_return store(it.number() + 1); });
  app.provide([] { return std::make_shared<unmovable>(1); });
  EXPECT_EQ(get("/").body, "user 2");
}

TEST_F(injection, each_provider_is_called_once_a_request_and_only_when_needed) {
  int stores = 0;
  int users = 0;
  int unused = 0;
  app.provide([&] { return store(++stores); });
  app.provide([&](store& it) { return user(std::to_string(++users + it.number())); });
  app.provide([&] { return std::make_shared<unmovable>(++unused); });
  app.get("/", [](store& it, const user& who, store* again) { return &it == again && !who.name().empty(); });
  app.get("/nothing", [] { return "nothing"; });
  EXPECT_EQ(get("/").body, "true");
  EXPECT_EQ(stores, 1);
  EXPECT_EQ(users, 1);
  EXPECT_EQ(get("/").body, "true");
  EXPECT_EQ(stores, 2);
  (void)get("/nothing");
  EXPECT_EQ(stores, 2);
  EXPECT_EQ(unused, 0);
}

TEST_F(injection, providers_come_before_the_handler_s_own_parameters) {
  app.provide([]() -> store { throw web::http_error(http::status::unauthorized, "who are you?"); });
  app.post("/", [](const detection&, store&) {});
  EXPECT_EQ(post("/", "{").status, http::status::unauthorized) << "a stranger learns nothing about the body";
}

TEST_F(injection, what_a_provider_throws_answers_the_request) {
  app.provide([](web::header<"Authorization", std::optional<std::string>> token) -> user {
    if (*token != "Bearer secret") {
      throw web::http_error(http::status::unauthorized, "a token, please").with("WWW-Authenticate", "Bearer");
    }
    return user("admin");
  });
  bool called = false;
  app.get("/", [&called](user&) { called = true; });
  const auto refused = get("/");
  EXPECT_EQ(refused.status, http::status::unauthorized);
  EXPECT_EQ(detail_of(refused), "a token, please");
  EXPECT_EQ(header_of(refused, "WWW-Authenticate"), "Bearer");
  EXPECT_FALSE(called);
  request asked(http::verb::get, "/");
  asked.set_header("Authorization", "Bearer secret");
  EXPECT_EQ(ask(asked).status, http::status::no_content);
  EXPECT_TRUE(called);
}

TEST_F(injection, what_a_coroutine_of_a_provider_throws_answers_too) {
  app.provide([]() -> asio::awaitable<store> {
    co_await asio::post(co_await asio::this_coro::executor, asio::deferred);
    throw web::http_error(http::status::forbidden, "no");
  });
  app.get("/", [](store&) {});
  EXPECT_EQ(get("/").status, http::status::forbidden);
}

TEST_F(injection, objects_live_until_a_waiting_handler_has_ended) {
  std::weak_ptr<unmovable> watched;
  app.provide([&watched] {
    auto made = std::make_shared<unmovable>(3);
    watched = made;
    return made;
  });
  app.get("/", [](unmovable& it) -> asio::awaitable<int> {
    co_await asio::post(co_await asio::this_coro::executor, asio::deferred);
    co_return it.number();
  });
  EXPECT_EQ(get("/").body, "3");
  EXPECT_TRUE(watched.expired());
}

// --- What cannot be provided -----------------------------------------------------------------------------------------

TEST_F(injection, a_missing_provider_is_named_with_who_needs_it) {
  app.get("/somewhere", [](store&) {});
  const std::string problem = problem_of_check();
  EXPECT_NE(problem.find("GET /somewhere"), std::string::npos) << problem;
  EXPECT_NE(problem.find("store"), std::string::npos) << problem;
  EXPECT_EQ(get("/somewhere").status, http::status::internal_server_error);
  EXPECT_TRUE(was_logged("store"));
}

TEST_F(injection, a_missing_provider_of_a_provider_is_found_before_any_request) {
  app.provide([](store&) { return user("x"); });
  app.get("/", [](user&) {});
  const std::string problem = problem_of_check();
  EXPECT_NE(problem.find("provider of"), std::string::npos) << problem;
  EXPECT_NE(problem.find("store"), std::string::npos) << problem;
}

TEST_F(injection, a_pointer_without_a_provider_is_null) {
  app.get("/", [](store* it) { return it == nullptr; });
  app.check();
  EXPECT_EQ(get("/").body, "true");
}

TEST_F(injection, providers_that_need_each_other_are_refused) {
  app.provide([](user&) { return store(1); });
  app.provide([](store&) { return user("x"); });
  app.get("/", [](store&) {});
  EXPECT_NE(problem_of_check().find("needs itself"), std::string::npos);
}

TEST_F(injection, a_provider_that_needs_its_own_is_refused) {
  app.provide([](store& other) { return store(other.number()); });
  app.get("/", [](store&) {});
  EXPECT_NE(problem_of_check().find("needs itself"), std::string::npos);
}

TEST_F(injection, a_diamond_is_no_cycle) {
  int made = 0;
  app.provide([&made] { return std::make_shared<unmovable>(++made); });
  app.provide([](unmovable& it) { return store(it.number()); });
  app.provide([](unmovable& it) { return user(std::to_string(it.number())); });
  app.get("/", [](store& left, user& right) { return std::to_string(left.number()) + right.name(); });
  EXPECT_EQ(get("/").body, "11");
}

TEST_F(injection, two_providers_of_one_type_are_refused) {
  app.provide([] { return store(1); });
  EXPECT_THROW(app.provide([] { return std::make_shared<store>(2); }), config_error);
  app.get("/", [](store& it) { return it.number(); });
  EXPECT_EQ(get("/").body, "1") << "the first one stays";
}

TEST_F(injection, a_test_may_put_another_provider_in_place) {
  app.provide([] { return store(1); });
  app.get("/", [](store& it) { return it.number(); });
  EXPECT_EQ(get("/").body, "1");
  app.override_provider([] { return store(2); });
  EXPECT_EQ(get("/").body, "2");
  app.override_provider([]() -> asio::awaitable<std::shared_ptr<store>> { co_return std::make_shared<store>(3); });
  EXPECT_EQ(get("/").body, "3");
}

TEST_F(injection, a_provider_that_returns_null_answers_500_and_says_so_in_the_log) {
  app.provide([] { return std::shared_ptr<store>(); });
  bool called = false;
  app.get("/", [&called](store&) { called = true; });
  EXPECT_EQ(get("/").status, http::status::internal_server_error);
  EXPECT_TRUE(was_logged("null"));
  EXPECT_FALSE(called);
}

TEST_F(injection, only_the_handler_of_a_websocket_has_the_socket) {
  app.get("/plain", [](web::websocket) {});
  EXPECT_NE(problem_of_check().find("websocket"), std::string::npos);
}

TEST_F(injection, a_provider_cannot_have_the_socket_that_is_not_open_yet) {
  app.provide([](web::websocket&) { return store(1); });
  app.websocket_route("/ws", [](web::websocket, store&) -> asio::awaitable<void> { co_return; });
  EXPECT_NE(problem_of_check().find("websocket"), std::string::npos);
}

// --- The client of Redis ---------------------------------------------------------------------------------------------

TEST_F(injection, without_redis_a_handler_that_needs_it_answers_503) {
  app.get("/reference", [](client&) {});
  app.get("/shared", [](std::shared_ptr<client>) {});
  app.get("/both", [](client*, client&) {});
  app.get("/both_other", [](client&, client*) {});
  for (const char* where : {"/reference", "/shared", "/both", "/both_other"}) {
    const auto answer = get(where);
    EXPECT_EQ(answer.status, http::status::service_unavailable) << where;
    EXPECT_EQ(header_of(answer, "Retry-After"), "1");
  }
}

TEST_F(injection, without_redis_a_handler_that_can_do_without_gets_null) {
  app.get("/", [](client* redis) { return redis == nullptr; });
  EXPECT_EQ(get("/").body, "true");
}

TEST_F(injection, the_client_may_be_provided_by_the_application) {
  asio::io_context io;
  const auto mine = std::make_shared<client>(io.get_executor(), config{});
  app.provide([&mine] { return mine; });
  app.get("/", [&mine](client& redis, client* maybe) { return &redis == mine.get() && maybe == mine.get(); });
  EXPECT_EQ(get("/").body, "true");
  EXPECT_THROW(app.provide([&mine] { return mine; }), config_error);
}

TEST_F(injection, the_client_may_be_overridden_for_tests) {
  asio::io_context io;
  client mine(io.get_executor(), config{});
  app.override_provider([&mine]() -> client& { return mine; });
  app.get("/", [&mine](client& redis) { return &redis == &mine; });
  EXPECT_EQ(get("/").body, "true");
}

}  // namespace
}  // namespace redstart::test
