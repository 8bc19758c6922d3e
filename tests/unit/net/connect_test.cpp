// SPDX-License-Identifier: MIT
#include "net/connect.hpp"

#include "redstart/error.hpp"
#include "support/asio_test.hpp"
#include "support/scratch.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/socket.h>

#include <list>
#include <optional>

namespace redstart::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using local = asio::local::stream_protocol;
using ::testing::AllOf;
using ::testing::HasSubstr;

class connect : public asio_test {
 protected:
  static tcp::endpoint loopback(std::uint16_t port) { return {asio::ip::make_address("127.0.0.1"), port}; }

  // A port on which nobody listens, and nobody else can: it is bound.
  tcp::endpoint refusing() {
    auto& taken = kept_.emplace_back(on);
    taken.open(tcp::v4());
    taken.bind(loopback(0));
    return taken.local_endpoint();
  }

  // A port that swallows connections: its queue is full, and the kernel drops what more arrives.
  tcp::endpoint swallowing() {
    auto& full = full_.emplace_back(on);
    full.open(tcp::v4());
    full.bind(loopback(0));
    full.listen(0);
    for (int i = 0; i < 3; ++i) {
      auto& waiting = kept_.emplace_back(on);
      waiting.async_connect(full.local_endpoint(), [](error_code) {});
    }
    poll();
    return full.local_endpoint();
  }

  net::socket_stream::socket connect_to(std::vector<tcp::endpoint> addresses, clock::duration limit) {
    std::optional<net::socket_stream::socket> connected;
    run([&]() -> asio::awaitable<void> {
      connected = co_await net::connect_tcp(on, std::move(addresses), clock::now() + limit);
    });
    return std::move(connected.value());
  }

  net::socket_stream::socket connect_to(const std::string& path, clock::duration limit) {
    std::optional<net::socket_stream::socket> connected;
    run([&]() -> asio::awaitable<void> { connected = co_await net::connect_unix(on, path, clock::now() + limit); });
    return std::move(connected.value());
  }

  static std::uint16_t port_of(const net::socket_stream::socket& connected) {
    tcp::endpoint far;
    const auto generic = connected.remote_endpoint();
    far.resize(generic.size());
    std::memcpy(far.data(), generic.data(), generic.size());
    return far.port();
  }

  const scratch_folder folder;

 private:
  std::list<tcp::socket> kept_;
  std::list<tcp::acceptor> full_;
};

TEST_F(connect, first_address_that_accepts_is_taken) {
  const tcp::acceptor first(on, loopback(0));
  const tcp::acceptor second(on, loopback(0));
  const auto connected = connect_to({first.local_endpoint(), second.local_endpoint()}, 5s);
  EXPECT_EQ(port_of(connected), first.local_endpoint().port());
}

TEST_F(connect, address_that_refuses_is_followed_by_the_next) {
  const tcp::acceptor listening(on, loopback(0));
  const auto connected = connect_to({refusing(), listening.local_endpoint()}, 5s);
  EXPECT_EQ(port_of(connected), listening.local_endpoint().port());
}

TEST_F(connect, address_of_another_family_is_followed_by_the_next) {
  const tcp::acceptor listening(on, loopback(0));
  const tcp::endpoint version_6(asio::ip::make_address("::1"), refusing().port());
  const auto connected = connect_to({version_6, listening.local_endpoint()}, 5s);
  EXPECT_EQ(port_of(connected), listening.local_endpoint().port());
}

TEST_F(connect, address_that_swallows_packets_gets_only_its_share_of_the_time) {
  const tcp::acceptor listening(on, loopback(0));
  const auto begin = clock::now();
  const auto connected = connect_to({swallowing(), listening.local_endpoint()}, 1s);
  EXPECT_EQ(port_of(connected), listening.local_endpoint().port());
  EXPECT_GE(clock::now() - begin, 500ms);
}

