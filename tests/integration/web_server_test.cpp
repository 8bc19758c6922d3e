// SPDX-License-Identifier: MIT
// The server's HTTP, over real sockets.
#include "redstart/error.hpp"
#include "redstart/web/http_error.hpp"
#include "redstart/web/server.hpp"
#include "support/server.hpp"
#include "support/web_fixture.hpp"

#include <cmath>
#include <stdexcept>

namespace redstart::test {
namespace {

using web::path;
using web::request;
using web::response;

class web_server : public web_server_test {
 protected:
  web_server() {
    app.get("/text", [] { return "text"; });
    app.get("/large", [] { return std::string(300'000, 'x'); });
    app.get("/numbers/{n}", [](path<int, "n"> n) { return std::to_string(*n); });
    app.post("/echo", [](const request& asked) { return asked.body(); });
    app.del("/nothing", [] {});
  }
};

TEST_F(web_server, answers_with_what_every_response_has) {
  serve();
  auto client = connect();
  const auto answer = client.get("/text");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "text");
  EXPECT_EQ(answer.header("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(answer.header("content-length"), "4");
  EXPECT_EQ(answer.header("x-content-type-options"), "nosniff");
  ASSERT_TRUE(answer.header("date"));
  EXPECT_TRUE(answer.header("date")->ends_with(" GMT"));
  EXPECT_EQ(answer.header("server"), std::nullopt) << "nobody needs to know";
}

TEST_F(web_server, its_figures_and_address_are_known) {
  serve();
  EXPECT_EQ(server().url(), "http://127.0.0.1:" + std::to_string(port()));
  EXPECT_EQ(server().figures().connections, 0u);
  {
    auto one = connect();
    auto other = connect();
    EXPECT_TRUE(connections_become(2));
    EXPECT_EQ(server().figures().accepted, 2u);
  }
  EXPECT_TRUE(connections_become(0));
}

TEST_F(web_server, a_connection_serves_many_requests) {
  serve();
  auto client = connect();
  for (int i = 0; i < 200; ++i) {
    const auto answer = client.get("/numbers/" + std::to_string(i));
    ASSERT_EQ(answer.body, std::to_string(i));
    ASSERT_EQ(answer.header("connection"), std::nullopt);
  }
  EXPECT_EQ(server().figures().accepted, 1u);
}

TEST_F(web_server, errors_leave_the_connection_open) {
  app.get("/fail", []() -> int { throw std::runtime_error("inside"); });
  serve();
  auto client = connect();
  EXPECT_EQ(client.get("/none").status, 404);
  EXPECT_EQ(client.get("/echo").status, 405);
  EXPECT_EQ(client.get("/numbers/x").status, 422);
  EXPECT_EQ(client.get("/%zz").status, 400);
  EXPECT_EQ(client.get("/fail").status, 500);
  EXPECT_EQ(client.get("/text").status, 200);
  EXPECT_EQ(server().figures().accepted, 1u);
  EXPECT_TRUE(was_logged("inside"));
}

TEST_F(web_server, pipelined_requests_are_answered_in_order) {
  serve();
  auto client = connect();
  std::string many;
  for (int i = 0; i < 300; ++i) many += "GET /numbers/" + std::to_string(i) + " HTTP/1.1\r\nHost: hub\r\n\r\n";
  many += "POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 4\r\n\r\nlast";
  client.send(many);
  for (int i = 0; i < 300; ++i) ASSERT_EQ(client.read().body, std::to_string(i));
  EXPECT_EQ(client.read().body, "last");
}

TEST_F(web_server, a_request_may_be_cut_at_every_byte) {
  serve();
  const std::string first = "POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 3\r\n\r\nabc";
  const std::string whole =
      first +
      "POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n2;x=y\r\ngh\r\n0\r\n\r\n";
  auto client = connect();
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    client.send(std::string_view(whole).substr(0, cut));
    ASSERT_TRUE(client.is_silent(1ms) || cut >= first.size());
    client.send(std::string_view(whole).substr(cut));
    ASSERT_EQ(client.read().body, "abc") << cut;
    ASSERT_EQ(client.read().body, "defgh") << cut;
  }
}

TEST_F(web_server, a_request_may_come_byte_by_byte) {
  serve();
  auto client = connect();
  for (const char byte : std::string_view("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 3\r\n\r\nabc")) {
    client.send({&byte, 1});
  }
  EXPECT_EQ(client.read().body, "abc");
}

// https://www.rfc-editor.org/rfc/rfc9112#section-2.2-6
TEST_F(web_server, empty_lines_before_a_request_are_ignored_wherever_they_are_cut) {
  serve();
  const std::string whole = "\r\n\r\nPOST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 3\r\n\r\nabc\r\n";
  auto client = connect();
  for (std::size_t cut = 1; cut < 8; ++cut) {
    client.send(std::string_view(whole).substr(0, cut));
    ASSERT_TRUE(client.is_silent(2ms)) << cut;
    client.send(std::string_view(whole).substr(cut));
    ASSERT_EQ(client.read().body, "abc") << cut;
  }
  for (const char* bytes : {"\rGET / HTTP/1.1\r\nHost: hub\r\n\r\n", "\n", "\r\r", "\r\n\n"}) {
    auto other = connect();
    EXPECT_EQ(other.ask(bytes).status, 400) << bytes;
  }
}

TEST_F(web_server, an_empty_line_is_no_request_that_a_stop_would_wait_for) {
  serve({.idle_timeout = 60s, .drain_timeout = 60s});
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 3\r\n\r\nabc\r\n");
  EXPECT_EQ(client.read().body, "abc");
  ASSERT_TRUE(client.is_silent(50ms));
  EXPECT_EQ(stop().wait_for(5s), std::future_status::ready);
}

TEST_F(web_server, large_responses_come_whole) {
  serve();
  auto client = connect();
  EXPECT_EQ(client.get("/large").body, std::string(300'000, 'x'));
  EXPECT_EQ(client.get("/text").body, "text");
}

TEST_F(web_server, head_has_the_headers_of_get_and_no_body) {
  serve();
  auto client = connect();
  client.send("HEAD /large HTTP/1.1\r\nHost: hub\r\n\r\nHEAD /none HTTP/1.1\r\nHost: hub\r\n\r\n");
  const auto large = client.read(true);
  EXPECT_EQ(large.status, 200);
  EXPECT_EQ(large.header("content-length"), "300000");
  EXPECT_EQ(client.read(true).status, 404);
  EXPECT_EQ(client.get("/text").body, "text") << "and no byte too many";
}

TEST_F(web_server, head_of_a_target_that_is_refused_has_no_body_either) {
  serve();
  auto client = connect();
  client.send("HEAD /%zz HTTP/1.1\r\nHost: hub\r\n\r\n");
  EXPECT_EQ(client.read(true).status, 400);
  EXPECT_EQ(client.get("/text").body, "text");
}

TEST_F(web_server, responses_without_a_body_say_no_length) {
  app.get("/unchanged", [] { return response{.status = http::status::not_modified, .body = "not sent"}; });
  app.get("/no_content", [] { return response{.status = http::status::no_content, .body = "not sent"}; });
  serve();
  auto client = connect();
  const auto deleted = client.ask("DELETE /nothing HTTP/1.1\r\nHost: hub\r\n\r\n");
  EXPECT_EQ(deleted.status, 204);
  EXPECT_EQ(deleted.header("content-length"), std::nullopt);
  for (const char* where : {"/unchanged", "/no_content"}) {
    const auto answer = client.get(where);
    EXPECT_EQ(answer.header("content-length"), std::nullopt) << where;
    EXPECT_EQ(client.get("/text").body, "text") << where;
  }
}

TEST_F(web_server, a_client_that_waits_for_100_is_told_to_go_on) {
  serve();
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read().status, 100);
  EXPECT_TRUE(client.is_silent(20ms));
  client.send("abc");
  const auto answer = client.read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "abc");
  EXPECT_EQ(client.post("/echo", "x").body, "x");
}

TEST_F(web_server, a_body_that_is_there_already_needs_no_100) {
  serve();
  auto client = connect();
  const auto answer = client.post("/echo", "abc", "Expect: 100-continue\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "abc");
}

TEST_F(web_server, connection_close_is_kept) {
  serve();
  auto client = connect();
  const auto answer = client.ask("GET /text HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(answer.body, "text");
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(client.is_closed(10s));
}

TEST_F(web_server, an_answer_before_the_end_is_not_lost_to_bytes_that_nobody_reads) {
  app.get("/huge", [] { return std::string(5'000'000, 'x'); });
  serve();
  for (const std::string path : {"/text", "/huge"}) {
    auto client = connect();
    client.send("GET " + path + " HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n" + std::string(100'000, 'x'));
    EXPECT_EQ(client.read().status, 200) << path;
    EXPECT_EQ(client.read_all(), "");
    EXPECT_FALSE(client.was_reset()) << path;
  }
}

TEST_F(web_server, a_client_that_goes_on_sending_after_the_end_is_cut) {
  serve();
  auto client = connect();
  EXPECT_EQ(client.ask("GET /text HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n").body, "text");
  const std::string more(100'000, 'x');
  int sent = 0;
  while (sent < 1000 && client.send(more)) ++sent;
  EXPECT_LT(sent, 1000) << "100 MB were read for nothing";
  EXPECT_TRUE(connections_become(0));
}

TEST_F(web_server, a_client_that_does_not_take_the_end_is_cut) {
  serve();
  auto client = connect();
  EXPECT_EQ(client.ask("GET /text HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n").body, "text");
  EXPECT_TRUE(client.is_closed(1s)) << "it is told at once";
  EXPECT_EQ(server().figures().connections, 1u) << "and has time to read";
  EXPECT_TRUE(connections_become(0));
}

TEST_F(web_server, http_1_0_closes_unless_it_asks_otherwise) {
  serve();
  auto client = connect();
  const auto kept = client.ask("GET /text HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.body, "text");
  EXPECT_EQ(kept.header("connection"), "keep-alive");
  EXPECT_EQ(client.ask("GET /text HTTP/1.0\r\n\r\n").body, "text");
  EXPECT_TRUE(client.is_closed(10s));
}

TEST_F(web_server, a_client_that_sends_no_more_still_gets_its_answer) {
  serve();
  auto client = connect();
  client.send("GET /text HTTP/1.1\r\nHost: hub\r\n\r\n");
  client.finish();
  EXPECT_EQ(client.read().body, "text");
  EXPECT_TRUE(client.is_closed(10s));
}

TEST_F(web_server, an_absolute_uri_is_a_target_too) {
  serve();
  auto client = connect();
  EXPECT_EQ(client.get("http://hub.example/text").body, "text");
  EXPECT_EQ(client.get("*").status, 400);
}

TEST_F(web_server, clients_that_vanish_harm_nobody) {
  gate held;
  app.get("/held", [&held]() -> asio::awaitable<std::string> {
    co_await held.wait();
    co_return std::string(1'000'000, 'x');
  });
  serve();
  std::uint64_t expected = 2;
  for (const char* begun : {"", "G", "GET /held HTTP/1.1\r\n", "GET /held HTTP/1.1\r\nHost: hub\r\n\r\n",
                            "POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 9\r\n\r\nabc"}) {
    auto client = connect();
    client.send(begun);
    auto other = connect();
    other.send(begun);
    EXPECT_TRUE(eventually([&] { return server().figures().accepted == expected; }));
    expected += 2;
    client.reset();
  }
  held.open();
  EXPECT_TRUE(connections_become(0));
  EXPECT_EQ(connect().get("/text").body, "text");
  end();
}

TEST_F(web_server, a_slow_handler_keeps_nobody_else_waiting) {
  gate held;
  app.get("/held", [&held]() -> asio::awaitable<std::string> {
    co_await held.wait();
    co_return "held";
  });
  serve();
  auto slow = connect();
  slow.send("GET /held HTTP/1.1\r\nHost: hub\r\n\r\n");
  EXPECT_EQ(connect().get("/text").body, "text");
  EXPECT_TRUE(slow.is_silent(20ms));
  held.open();
  EXPECT_EQ(slow.read().body, "held");
  end();
}

TEST_F(web_server, headers_of_a_handler_cannot_say_where_its_response_ends) {
  app.get("/lies", [] {
    return response::text("text")
        .with("Content-Length", "400")
        .with("Transfer-Encoding", "chunked")
        .with("Connection", "upgrade")
        .with("Date", "yesterday")
        .with("X-Mine", "kept");
  });
  serve();
  auto client = connect();
  const auto answer = client.get("/lies");
  EXPECT_EQ(answer.body, "text");
  EXPECT_EQ(answer.count("content-length"), 1u);
  EXPECT_EQ(answer.header("transfer-encoding"), std::nullopt);
  EXPECT_EQ(answer.header("connection"), std::nullopt);
  EXPECT_EQ(answer.count("date"), 1u);
  EXPECT_NE(answer.header("date"), "yesterday");
  EXPECT_EQ(answer.header("x-mine"), "kept");
  EXPECT_EQ(client.get("/text").body, "text");
}

TEST_F(web_server, several_headers_of_one_name_are_all_sent) {
  app.get("/cookies", [] { return response::text("x").with("Set-Cookie", "a=1").with("Set-Cookie", "b=2"); });
  serve();
  EXPECT_EQ(connect().get("/cookies").count("set-cookie"), 2u);
}

// --- Starting --------------------------------------------------------------------------------------------------------

TEST_F(web_server, a_taken_port_is_an_error_that_says_so_and_undoes_the_start) {
  serve();
  web::application other;
  std::string order;
  other.on_startup([&order]() -> asio::awaitable<void> {
    order += "start ";
    co_return;
  });
  other.on_shutdown([&order]() -> asio::awaitable<void> {
    order += "stop";
    co_return;
  });
  asio::io_context loop;
  web::server second(loop.get_executor(), other, {.port = port()});
  auto started = asio::co_spawn(loop, second.start(), asio::use_future);
  loop.run();
  std::string problem;
  try {
    started.get();
  } catch (const config_error& e) {
    problem = e.what();
  }
  EXPECT_NE(problem.find(std::to_string(port())), std::string::npos) << problem;
  EXPECT_NE(problem.find("another program"), std::string::npos) << problem;
  EXPECT_EQ(order, "start stop");
}

TEST_F(web_server, what_cannot_be_meant_is_refused_by_name) {
  asio::io_context loop;
  const auto problem = [&](const std::function<void(web::server_config&)>& change) -> std::string {
    web::server_config settings;
    change(settings);
    try {
      const web::server refused(loop.get_executor(), app, settings);
    } catch (const config_error& e) {
      return e.what();
    }
    return "nothing was thrown";
  };
  using config = web::server_config;
  EXPECT_NE(problem([](config& it) { it.max_body_bytes = 0; }).find("max_body_bytes"), std::string::npos);
  EXPECT_NE(problem([](config& it) { it.max_header_bytes = 10; }).find("max_header_bytes"), std::string::npos);
  EXPECT_NE(problem([](config& it) { it.max_connections = 0; }).find("max_connections"), std::string::npos);
  EXPECT_NE(problem([](config& it) { it.max_requests_per_second = -1; }).find("max_requests"), std::string::npos);
  EXPECT_NE(problem([](config& it) { it.max_requests_per_second = std::nan(""); }).find("max_requests"),
            std::string::npos);
  EXPECT_NE(problem([](config& it) { it.request_timeout = 0ms; }).find("request_timeout"), std::string::npos);
  EXPECT_NE(problem([](config& it) { it.ping_interval = 10ms; }).find("ping_interval"), std::string::npos);
  EXPECT_NE(problem([](config& it) { it.tls_key_file = "x"; }).find("tls_key_file"), std::string::npos);
  EXPECT_NE(problem([](config& it) { it.tls_key_file = it.tls_certificate_file = "/none"; }).find("/none"),
            std::string::npos);
}

TEST_F(web_server, an_address_that_is_none_is_refused) {
  asio::io_context loop;
  web::server refused(loop.get_executor(), app, {.address = "localhost"});
  auto started = asio::co_spawn(loop, refused.start(), asio::use_future);
  loop.run();
  EXPECT_THROW(started.get(), config_error);
}

TEST_F(web_server, a_startup_hook_that_throws_ends_the_start_and_nothing_listens) {
  app.on_startup([]() -> asio::awaitable<void> {
    throw std::runtime_error("no database");
    co_return;
  });
  asio::io_context loop;
  const auto free = free_port();
  web::server refused(loop.get_executor(), app, {.port = free});
  auto started = asio::co_spawn(loop, refused.start(), asio::use_future);
  loop.run();
  EXPECT_THROW(started.get(), std::runtime_error);
  EXPECT_THROW(http_client{free}, std::runtime_error);
}

}  // namespace
}  // namespace redstart::test
