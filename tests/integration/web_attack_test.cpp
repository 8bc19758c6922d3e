// SPDX-License-Identifier: MIT
// What clients do that mean harm: requests in which a proxy and this server could see different things, and requests
// that cost more than they should.
#include "redstart/web/http_error.hpp"
#include "redstart/web/server.hpp"
#include "support/web_fixture.hpp"

#include <atomic>
#include <fstream>
#include <stdexcept>

namespace redstart::test {
namespace {

using web::request;
using web::response;

class web_attack : public web_server_test {
 protected:
  web_attack() {
    app.get("/text", [] { return "text"; });
    app.get("/admin", [this] {
      ++smuggled;
      return "secret";
    });
    app.post("/echo", [](const request& asked) { return asked.body(); });
    app.post("/json", [](const boost::json::value&) { return "json"; });
    app.get("/whoami", [](const request& asked) { return std::string(asked.header("X-User").value_or("nobody")); });
    app.post("/whoami", [](const request& asked) { return std::string(asked.header("X-User").value_or("nobody")); });
  }
  ~web_attack() override { end(); }

  /// Sends `bytes` and checks that the server answers 400, once, and closes.
  void expect_refused(const std::string& bytes, int status = 400) {
    auto client = connect();
    client.send(bytes);
    const auto answer = client.read();
    EXPECT_EQ(answer.status, status) << bytes;
    EXPECT_EQ(answer.header("connection"), "close") << bytes;
    client.finish();
    EXPECT_EQ(client.read_all(), "") << bytes;
    EXPECT_EQ(smuggled, 0) << bytes;
  }

