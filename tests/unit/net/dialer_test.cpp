// SPDX-License-Identifier: MIT
#include "net/dialer.hpp"

#include "redstart/error.hpp"
#include "support/asio_test.hpp"
#include "support/scratch.hpp"
#include "support/tls_server.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <filesystem>

namespace redstart::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using local = asio::local::stream_protocol;
using net::endpoint;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class dialer : public asio_test {
 protected:
  static net::dial_options to(endpoint::transport kind, const std::string& host, std::uint16_t port) {
    net::dial_options options;
    options.where.kind = kind;
    options.where.host = host;
    options.where.port = port;
    options.timeout = 10s;
    return options;
  }
  static net::dial_options to_path(const std::string& path) {
    net::dial_options options;
    options.where.kind = endpoint::transport::unix_socket;
    options.where.path = path;
    return options;
  }

  std::shared_ptr<net::stream> dial(const net::dial_options& options) {
    std::shared_ptr<net::stream> connected;
    run([&]() -> asio::awaitable<void> { connected = co_await net::dial(on, options); });
    return connected;
  }

  // What the other end writes arrives, and what is written arrives there.
  template <class Peer>
  void expect_traffic(net::stream& near, Peer& far) {
    run([&]() -> asio::awaitable<void> {
      error_code ec;
      EXPECT_EQ(near.try_write("ping", ec), 4U) << ec.message();
      std::array<char, 16> bytes{};
      auto count = co_await far.async_read_some(asio::buffer(bytes), asio::use_awaitable);
      EXPECT_EQ(std::string(bytes.data(), count), "ping");
      co_await asio::async_write(far, asio::buffer(std::string("pong")), asio::use_awaitable);
      count = co_await near.read_some(asio::buffer(bytes), ec);
      EXPECT_EQ(std::string(bytes.data(), count), "pong");
    });
  }

  tcp::acceptor listening{on, {asio::ip::make_address("127.0.0.1"), 0}};
  const std::uint16_t port = listening.local_endpoint().port();
  const scratch_folder folder;
};

TEST_F(dialer, tcp_stream_carries_bytes_both_ways) {
  const auto connected = dial(to(endpoint::transport::tcp, "localhost", port));
  tcp::socket peer = listening.accept();
  expect_traffic(*connected, peer);
}

TEST_F(dialer, unix_stream_carries_bytes_both_ways) {
  local::acceptor unix_listening(on, local::endpoint(folder.file("s")));
  const auto connected = dial(to_path(folder.file("s")));
  local::socket peer = unix_listening.accept();
  expect_traffic(*connected, peer);
}

TEST_F(dialer, refused_port_is_told_with_the_address_that_was_tried) {
  listening.close();
  EXPECT_THAT(message_of<connection_error>([&] { dial(to(endpoint::transport::tcp, "localhost", port)); }),
              AllOf(HasSubstr("127.0.0.1 port " + std::to_string(port)), HasSubstr("Connection refused")));
}

TEST_F(dialer, unknown_host_is_named) {
  EXPECT_THAT(message_of<connection_error>([&] { dial(to(endpoint::transport::tcp, "no host.invalid", port)); }),
              HasSubstr("cannot resolve the name no host.invalid"));
}

TEST_F(dialer, missing_unix_socket_is_named) {
  EXPECT_THAT(message_of<connection_error>([&] { dial(to_path(folder.file("none"))); }),
              HasSubstr(folder.file("none")));
}

TEST_F(dialer, embedded_server_must_be_started_first) {
  EXPECT_THAT(message_of<connection_error>([&] { dial(to(endpoint::transport::embedded, "", 0)); }),
              HasSubstr("has to be started"));
}

TEST_F(dialer, time_spent_on_the_name_counts) {
  auto options = to(endpoint::transport::tcp, "localhost", port);
  options.timeout = 0ms;
  // The look-up may be just done when the time is up; then nothing is left for connecting.
  EXPECT_THAT(message_of<timeout_error>([&] { dial(options); }), StartsWith("no connection within 0 ms"));
}

// --- Options of the socket -------------------------------------------------------------------------------------------

int option(int socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(socket, level, name, &value, &size), 0);
  return value;
}

// The descriptor of this process whose peer is `far`.
int descriptor_with_peer(const tcp::endpoint& far) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int candidate = std::stoi(entry.path().filename());
    tcp::endpoint peer;
    socklen_t size = static_cast<socklen_t>(peer.capacity());
    if (::getpeername(candidate, peer.data(), &size) != 0 || size > peer.capacity()) continue;
    peer.resize(size);
    if (peer == far) return candidate;
  }
  return -1;
}

