// SPDX-License-Identifier: MIT
// HTTPS and WebSockets over TLS.
#ifdef REDSTART_TLS

#include "redstart/error.hpp"
#include "redstart/web/server.hpp"
#include "support/certificates.hpp"
#include "support/web_fixture.hpp"
#include "support/websocket_client.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include <optional>

namespace redstart::test {
namespace {

namespace ssl = asio::ssl;
using web::websocket;

class web_tls : public web_server_test {
 protected:
  web_tls() {
    app.get("/text", [] { return "text"; });
    app.get("/large", [] { return std::string(1'000'000, 'x'); });
    app.websocket_route("/echo", [](websocket socket) -> asio::awaitable<void> {
      for (;;) {
        auto text = co_await socket.read();
        if (!text) co_return;
        socket.send(std::move(*text));
      }
    });
    trust.load_verify_file(test_certificates().ca_file);
    trust.set_verify_mode(ssl::verify_peer);
    trust.set_verify_callback(ssl::host_name_verification("localhost"));
  }
  ~web_tls() override { end(); }

  static web::server_config settings() {
    web::server_config made;
    made.tls_certificate_file = test_certificates().server.file;
    made.tls_key_file = test_certificates().server.key;
    return made;
  }

  // All that the server answers to `bytes` before it closes, and the last error.
  std::pair<std::string, boost::system::error_code> ask(const std::string& bytes, int newest = TLS1_3_VERSION) {
    asio::io_context loop;
    ssl::stream<asio::ip::tcp::socket> stream(loop, trust);
    SSL_set_max_proto_version(stream.native_handle(), newest);
    if (newest < TLS1_2_VERSION) SSL_set_security_level(stream.native_handle(), 0);
    stream.lowest_layer().connect({asio::ip::make_address("127.0.0.1"), port()});
    boost::system::error_code failure;
    stream.handshake(ssl::stream_base::client, failure);
    std::string answer;
    if (failure) return {answer, failure};
    asio::write(stream, asio::buffer(bytes), failure);
    if (!failure) asio::read(stream, asio::dynamic_buffer(answer), failure);
    return {answer, failure};
  }

  ssl::context trust{ssl::context::tls_client};
};

TEST_F(web_tls, serves_https) {
  serve(settings());
  EXPECT_EQ(server().url(), "https://127.0.0.1:" + std::to_string(port()));
  const auto [answer, failure] =
      ask("GET /text HTTP/1.1\r\nHost: localhost\r\n\r\n"
          "GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer.substr(0, 200);
  EXPECT_TRUE(answer.ends_with(std::string(1'000'000, 'x')));
  EXPECT_EQ(failure, asio::error::eof) << "the end of TLS is said: " << failure.message();
  EXPECT_TRUE(connections_become(0));
}

TEST_F(web_tls, an_answer_before_the_end_is_not_lost_to_bytes_that_nobody_reads) {
  serve(settings());
  const auto [answer, failure] =
      ask("GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" + std::string(100'000, 'x'));
  EXPECT_TRUE(answer.ends_with(std::string(1'000'000, 'x'))) << answer.size();
  EXPECT_EQ(failure, asio::error::eof) << "the end of TLS is said: " << failure.message();
}

TEST_F(web_tls, old_versions_are_refused) {
  serve(settings());
  EXPECT_TRUE(ask("GET /text HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", TLS1_2_VERSION)
                  .first.ends_with("text"));
  EXPECT_EQ(ask("GET /text HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", TLS1_1_VERSION).first, "");
}

TEST_F(web_tls, whoever_speaks_no_tls_is_closed) {
  serve(settings());
  auto client = connect();
  client.send("GET /text HTTP/1.1\r\nHost: hub\r\n\r\n");
  EXPECT_EQ(client.read_all().find("HTTP/1.1"), std::string::npos);
  EXPECT_TRUE(connections_become(0));
}

TEST_F(web_tls, a_handshake_that_does_not_end_is_cut) {
  auto short_time = settings();
  short_time.request_timeout = 100ms;
  serve(short_time);
  auto client = connect();
  client.send("\x16\x03\x01");
  EXPECT_TRUE(client.is_closed(10s));
}

TEST_F(web_tls, pages_over_https_are_the_server_s_own) {
  serve(settings());
  const auto post = [&](const std::string& origin) {
    return ask("POST /text HTTP/1.1\r\nHost: localhost\r\nOrigin: " + origin +
               "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .first.substr(9, 3);
  };
  EXPECT_EQ(post("https://localhost"), "405");
  EXPECT_EQ(post("http://localhost"), "403");
}

TEST_F(web_tls, serves_websockets) {
  serve(settings());
  websocket_client<ssl::stream<asio::ip::tcp::socket>> client(port(), trust);
  ASSERT_FALSE(client.run([&](auto done) {
    client.socket().next_layer().async_handshake(ssl::stream_base::client,
                                                 [done](const boost::system::error_code& failure) { done(failure); });
  }));
  ASSERT_EQ(client.open("/echo"), 101u);
  for (const std::size_t size : {1u, 1000u, 60'000u}) {
    ASSERT_FALSE(client.send(std::string(size, 'x')));
    EXPECT_EQ(client.read(), std::string(size, 'x'));
  }
  EXPECT_FALSE(client.close(boost::beast::websocket::close_code::normal));
  EXPECT_TRUE(connections_become(0));
}

TEST_F(web_tls, stopping_tells_websockets_over_tls_too) {
  serve(settings());
  websocket_client<ssl::stream<asio::ip::tcp::socket>> client(port(), trust);
  ASSERT_FALSE(client.run([&](auto done) {
    client.socket().next_layer().async_handshake(ssl::stream_base::client,
                                                 [done](const boost::system::error_code& failure) { done(failure); });
  }));
  ASSERT_EQ(client.open("/echo"), 101u);
  auto stopped = stop();
  EXPECT_EQ(client.read(), std::nullopt);
  EXPECT_EQ(client.closed_with(), 1001u);
  stopped.get();
}

TEST_F(web_tls, a_certificate_that_does_not_fit_its_key_is_refused_at_the_start) {
  auto wrong = settings();
  wrong.tls_key_file = test_certificates().client.key;
  asio::io_context loop;
  EXPECT_THROW(web::server(loop.get_executor(), app, wrong), config_error);
}

}  // namespace
}  // namespace redstart::test

#endif
