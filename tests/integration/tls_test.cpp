// SPDX-License-Identifier: MIT
// TLS as real servers speak it.
#ifdef REDSTART_TLS

#include "net/dialer.hpp"
#include "redstart/error.hpp"
#include "support/asio_test.hpp"
#include "support/server.hpp"

#include <gmock/gmock.h>

namespace redstart::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

class tls : public asio_test {
 protected:
  static net::dial_options to(std::uint16_t port) {
    net::dial_options options;
    options.where.kind = net::endpoint::transport::tls;
    options.where.host = "localhost";
    options.where.port = port;
    options.tls.ca_file = test_certificates().ca_file;
    options.timeout = 10s;
    return options;
  }

  // The answer to PING, or why reading ended.
  std::string ping(const net::dial_options& options) {
    std::string answer;
    run([&]() -> asio::awaitable<void> {
      const auto connected = co_await net::dial(on, options);
      error_code ec;
      connected->try_write("PING\r\n", ec);
      std::array<char, 64> bytes{};
      const auto count = co_await connected->read_some(asio::buffer(bytes), ec);
      answer = ec ? ec.message() : std::string(bytes.data(), count);
    });
    return answer;
  }
};

TEST_F(tls, server_answers) {
  const redis_server server({.tls = true});
  EXPECT_EQ(ping(to(server.tls_port())), "+PONG\r\n");
}

TEST_F(tls, server_that_requires_a_client_certificate_answers_only_with_one) {
  const redis_server server({.tls = true, .require_client_certificate = true});
  auto options = to(server.tls_port());
  EXPECT_THAT(ping(options), AllOf(HasSubstr("asks for a client certificate"), HasSubstr("tls.certificate_file")));
  options.tls.certificate_file = test_certificates().client.file;
  options.tls.key_file = test_certificates().client.key;
  EXPECT_EQ(ping(options), "+PONG\r\n");
}

TEST_F(tls, plain_port_is_explained) {
  const redis_server server;
  auto options = to(server.port());
  options.timeout = 300ms;
  EXPECT_THAT(message_of<error>([&] { ping(options); }), HasSubstr("plain redis:// port"));
}

}  // namespace
}  // namespace redstart::test

#endif