TEST_F(dialer, tcp_sockets_do_not_delay_and_notice_a_dead_peer) {
  auto options = to(endpoint::transport::tcp, "127.0.0.1", port);
  options.user_timeout = 6s;
  options.keepalive = 20s;
  const auto connected = dial(options);
  const int socket = descriptor_with_peer(listening.local_endpoint());
  ASSERT_GE(socket, 0);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), 6000);
  EXPECT_EQ(option(socket, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_KEEPIDLE), 20);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_KEEPINTVL), 2);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_KEEPCNT), 3);
}

#ifdef REDSTART_TLS

TEST_F(dialer, tls_stream_carries_bytes_both_ways) {
  tls_server server(on);
  std::shared_ptr<tls_server::connection> peer;
  start([&]() -> asio::awaitable<void> {
    error_code ec;
    peer = co_await server.accept(ec);
  });
  auto options = to(endpoint::transport::tls, "localhost", server.port());
  options.tls.ca_file = test_certificates().ca_file;
  const auto connected = dial(options);
  run([&]() -> asio::awaitable<void> {
    while (!peer) co_await asio::post(on, asio::use_awaitable);
  });
  expect_traffic(*connected, *peer);
}

TEST_F(dialer, server_name_of_the_options_wins_over_the_host) {
  tls_server server(on, {.identity = test_certificates().other_host});
  start([&]() -> asio::awaitable<void> {
    error_code ec;
    co_await server.accept(ec);
  });
  auto options = to(endpoint::transport::tls, "localhost", server.port());
  options.tls.ca_file = test_certificates().ca_file;
  options.tls.server_name = "other.example";
  EXPECT_NE(dial(options), nullptr);
}

TEST_F(dialer, failure_of_the_handshake_is_told) {
  tls_server server(on);
  start([&]() -> asio::awaitable<void> {
    error_code ec;
    co_await server.accept(ec);
  });
  const auto options = to(endpoint::transport::tls, "localhost", server.port());
  EXPECT_THAT(message_of<connection_error>([&] { dial(options); }), HasSubstr("no authority trusted"));
}

TEST_F(dialer, file_that_cannot_be_used_is_a_config_error) {
  auto options = to(endpoint::transport::tls, "localhost", port);
  options.tls.ca_file = "/nowhere/ca.crt";
  EXPECT_THAT(message_of<config_error>([&] { dial(options); }), HasSubstr("tls.ca_file"));
}

// A plain Redis waits for the end of the line that it takes the handshake for.
TEST_F(dialer, handshake_that_is_not_answered_ends_in_time_with_a_hint) {
  auto options = to(endpoint::transport::tls, "localhost", port);
  options.timeout = 100ms;
  const auto begin = clock::now();
  EXPECT_THAT(message_of<timeout_error>([&] { dial(options); }),
              AllOf(StartsWith("no connection within 100 ms"), HasSubstr("was not answered"),
                    HasSubstr("plain redis:// port")));
  EXPECT_GE(clock::now() - begin, 100ms);
}

// --- Cancelling ------------------------------------------------------------------------------------------------------

TEST_F(dialer, cancelling_ends_the_attempt_at_once) {
  // Nobody ever answers the handshake.
  auto options = to(endpoint::transport::tls, "127.0.0.1", port);
  options.timeout = 1h;
  asio::cancellation_signal stop;
  bool ended = false;
  asio::co_spawn(on, net::dial(on, options),
                 asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr& thrown, const auto&) {
                   ended = true;
                   EXPECT_TRUE(thrown);
                 }));
  tcp::socket peer(on);
  run([&]() -> asio::awaitable<void> { co_await listening.async_accept(peer, asio::use_awaitable); });
  poll();
  EXPECT_FALSE(ended);
  stop.emit(asio::cancellation_type::terminal);
  poll();
  EXPECT_TRUE(ended);
}

TEST_F(dialer, loop_may_be_destroyed_in_the_middle_of_an_attempt) {
  start([this]() -> asio::awaitable<void> {
    const auto options = to(endpoint::transport::tls, "localhost", port);
    co_await net::dial(on, options);
  });
  poll();
}

#else

TEST_F(dialer, tls_is_refused_by_a_build_without_it) {
  EXPECT_THAT(message_of<config_error>([&] { dial(to(endpoint::transport::tls, "localhost", port)); }),
              HasSubstr("rediss://"));
}

#endif

}  // namespace
}  // namespace redstart::test