TEST_F(connect, every_failure_is_told) {
  const tcp::endpoint first = refusing();
  const tcp::endpoint second = refusing();
  const std::string text = message_of<connection_error>([&] { connect_to({first, second}, 5s); });
  EXPECT_THAT(text, AllOf(HasSubstr("127.0.0.1 port " + std::to_string(first.port()) + ": Connection refused"),
                          HasSubstr("127.0.0.1 port " + std::to_string(second.port()) + ": Connection refused")));
}

TEST_F(connect, deadline_ends_the_wait_for_an_address_that_swallows_packets) {
  const tcp::endpoint hole = swallowing();
  const auto begin = clock::now();
  EXPECT_THAT(message_of<timeout_error>([&] { connect_to({hole}, 100ms); }), HasSubstr("timed out"));
  EXPECT_GE(clock::now() - begin, 100ms);
}

TEST_F(connect, nothing_is_tried_past_the_deadline) {
  const tcp::acceptor listening(on, loopback(0));
  message_of<timeout_error>([&] { connect_to({listening.local_endpoint()}, 0ms); });
}

TEST_F(connect, child_processes_do_not_inherit_the_socket) {
  const tcp::acceptor listening(on, loopback(0));
  auto connected = connect_to({listening.local_endpoint()}, 5s);
  EXPECT_NE(::fcntl(connected.native_handle(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(connect, socket_that_is_its_own_peer_is_recognized) {
  net::socket_stream::socket itself(on);
  tcp::socket probe(on, loopback(0));
  const tcp::endpoint address = probe.local_endpoint();
  run([&]() -> asio::awaitable<void> { co_await probe.async_connect(address, asio::use_awaitable); });
  EXPECT_TRUE(net::is_connected_to_itself(net::socket_stream::socket(std::move(probe))));

  const tcp::acceptor listening(on, loopback(0));
  EXPECT_FALSE(net::is_connected_to_itself(connect_to({listening.local_endpoint()}, 5s)));
}

// --- Unix sockets ----------------------------------------------------------------------------------------------------

TEST_F(connect, unix_socket_is_connected_to) {
  const local::acceptor listening(on, local::endpoint(folder.file("s")));
  EXPECT_TRUE(connect_to(folder.file("s"), 5s).is_open());
}

TEST_F(connect, missing_unix_socket_is_named) {
  EXPECT_THAT(message_of<connection_error>([&] { connect_to(folder.file("none"), 5s); }),
              AllOf(HasSubstr(folder.file("none")), HasSubstr("No such file")));
}

TEST_F(connect, unix_socket_without_a_listener_is_refused) {
  {
    const local::acceptor gone(on, local::endpoint(folder.file("s")));
  }
  EXPECT_THAT(message_of<connection_error>([&] { connect_to(folder.file("s"), 5s); }), HasSubstr("refused"));
}

TEST_F(connect, path_that_is_too_long_is_refused) {
  EXPECT_THAT(message_of<connection_error>([&] { connect_to("/" + std::string(107, 'a'), 5s); }),
              HasSubstr("too long"));
}

TEST_F(connect, full_queue_of_a_unix_socket_is_waited_for) {
  local::acceptor listening(on, local::endpoint(folder.file("s")));
  listening.listen(0);
  const auto first = connect_to(folder.file("s"), 5s);
  EXPECT_THAT(message_of<timeout_error>([&] { connect_to(folder.file("s"), 50ms); }),
              HasSubstr("too many connections"));

  bool connected = false;
  start([&]() -> asio::awaitable<void> {
    co_await net::connect_unix(on, folder.file("s"), clock::now() + 10s);
    connected = true;
  });
  poll();
  EXPECT_FALSE(connected);
  run([&]() -> asio::awaitable<void> {
    co_await listening.async_accept(asio::use_awaitable);
    co_await listening.async_accept(asio::use_awaitable);
  });
  run([&]() -> asio::awaitable<void> {
    while (!connected) co_await asio::post(on, asio::use_awaitable);
  });
}

}  // namespace
}  // namespace redstart::test
