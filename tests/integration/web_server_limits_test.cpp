// SPDX-License-Identifier: MIT
// What the server bears: sizes, numbers, rates, times; and how it stops.
#include "redstart/web/http_error.hpp"
#include "redstart/web/server.hpp"
#include "support/web_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <atomic>
#include <stdexcept>

namespace redstart::test {
namespace {

using web::request;
using web::response;
using web::server_config;

class web_limits : public web_server_test {
 protected:
  web_limits() {
    app.get("/text", [] { return "text"; });
    app.post("/echo", [this](const request& asked) {
      ++calls;
      return asked.body();
    });
    app.get("/held", [this]() -> asio::awaitable<std::string> {
      ++calls;
      co_await held.wait();
      co_return "held";
    });
  }
  ~web_limits() override { end(); }

  std::atomic<int> calls{0};
  gate held;
};

// --- Sizes -----------------------------------------------------------------------------------------------------------

TEST_F(web_limits, a_body_up_to_the_limit_is_taken_and_one_byte_more_answers_413) {
  serve({.max_body_bytes = 1000});
  auto client = connect();
  EXPECT_EQ(client.post("/echo", std::string(1000, 'x')).body.size(), 1000u);
  const auto refused = client.post("/echo", std::string(1001, 'x'));
  EXPECT_EQ(refused.status, 413);
  EXPECT_EQ(refused.header("connection"), "close");
  EXPECT_NE(refused.body.find("1000 bytes"), std::string::npos);
  EXPECT_EQ(calls, 1);
  client.finish();
  EXPECT_TRUE(client.is_closed(10s));
}

TEST_F(web_limits, chunks_count_together) {
  serve({.max_body_bytes = 1000});
  auto client = connect();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string chunk = "1f4\r\n" + std::string(500, 'x') + "\r\n";
  EXPECT_EQ(client.ask(head + chunk + chunk + "0\r\n\r\n").body.size(), 1000u);
  EXPECT_EQ(client.ask(head + chunk + chunk + "1\r\nx\r\n0\r\n\r\n").status, 413);
  EXPECT_EQ(calls, 1);
}

TEST_F(web_limits, a_client_that_asks_before_sending_too_much_is_refused_before) {
  serve({.max_body_bytes = 1000});
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read().status, 413) << "and not 100";
}

TEST_F(web_limits, a_client_that_sends_on_still_reads_the_413) {
  serve({.max_body_bytes = 1000});
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 2000000\r\n\r\n");
  for (int i = 0; i < 20; ++i) client.send(std::string(100'000, 'x'));
  EXPECT_EQ(client.read().status, 413);
}

TEST_F(web_limits, too_large_headers_answer_431) {
  serve({.max_header_bytes = 1024});
  const auto with = [](std::size_t size) {
    return "GET /text HTTP/1.1\r\nHost: hub\r\nX-Long: " + std::string(size, 'x') + "\r\n\r\n";
  };
  EXPECT_EQ(connect().ask(with(900)).status, 200);
  const auto refused = connect().ask(with(1100));
  EXPECT_EQ(refused.status, 431);
  EXPECT_EQ(refused.header("connection"), "close");
  EXPECT_EQ(connect().ask("GET /" + std::string(2000, 'x') + " HTTP/1.1\r\nHost: hub\r\n\r\n").status, 431);
  std::string many = "GET /text HTTP/1.1\r\nHost: hub\r\n";
  for (int i = 0; i < 1000; ++i) many += "a: b\r\n";
  EXPECT_EQ(connect().ask(many).status, 431) << "also before their end";
}

// --- Numbers ---------------------------------------------------------------------------------------------------------

TEST_F(web_limits, one_connection_too_many_is_answered_503) {
  serve({.max_connections = 2});
  auto one = connect();
  auto two = connect();
  EXPECT_TRUE(connections_become(2));
  auto three = connect();
  three.send("GET /text HTTP/1.1\r\nHost: hub\r\n\r\n");
  const auto refused = three.read();
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.header("retry-after"));
  EXPECT_TRUE(three.is_closed(10s));
  EXPECT_EQ(server().figures().refused, 1u);
  EXPECT_EQ(one.get("/text").status, 200);
  one.reset();
  EXPECT_TRUE(connections_become(1));
  EXPECT_EQ(connect().get("/text").status, 200);
}

TEST_F(web_limits, one_peer_has_a_bound_of_its_own) {
  serve({.max_connections_per_peer = 1});
  auto one = connect();
  EXPECT_EQ(one.get("/text").status, 200);
  EXPECT_EQ(connect().read().status, 503);
}

TEST_F(web_limits, by_default_no_peer_can_take_all_connections) {
  const server_config unchanged;
  EXPECT_LE(10 * unchanged.max_connections_per_peer, unchanged.max_connections);
}

TEST_F(web_limits, a_flood_of_connections_is_survived) {
  serve({.max_connections = 4});
  std::vector<http_client> kept;
  for (int i = 0; i < 300; ++i) kept.push_back(connect());
  EXPECT_TRUE(eventually([&] { return server().figures().refused == 296; }));
  EXPECT_EQ(kept.front().get("/text").status, 200);
  kept.clear();
  EXPECT_TRUE(connections_become(0));
  EXPECT_EQ(connect().get("/text").status, 200);
}

TEST_F(web_limits, too_many_requests_answer_429_and_when_to_come_back) {
  serve({.max_requests_per_second = 5});
  auto client = connect();
  int refused = 0;
  for (int i = 0; i < 30; ++i) {
    const auto answer = client.get("/text");
    if (answer.status == 200) continue;
    ASSERT_EQ(answer.status, 429);
    ASSERT_EQ(answer.header("retry-after"), "1");
    ++refused;
  }
  EXPECT_GE(refused, 10);
  EXPECT_EQ(connect().get("/text").status, 429) << "a new connection is the same peer";
  EXPECT_TRUE(eventually([&] { return client.get("/text").status == 200; }));
}

TEST_F(web_limits, requests_that_are_refused_count_too) {
  serve({.max_requests_per_second = 3});
  auto client = connect();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.get("/%zz").status, 400);
  EXPECT_EQ(client.get("/%zz").status, 429);
}

// --- Times -----------------------------------------------------------------------------------------------------------

TEST_F(web_limits, an_idle_connection_is_closed) {
  serve({.request_timeout = 20s, .idle_timeout = 100ms});
  auto fresh = connect();
  auto used = connect();
  EXPECT_EQ(used.get("/text").status, 200);
  EXPECT_TRUE(fresh.is_closed(10s));
  EXPECT_TRUE(used.is_closed(10s));
}

TEST_F(web_limits, a_request_that_does_not_end_is_cut) {
  serve({.request_timeout = 100ms, .idle_timeout = 60s});
  for (const char* begun :
       {"G", "GET /text HTTP/1.1\r\nHost: hub\r\n", "POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 5\r\n\r\nab",
        "POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n"}) {
    auto client = connect();
    client.send(begun);
    EXPECT_TRUE(client.is_closed(10s)) << begun;
  }
  EXPECT_EQ(calls, 0);
}

TEST_F(web_limits, a_byte_now_and_then_does_not_put_the_end_off) {
  serve({.request_timeout = 300ms, .idle_timeout = 60s});
  auto client = connect();
  client.send("GET /text HTTP/1.1\r\nHost: hub\r\nX: ");
  bool closed = false;
  for (int i = 0; i < 200 && !closed; ++i) {
    client.send("x");
    closed = client.is_closed(50ms);
  }
  EXPECT_TRUE(closed);
}

TEST_F(web_limits, a_request_that_came_behind_another_has_the_time_of_a_request) {
  serve({.request_timeout = 100ms, .idle_timeout = 60s});
  auto client = connect();
  client.send("GET /text HTTP/1.1\r\nHost: hub\r\n\r\nGET /text HT");
  EXPECT_EQ(client.read().status, 200);
  EXPECT_TRUE(client.is_closed(10s));
}

TEST_F(web_limits, a_handler_may_take_longer_than_a_request) {
  serve({.request_timeout = 100ms, .idle_timeout = 100ms});
  auto client = connect();
  client.send("GET /held HTTP/1.1\r\nHost: hub\r\n\r\n");
  EXPECT_TRUE(client.is_silent(1200ms));
  held.open();
  EXPECT_EQ(client.read().body, "held");
}

TEST_F(web_limits, a_client_that_does_not_read_its_answer_is_cut) {
  app.get("/huge", [] { return std::string(50'000'000, 'x'); });
  serve({.request_timeout = 300ms});
  auto client = connect();
  client.send("GET /huge HTTP/1.1\r\nHost: hub\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return server().figures().connections == 1; }));
  EXPECT_TRUE(connections_become(0));
}

// --- Stopping --------------------------------------------------------------------------------------------------------

TEST_F(web_limits, stopping_lets_a_running_request_finish_and_closes_idle_connections) {
  serve();
  auto idle = connect();
  auto used = connect();
  EXPECT_EQ(used.get("/text").status, 200);
  auto busy = connect();
  busy.send("GET /held HTTP/1.1\r\nHost: hub\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return calls == 1; }));
  auto stopped = stop();
  EXPECT_TRUE(idle.is_closed(10s));
  EXPECT_TRUE(used.is_closed(10s));
  EXPECT_THROW(connect(), std::runtime_error) << "nobody listens any more";
  EXPECT_EQ(stopped.wait_for(50ms), std::future_status::timeout);
  held.open();
  const auto answer = busy.read();
  EXPECT_EQ(answer.body, "held");
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(busy.is_closed(10s));
  stopped.get();
}

TEST_F(web_limits, a_request_that_had_begun_when_the_stop_came_is_answered) {
  serve();
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 3\r\n\r\na");
  ASSERT_TRUE(connections_become(1));
  ASSERT_TRUE(client.is_silent(100ms));  // until the server has read it
  auto stopped = stop();
  EXPECT_TRUE(client.is_silent(50ms));
  client.send("bc");
  EXPECT_EQ(client.read().body, "abc");
  stopped.get();
}

TEST_F(web_limits, what_takes_longer_than_the_drain_is_cut_with_its_handler) {
  std::atomic<bool> ended{false};
  app.get("/endless", [&ended, this]() -> asio::awaitable<void> {
    struct mark {
      std::atomic<bool>& at;
      ~mark() { at = true; }
    } const at_end{ended};
    ++calls;
    asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
    co_await timer.async_wait(asio::use_awaitable);
  });
  serve({.drain_timeout = 100ms});
  auto client = connect();
  client.send("GET /endless HTTP/1.1\r\nHost: hub\r\n\r\n");
  auto partial = connect();
  partial.send("GET /text HT");
  ASSERT_TRUE(eventually([&] { return calls == 1; }));
  ASSERT_TRUE(partial.is_silent(50ms));
  const auto begun = std::chrono::steady_clock::now();
  stop().get();
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 100ms);
  EXPECT_TRUE(ended);
  EXPECT_EQ(server().figures().connections, 0u);
  EXPECT_TRUE(client.is_closed(10s));
  EXPECT_TRUE(partial.is_closed(10s));
  end();
}

TEST_F(web_limits, a_stop_that_is_cancelled_stops_all_the_same) {
  std::atomic<bool> shut_down{false};
  app.on_shutdown([&]() -> asio::awaitable<void> {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
    co_await timer.async_wait(asio::use_awaitable);
    shut_down = true;
  });
  serve();
  auto busy = connect();
  busy.send("GET /held HTTP/1.1\r\nHost: hub\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return calls == 1; }));
  asio::cancellation_signal cancel;
  auto stopped = asio::co_spawn(io(), server().stop(), asio::bind_cancellation_slot(cancel.slot(), asio::use_future));
  EXPECT_EQ(stopped.wait_for(50ms), std::future_status::timeout);
  asio::post(io(), [&] { cancel.emit(asio::cancellation_type::terminal); });
  EXPECT_EQ(stopped.wait_for(100ms), std::future_status::timeout) << "a request is still running";
  held.open();
  EXPECT_EQ(busy.read().body, "held");
  EXPECT_NO_THROW(stopped.get());
  EXPECT_TRUE(shut_down);
  end();
}

TEST_F(web_limits, a_start_that_is_cancelled_leaves_nothing_behind) {
  asio::io_context loop;
  web::application other;
  bool shut_down = false;
  other.on_startup([]() -> asio::awaitable<void> {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
    co_await timer.async_wait(asio::use_awaitable);
  });
  other.on_shutdown([&]() -> asio::awaitable<void> {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
    co_await timer.async_wait(asio::use_awaitable);
    shut_down = true;
  });
  web::server served(loop.get_executor(), other, server_config{.port = 0});
  asio::cancellation_signal cancel;
  std::exception_ptr problem;
  asio::co_spawn(loop, served.start(),
                 asio::bind_cancellation_slot(cancel.slot(), [&](const std::exception_ptr& why) { problem = why; }));
  loop.run_for(20ms);
  EXPECT_FALSE(problem);
  cancel.emit(asio::cancellation_type::terminal);
  loop.run_for(20s);
  EXPECT_TRUE(problem);
  EXPECT_TRUE(shut_down);
}

TEST_F(web_limits, hooks_run_around_serving) {
  std::mutex mutex;
  std::string order;
  const auto note = [&](const std::string& what) {
    return [&mutex, &order, what]() -> asio::awaitable<void> {
      const std::lock_guard lock(mutex);
      order += what;
      co_return;
    };
  };
  app.on_startup(note("[start]"));
  app.on_shutdown(note("[stop]"));
  app.get("/noted", [&] {
    const std::lock_guard lock(mutex);
    order += "[request]";
  });
  serve();
  EXPECT_EQ(connect().get("/noted").status, 204);
  stop().get();
  EXPECT_EQ(order, "[start][request][stop]");
  stop().get();
  EXPECT_EQ(order, "[start][request][stop]") << "stopping twice is stopping once";
  end();
}

TEST_F(web_limits, a_server_that_is_destroyed_closes_everything) {
  asio::io_context loop;
  web::application other;
  other.get("/text", [] { return "text"; });
  auto served = std::make_unique<web::server>(loop.get_executor(), other, server_config{.port = 0});
  auto started = asio::co_spawn(loop, served->start(), asio::use_future);
  std::thread thread([&] {
    const auto work = asio::make_work_guard(loop);
    loop.run();
  });
  started.get();
  http_client client(served->port());
  EXPECT_EQ(client.get("/text").body, "text");
  asio::post(loop, [&] { served.reset(); });
  EXPECT_TRUE(client.is_closed(10s));
  asio::post(loop, [&] { loop.stop(); });
  thread.join();
}

TEST_F(web_limits, connections_that_come_while_the_server_is_destroyed_are_closed) {
  web::application other;
  asio::io_context loop;
  auto work = std::make_optional(asio::make_work_guard(loop));
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back([&] { loop.run(); });
  bool all_closed = true;
  for (int round = 0; round < 60 && all_closed; ++round) {
    auto served = std::make_unique<web::server>(loop.get_executor(), other, server_config{.port = 0});
    asio::co_spawn(loop, served->start(), asio::use_future).get();
    std::vector<http_client> clients;
    std::thread coming([&, port = served->port()] {
      try {
        while (clients.size() < 200) clients.emplace_back(port);
      } catch (const std::runtime_error&) {
        // Nobody listens any more.
      }
    });
    const auto before = static_cast<std::uint64_t>(1 + round % 7);
    EXPECT_TRUE(eventually([&] { return served->figures().accepted >= before; }));
    served.reset();
    coming.join();
    // Of a connection that comes as the kernel stops listening nobody may know but the client, which learns it when it
    // sends. It is no whole request: a server that still had the connection would wait for the rest.
    all_closed = std::ranges::all_of(clients, [](http_client& each) { return !each.send("G") || each.is_closed(5s); });
    EXPECT_TRUE(all_closed) << "in round " << round;
  }
  work.reset();
  for (auto& each : threads) each.join();
}

TEST_F(web_limits, a_loop_that_ends_with_open_connections_leaks_nothing) {
  web::application other;
  other.get("/never", []() -> asio::awaitable<void> {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
    co_await timer.async_wait(asio::use_awaitable);
  });
  std::optional<http_client> client;
  asio::io_context loop;
  std::optional<web::server> served;
  served.emplace(loop.get_executor(), other, server_config{.port = 0});
  asio::co_spawn(loop, served->start(), asio::use_future);
  while (served->port() == 0) loop.run_one();
  client.emplace(served->port());
  client->send("GET /never HTTP/1.1\r\nHost: hub\r\n\r\n");
  for (int i = 0; i < 20; ++i) loop.run_one_for(5ms);
  EXPECT_EQ(served->figures().connections, 1u);
}

// --- Origins ---------------------------------------------------------------------------------------------------------

TEST_F(web_limits, pages_of_other_sites_may_read_and_not_write) {
  serve({.allowed_origins = {"https://panel.example"}});
  auto client = connect();
  EXPECT_EQ(client.post("/echo", "x").status, 200);
  EXPECT_EQ(client.post("/echo", "x", "Origin: https://panel.example\r\n").status, 200);
  const std::string own = "localhost:" + std::to_string(port());
  EXPECT_EQ(
      client.ask("POST /echo HTTP/1.1\r\nHost: " + own + "\r\nOrigin: http://" + own + "\r\nContent-Length: 1\r\n\r\nx")
          .status,
      200);
  EXPECT_EQ(calls, 3);
  // Only this machine reaches the server: a name like this one is somebody's trick.
  EXPECT_EQ(client.post("/echo", "x", "Origin: http://hub\r\n").status, 403);
  EXPECT_EQ(client.post("/echo", "x", "Origin: http://evil.example\r\n").status, 403);
  EXPECT_EQ(client.post("/echo", "x", "Origin: null\r\n").status, 403);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(client.ask("GET /text HTTP/1.1\r\nHost: hub\r\nOrigin: http://evil.example\r\n\r\n").status, 200);
}

}  // namespace
}  // namespace redstart::test