  std::atomic<int> smuggled{0};
};

constexpr const char* hidden = "GET /admin HTTP/1.1\r\nHost: hub\r\n\r\n";

// A request with these headers, and another one that whoever counts otherwise would take for the next.
std::string post_with(const std::string& headers, const std::string& body = {}) {
  return "POST /echo HTTP/1.1\r\nHost: hub\r\n" + headers + "\r\n" + body + hidden;
}

// --- Where a request ends --------------------------------------------------------------------------------------------

TEST_F(web_attack, a_length_and_chunks_contradict_each_other) {
  serve();
  expect_refused(post_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"));
  expect_refused(post_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"));
  expect_refused(post_with("Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"));
}

TEST_F(web_attack, two_lengths_contradict_each_other) {
  serve();
  expect_refused(post_with("Content-Length: 0\r\nContent-Length: 5\r\n"));
  expect_refused(post_with("Content-Length: 0, 5\r\n"));
}

TEST_F(web_attack, a_length_is_digits_only) {
  serve();
  for (const char* length : {"+5", "-1", "0x5", "5 5", "5;", "", "five", "99999999999999999999999", "1e1"}) {
    expect_refused(post_with("Content-Length: " + std::string(length) + "\r\n", "abcde"));
  }
}

TEST_F(web_attack, codings_that_end_somewhere_unknown_are_refused) {
  serve();
  for (const char* coding : {"xchunked", "gzip", "identity", "chunked, identity", "gzip, chunked", "chunked, chunked",
                             "\"chunked\"", "chunked;q=1",
                             "\x0b"
                             "chunked"}) {
    expect_refused(post_with("Transfer-Encoding: " + std::string(coding) + "\r\n", "0\r\n\r\n"));
  }
  expect_refused(post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"));
  expect_refused(post_with("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"));
  expect_refused(post_with("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"));
  expect_refused(post_with("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"));
  expect_refused("POST /echo HTTP/1.0\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

TEST_F(web_attack, names_of_headers_with_odd_characters_are_refused) {
  serve();
  expect_refused(post_with("Content-Length : 5\r\n", "abcde"));
  expect_refused(post_with(" Content-Length: 5\r\n", "abcde"));
  expect_refused(post_with(std::string("Content\0Length: 5\r\n", 19), "abcde"));
  expect_refused(post_with("Content-Length\r: 5\r\n", "abcde"));
  expect_refused(post_with(": 5\r\n"));
  expect_refused(post_with("no colon\r\n"));
}

TEST_F(web_attack, lines_end_with_both_characters) {
  serve();
  expect_refused("GET /text HTTP/1.1\nHost: hub\n\n\r\n\r\n");
  expect_refused("GET /text HTTP/1.1\r\nHost: hub\nX-Evil: 1\r\n\r\n");
  expect_refused("GET /text HTTP/1.1\r\nHost: hub\rX-Evil: 1\r\n\r\n");
  expect_refused(std::string("GET /text HTTP/1.1\r\nHost: hub\r\nX: a\0b\r\n\r\n", 41));
}

TEST_F(web_attack, folded_headers_are_refused) {
  serve();
  expect_refused(post_with("X-Fold: a\r\n Content-Length: 60\r\n"));
  expect_refused(post_with("X-Fold: a\r\n\tContent-Length: 60\r\n"));
  expect_refused(post_with("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"));
  expect_refused("GET /text HTTP/1.1\r\n Host: hub\r\n\r\n");
}

TEST_F(web_attack, chunks_that_are_none_are_refused) {
  serve();
  const auto chunked = [](const std::string& body) {
    return "POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
  };
  for (const char* body : {"x\r\n", "-1\r\n\r\n", "0x5\r\nabcde\r\n0\r\n\r\n", "5\nabcde\r\n0\r\n\r\n", "\r\n\r\n",
                           "5\r\nabcdeX\r\n0\r\n\r\n", "5\r\nabcde0\r\n\r\n\r\n", "5 5\r\nabcde\r\n0\r\n\r\n",
                           "+5\r\nabcde\r\n0\r\n\r\n", "5;\x01=y\r\nabcde\r\n0\r\n\r\n"}) {
    expect_refused(chunked(body));
  }
}

TEST_F(web_attack, sizes_of_chunks_do_not_overflow) {
  serve();
  const auto sized = [](const std::string& size) {
    return "POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n" + size + "\r\nx";
  };
  expect_refused(sized("ffffffffffffffff"), 413);
  expect_refused(sized("7fffffffffffffff"), 413);
  expect_refused(sized("10000000000000001"));
  expect_refused(sized("fffffffffffffffffffffffffffffffff"));
  expect_refused("POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nffffffffffffffff\r\n",
                 413);
}

TEST_F(web_attack, extensions_and_trailers_without_end_are_cut) {
  serve({.max_header_bytes = 1024, .request_timeout = 60s});
  for (const char* begun : {"5;", "5\r\nabcde\r\n0;", "0\r\n", "5"}) {
    auto client = connect();
    client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(begun));
    const std::string more = std::string(begun) == "0\r\n" ? "a: b\r\n" : std::string(begun) == "5" ? "0000" : "xxxx";
    std::string flood;
    while (flood.size() < 100'000) flood += more;
    client.send(flood);
    EXPECT_EQ(client.read().status, 400) << begun;
  }
}

// A parser that has read a header no longer counts it.
TEST_F(web_attack, headers_that_come_one_at_a_time_are_bounded_in_all) {
  serve({.max_header_bytes = 1024, .request_timeout = 60s});
  auto client = connect();
  client.send("GET /text HTTP/1.1\r\nHost: hub\r\n");
  for (int sent = 0; sent < 40 && client.is_silent(1ms); ++sent)
    client.send("X-More: " + std::string(60, 'x') + "\r\n");
  EXPECT_EQ(client.read().status, 431);
}

TEST_F(web_attack, an_empty_body_in_chunks_may_come_byte_by_byte) {
  serve();
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const char byte : std::string_view("0\r\n\r\n")) {
    EXPECT_TRUE(client.is_silent(1ms));
    client.send({&byte, 1});
  }
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.get("/text").body, "text");
}

TEST_F(web_attack, trailers_are_no_headers) {
  serve();
  auto client = connect();
  const auto answer = client.ask(
      "POST /whoami HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-User: admin\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "nobody");
  EXPECT_EQ(client.get("/text").body, "text");
}

TEST_F(web_attack, a_body_of_a_get_is_no_next_request) {
  serve();
  auto client = connect();
  const std::string body = hidden;
  client.send("GET /text HTTP/1.1\r\nHost: hub\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(client.read().body, "text");
  EXPECT_EQ(client.get("/text").body, "text");
  EXPECT_EQ(smuggled, 0);
}

// --- Whom a request is for -------------------------------------------------------------------------------------------

TEST_F(web_attack, a_request_has_one_host) {
  serve();
  expect_refused("GET /text HTTP/1.1\r\n\r\n");
  expect_refused("GET /text HTTP/1.1\r\nHost: hub\r\nHost: evil\r\n\r\n");
  EXPECT_EQ(connect().ask("GET /text HTTP/1.0\r\n\r\n").status, 200);
}

TEST_F(web_attack, request_lines_that_are_none_are_refused) {
  serve();
  for (const char* line : {"GET /text", "GET  /text HTTP/1.1", "/text HTTP/1.1", "GET /text HTTP/2.0",
                           "GET /text HTTP/1.10", "GET /text http/1.1", "GET /te xt HTTP/1.1", "GET /text\tHTTP/1.1",
                           "G\x01T /text HTTP/1.1", "GET /text\x7f HTTP/1.1", "\x16\x03\x01\x02", "PRI * HTTP/2.0"}) {
    expect_refused(std::string(line) + "\r\nHost: hub\r\n\r\n");
  }
}

TEST_F(web_attack, a_zero_byte_never_reaches_a_handler) {
  serve();
  expect_refused(std::string("GET /te\0xt HTTP/1.1\r\nHost: hub\r\n\r\n", 34));
  EXPECT_EQ(connect().get("/text%00.html").status, 400);
  EXPECT_EQ(connect().get("/%00").status, 400);
}

TEST_F(web_attack, any_bytes_are_survived) {
  serve();
  std::uint32_t random = 1;
  for (int i = 0; i < 300; ++i) {
    std::string bytes = i % 2 == 0 ? "GET /text HTTP/1.1\r\nHost: hub\r\nX: y\r\nContent-Length: 3\r\n\r\nabc" : "";
    for (int n = 0; n < 8; ++n) {
      random = random * 1664525 + 1013904223;
      const auto at = bytes.empty() ? 0 : random % bytes.size();
      const char byte = static_cast<char>(random >> 24);
      if (n % 2 == 0)
        bytes.insert(at, 1, byte);
      else
        bytes[at] = byte;
    }
    auto client = connect();
    client.send(bytes);
    client.finish();
    (void)client.read_all();
  }
  EXPECT_EQ(connect().get("/text").body, "text");
  EXPECT_TRUE(connections_become(0));
}

// --- What handlers are made to send ----------------------------------------------------------------------------------

TEST_F(web_attack, a_header_with_a_line_break_never_reaches_the_wire) {
  app.get("/go",
          [](web::query<std::string, "to"> to) { return response::empty(http::status::found).with("Location", *to); });
  app.get("/refuse", [](web::query<std::string, "why"> why) -> int {
    throw web::http_error(http::status::forbidden, "no").with("X-Why", *why);
  });
  app.get("/type", [](web::query<std::string, "type"> type) { return response{.content_type = *type, .body = "x"}; });
  app.get("/name", [](web::query<std::string, "name"> name) { return response::text("x").with(*name, "1"); });
  serve();
  auto client = connect();
  EXPECT_EQ(client.get("/go?to=/home").header("location"), "/home");
  for (const char* evil : {"%0D%0ASet-Cookie:%20a=b", "%0ASet-Cookie:%20a=b", "%0DSet-Cookie:%20a=b",
                           "x%0D%0A%0D%0AHTTP/1.1%20200%20OK%0D%0AContent-Length:%200%0D%0A%0D%0A", "a%00b"}) {
    for (const char* where : {"/go?to=", "/refuse?why=", "/type?type=", "/name?name="}) {
      const auto answer = client.get(std::string(where) + evil);
      EXPECT_EQ(answer.status, 500) << where << evil;
      EXPECT_EQ(answer.header("set-cookie"), std::nullopt);
      EXPECT_EQ(answer.head.find("Cookie"), std::string::npos);
    }
  }
  EXPECT_EQ(client.get("/text").body, "text") << "and nothing is left over";
  EXPECT_TRUE(was_logged("cannot be sent"));
}

TEST_F(web_attack, an_error_s_text_is_json_and_no_page) {
  app.get("/fail",
          [](web::query<std::string, "q"> q) -> int { throw web::http_error(http::status::bad_request, "no " + *q); });
  serve();
  const auto answer = connect().get("/fail?q=%3Cscript%3E%22%0A");
  EXPECT_EQ(answer.header("content-type"), "application/json");
  EXPECT_EQ(answer.header("x-content-type-options"), "nosniff");
  EXPECT_EQ(answer.body, R"({"detail":"no <script>\"\n"})");
}

TEST_F(web_attack, what_was_asked_cannot_forge_lines_of_the_log) {
  app.get("/fail/{name}", [](web::path<std::string, "name">) -> int { throw std::runtime_error("x"); });
  serve();
  EXPECT_EQ(connect().get("/fail/a%0Aforged%1B%5B2J").status, 500);
  EXPECT_TRUE(was_logged("GET /fail/a%0Aforged%1B%5B2J failed"));
}

// --- What costs more than it should ----------------------------------------------------------------------------------

std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

TEST_F(web_attack, many_slow_connections_keep_nobody_else_waiting_and_end) {
  serve({.request_timeout = 1s}, 2);
  std::vector<http_client> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(connect());
    slow.back().send("GET /text HTTP/1.1\r\nHost: hub\r\nX-");
  }
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(connect().get("/text").body, "text");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 900ms);
  EXPECT_TRUE(connections_become(0));
}

TEST_F(web_attack, a_length_that_is_said_takes_no_memory_before_it_comes) {
  serve({.max_body_bytes = 5'000'000});
  const std::size_t before = resident_kib();
  std::vector<http_client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(connect());
    clients.back().send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 5000000\r\n\r\nx");
  }
  EXPECT_TRUE(connections_become(20));
  EXPECT_EQ(connect().get("/text").body, "text");
  EXPECT_LT(resident_kib(), before + 50'000);
  for (auto& each : clients) each.reset();
  EXPECT_TRUE(connections_become(0));
}

TEST_F(web_attack, deep_json_over_the_wire_is_refused) {
  serve();
  EXPECT_EQ(connect().post("/json", std::string(1'000'000, '[')).status, 422);
  EXPECT_EQ(connect().post("/json", std::string(500'000, '[') + std::string(500'000, ']')).status, 422);
  EXPECT_EQ(connect().post("/json", "[]").body, "json");
}

TEST_F(web_attack, many_small_chunks_are_put_together_in_time) {
  serve();
  std::string body = "POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 100'000; ++i) body += "1\r\nx\r\n";
  body += "0\r\n\r\n";
  EXPECT_EQ(connect().ask(body).body.size(), 100'000u);
}

TEST_F(web_attack, many_pipelined_requests_take_no_more_memory_than_one) {
  serve();
  auto client = connect();
  std::string many;
  for (int i = 0; i < 500; ++i) many += "GET /text HTTP/1.1\r\nHost: hub\r\n\r\n";
  int answered = 0;
  std::thread reader([&] {
    for (int i = 0; i < 10'000; ++i) {
      if (client.read().body == "text") ++answered;
    }
  });
  for (int i = 0; i < 20; ++i) client.send(many);
  reader.join();
  EXPECT_EQ(answered, 10'000);
}

}  // namespace
}  // namespace redstart::test
