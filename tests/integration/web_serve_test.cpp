// SPDX-License-Identifier: MIT
// `web::serve`: what ends it, and that everything ends with it.
#include "redstart/web/server.hpp"
#include "support/web_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <csignal>
#include <optional>
#include <stdexcept>

namespace redstart::test {
namespace {

class serving : public ::testing::Test {
 protected:
  serving() {
    app.log_to([this](log_level, std::string_view text) {
      const auto at = text.rfind(':');
      if (text.starts_with("listening on "))
        port = static_cast<std::uint16_t>(std::stoi(std::string(text.substr(at + 1))));
    });
    app.get("/text", [] { return "text"; });
    app.on_shutdown([this]() -> asio::awaitable<void> {
      shut_down = true;
      co_return;
    });
  }
  // Runs the loop until the server listens and knows one client.
  http_client start(asio::io_context& loop) {
    const auto at_end = [this](const std::exception_ptr& problem) {
      EXPECT_FALSE(problem);
      ended = true;
    };
    asio::co_spawn(loop, web::serve(app, {.port = 0}), asio::bind_cancellation_slot(cancel.slot(), at_end));
    while (port == 0) loop.run_one();
    http_client client(port);
    client.send("GET /text HTTP/1.1\r\nHost: hub\r\n\r\n");
    while (client.is_silent(1ms)) loop.run_one_for(10ms);
    return client;
  }

  web::application app;
  asio::cancellation_signal cancel;
  std::uint16_t port = 0;
  bool ended = false;
  bool shut_down = false;
};

TEST_F(serving, ends_with_a_signal_and_leaves_nothing_behind) {
  for (const int signal : {SIGTERM, SIGINT}) {
    port = 0;
    ended = shut_down = false;
    asio::io_context loop;
    auto client = start(loop);
    EXPECT_EQ(client.read().body, "text");
    std::raise(signal);
    loop.run_for(20s);
    EXPECT_TRUE(loop.stopped()) << "something keeps the loop busy";
    EXPECT_TRUE(ended);
    EXPECT_TRUE(shut_down);
    EXPECT_TRUE(client.is_closed(1s));
  }
}

TEST_F(serving, ends_when_it_is_cancelled_as_with_a_signal) {
  gate held;
  bool called = false;
  app.get("/held", [&]() -> asio::awaitable<std::string> {
    called = true;
    co_await held.wait();
    co_return "held";
  });
  asio::io_context loop;
  auto idle = start(loop);
  EXPECT_EQ(idle.read().body, "text");
  http_client busy(port);
  busy.send("GET /held HTTP/1.1\r\nHost: hub\r\n\r\n");
  for (int i = 0; i < 1000 && !called; ++i) loop.run_one_for(10ms);
  cancel.emit(asio::cancellation_type::terminal);
  loop.run_for(50ms);
  EXPECT_FALSE(ended) << "a request is still running";
  EXPECT_FALSE(shut_down);
  held.open();
  loop.run_for(20s);
  EXPECT_TRUE(loop.stopped()) << "something keeps the loop busy";
  EXPECT_TRUE(ended);
  EXPECT_TRUE(shut_down);
  EXPECT_EQ(busy.read().body, "held");
  EXPECT_TRUE(idle.is_closed(1s));
}

TEST_F(serving, ends_when_its_program_does) {
  gate enough;
  asio::io_context loop;
  asio::co_spawn(loop,
                 web::serve(app, {.port = 0},
                            [&](const web::server& running) -> asio::awaitable<void> {
                              port = running.port();
                              co_await enough.wait();
                            }),
                 [this](const std::exception_ptr& problem) { ended = !problem; });
  while (port == 0) loop.run_one();
  http_client client(port);
  client.send("GET /text HTTP/1.1\r\nHost: hub\r\n\r\n");
  while (client.is_silent(1ms)) loop.run_one_for(10ms);
  EXPECT_FALSE(shut_down);
  enough.open();
  loop.run_for(20s);
  EXPECT_TRUE(loop.stopped()) << "something keeps the loop busy";
  EXPECT_TRUE(ended);
  EXPECT_TRUE(shut_down);
}

TEST_F(serving, stops_in_order_when_its_program_fails_or_is_cancelled) {
  for (const bool fails : {true, false}) {
    shut_down = false;
    std::string thrown;
    asio::io_context loop;
    const auto until = [&](const web::server&) -> asio::awaitable<void> {
      if (fails) throw std::runtime_error("it failed");
      cancel.emit(asio::cancellation_type::terminal);
      asio::steady_timer never(loop, 60s);
      co_await never.async_wait(asio::use_awaitable);
    };
    const auto at_end = [&](const std::exception_ptr& problem) {
      EXPECT_TRUE(shut_down);
      try {
        if (problem) std::rethrow_exception(problem);
        thrown = "nothing";
      } catch (const std::exception& e) {
        thrown = e.what();
      }
    };
    asio::co_spawn(loop, web::serve(app, {.port = 0}, until), asio::bind_cancellation_slot(cancel.slot(), at_end));
    loop.run_for(20s);
    EXPECT_TRUE(loop.stopped()) << "something keeps the loop busy";
    EXPECT_EQ(thrown, fails ? "it failed" : "nothing");
  }
}

TEST_F(serving, may_end_with_its_loop) {
  std::optional<http_client> client;
  {
    asio::io_context loop;
    client.emplace(start(loop));
  }
  EXPECT_EQ(client->read().body, "text");
  EXPECT_TRUE(client->is_closed(10s));
  EXPECT_FALSE(ended);
}

}  // namespace
}  // namespace redstart::test
