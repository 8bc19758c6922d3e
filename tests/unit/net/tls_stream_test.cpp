// SPDX-License-Identifier: MIT
// Bytes over an established TLS connection: bounds, independence of both directions, ends.
#ifdef REDSTART_TLS

#include "net/tls_stream.hpp"

#include "net/event.hpp"
#include "redstart/error.hpp"
#include "support/asio_test.hpp"
#include "support/tls_server.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <sys/socket.h>

#include <optional>

namespace redstart::test {
namespace {

// Many times what all buffers between both ends hold together.
constexpr std::size_t much = 4 * 1024 * 1024;

// Tells positions apart, so that lost, repeated and exchanged bytes show.
char byte_at(std::size_t position) { return static_cast<char>(position * 31 + position / 251); }

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = byte_at(i);
  return bytes;
}

class tls_stream : public asio_test {
 protected:
  // A connected pair with the smallest socket buffers that the kernel gives.
  void SetUp() override {
    server_.acceptor().set_option(asio::socket_base::receive_buffer_size(1));
    run([this]() -> asio::awaitable<void> {
      net::socket_stream::socket socket(on);
      socket.open(asio::generic::stream_protocol(AF_INET, 0));
      socket.set_option(asio::socket_base::send_buffer_size(1));
      socket.set_option(asio::socket_base::receive_buffer_size(1));
      const asio::generic::stream_protocol::endpoint target(server_.address());
      co_await socket.async_connect(target, asio::use_awaitable);
      const tls_config tls{.ca_file = test_certificates().ca_file};
      client = net::make_tls_stream(on, std::move(socket), tls, "localhost", authorities_);

      net::event accepted(on);
      start([&]() -> asio::awaitable<void> {
        error_code ec;
        auto connection = co_await server_.accept(ec);
        connection->next_layer().set_option(asio::socket_base::send_buffer_size(1));
        peer = std::move(connection);
        accepted.notify_all();
      });
      co_await client->handshake();
      while (!peer) co_await accepted.wait();
    });
  }

  asio::awaitable<void> write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      error_code ec;
      bytes.remove_prefix(client->try_write(bytes, ec));
      if (!ec && !bytes.empty()) co_await client->wait_writable(ec);
      if (ec) throw boost::system::system_error(ec);
    }
  }

  asio::awaitable<std::string> read_exactly(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t have = 0; have < size;) {
      error_code ec;
      have += co_await client->read_some(asio::buffer(bytes.data() + have, size - have), ec);
      if (ec) throw boost::system::system_error(ec);
    }
    co_return bytes;
  }

  // Writes until the peer, which does not read, makes it stop.
  asio::awaitable<void> fill() {
    const std::string bytes = pattern(much);
    error_code ec;
    EXPECT_GT(client->try_write(bytes, ec), 0U);
    poll_from_within();
    EXPECT_EQ(client->try_write(bytes, ec), 0U) << "the write should be stuck";
    EXPECT_FALSE(ec);
    co_return;
  }
  void poll_from_within() { io.poll(); }

  // A read in the background; its end is kept in `read_end`.
  void start_read() {
    start([this]() -> asio::awaitable<void> {
      const auto keep = client;
      std::array<char, 64> bytes{};
      error_code ec;
      const auto count = co_await keep->read_some(asio::buffer(bytes), ec);
      read_bytes = std::string(bytes.data(), count);
      read_end = ec;
    });
  }

  void start_wait() {
    start([this]() -> asio::awaitable<void> {
      const auto keep = client;
      error_code ec;
      co_await keep->wait_writable(ec);
      wait_end = ec;
    });
  }

  std::shared_ptr<net::tls_stream> client;
  std::shared_ptr<tls_server::connection> peer;
  std::optional<error_code> read_end;
  std::optional<error_code> wait_end;
  std::string read_bytes;

 private:
  tls_server server_{on};
  net::system_authorities authorities_;
};

TEST_F(tls_stream, large_transfers_in_both_directions_at_once_arrive_whole) {
  const std::string bytes = pattern(much);
  std::string at_peer(much, '\0');
  bool peer_has_read = false;
  start([&]() -> asio::awaitable<void> {
    co_await asio::async_read(*peer, asio::buffer(at_peer), asio::use_awaitable);
    peer_has_read = true;
  });
  start(
      [&]() -> asio::awaitable<void> { co_await asio::async_write(*peer, asio::buffer(bytes), asio::use_awaitable); });
  start([&]() -> asio::awaitable<void> { co_await write_all(bytes); });
  run([&]() -> asio::awaitable<void> {
    EXPECT_TRUE(co_await read_exactly(much) == bytes);
    while (!peer_has_read) co_await asio::post(on, asio::use_awaitable);
  });
  EXPECT_TRUE(at_peer == bytes);
}

TEST_F(tls_stream, reading_goes_on_while_writing_is_stuck) {
  run([&]() -> asio::awaitable<void> {
    co_await fill();
    const std::string bytes = pattern(much);
    start([&]() -> asio::awaitable<void> {
      co_await asio::async_write(*peer, asio::buffer(bytes), asio::use_awaitable);
    });
    EXPECT_TRUE(co_await read_exactly(much) == bytes);
    error_code ec;
    EXPECT_EQ(client->try_write("x", ec), 0U) << "nobody has read what was written before";
  });
}

TEST_F(tls_stream, bytes_taken_at_once_are_bounded) {
  const std::string bytes = pattern(much);
  error_code ec;
  EXPECT_EQ(client->try_write(bytes, ec), 256U * 1024U);
  EXPECT_FALSE(ec);
}

TEST_F(tls_stream, nothing_is_taken_while_a_write_is_in_progress) {
  run([&]() -> asio::awaitable<void> { co_await fill(); });
}

TEST_F(tls_stream, the_writers_bytes_may_change_once_they_are_taken) {
  std::string bytes(100 * 1024, 'a');
  error_code ec;
  ASSERT_EQ(client->try_write(bytes, ec), bytes.size());
  std::fill(bytes.begin(), bytes.end(), 'b');
  std::string at_peer(bytes.size(), '\0');
  run([&]() -> asio::awaitable<void> { co_await asio::async_read(*peer, asio::buffer(at_peer), asio::use_awaitable); });
  EXPECT_EQ(at_peer, std::string(bytes.size(), 'a'));
}

TEST_F(tls_stream, wait_writable_ends_when_the_write_has_ended_and_not_before) {
  run([&]() -> asio::awaitable<void> { co_await fill(); });
  start_wait();
  poll();
  EXPECT_FALSE(wait_end);
  std::string at_peer(256 * 1024, '\0');
  run([&]() -> asio::awaitable<void> {
    co_await asio::async_read(*peer, asio::buffer(at_peer), asio::use_awaitable);
    while (!wait_end) co_await asio::post(on, asio::use_awaitable);
  });
  EXPECT_FALSE(*wait_end);
  error_code ec;
  EXPECT_EQ(client->try_write("x", ec), 1U);
}

TEST_F(tls_stream, wait_writable_ends_at_once_when_nothing_is_written) {
  run([&]() -> asio::awaitable<void> {
    error_code ec = asio::error::no_memory;
    co_await client->wait_writable(ec);
    EXPECT_FALSE(ec);
  });
}

TEST_F(tls_stream, taking_nothing_is_no_write) {
  error_code ec;
  EXPECT_EQ(client->try_write("", ec), 0U);
  EXPECT_EQ(client->try_write("x", ec), 1U);
}

TEST_F(tls_stream, failure_of_a_write_is_told_to_the_waiting_and_to_the_next_write) {
  run([&]() -> asio::awaitable<void> { co_await fill(); });
  start_wait();
  run([&]() -> asio::awaitable<void> {
    // Closing with unread bytes resets the connection.
    peer->lowest_layer().close();
    while (!wait_end) co_await asio::post(on, asio::use_awaitable);
  });
  EXPECT_TRUE(*wait_end);
  error_code ec;
  EXPECT_EQ(client->try_write("x", ec), 0U);
  EXPECT_TRUE(ec);
}

TEST_F(tls_stream, farewell_of_the_peer_is_eof) {
  start_read();
  run([&]() -> asio::awaitable<void> {
    start([&]() -> asio::awaitable<void> {
      error_code ignored;  // the farewell is not answered
      co_await peer->async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
    });
    while (!read_end) co_await asio::post(on, asio::use_awaitable);
  });
  EXPECT_EQ(*read_end, asio::error::eof);
}

TEST_F(tls_stream, end_without_farewell_is_eof_too) {
  start_read();
  run([&]() -> asio::awaitable<void> {
    peer->lowest_layer().close();
    while (!read_end) co_await asio::post(on, asio::use_awaitable);
  });
  EXPECT_EQ(*read_end, asio::error::eof);
}

TEST_F(tls_stream, close_ends_everything_that_is_outstanding) {
  run([&]() -> asio::awaitable<void> { co_await fill(); });
  start_read();
  start_wait();
  poll();
  ASSERT_FALSE(read_end || wait_end);
  client->close();
  poll();
  ASSERT_TRUE(read_end && wait_end);
  EXPECT_EQ(*read_end, asio::error::operation_aborted);
  EXPECT_EQ(*wait_end, asio::error::operation_aborted);
}

TEST_F(tls_stream, nothing_works_after_close) {
  client->close();
  client->close();
  start_read();
  start_wait();
  poll();
  EXPECT_EQ(read_end, asio::error::operation_aborted);
  EXPECT_EQ(wait_end, asio::error::operation_aborted);
  error_code ec;
  EXPECT_EQ(client->try_write("x", ec), 0U);
  EXPECT_EQ(ec, asio::error::operation_aborted);
}

TEST_F(tls_stream, bytes_that_arrived_before_close_are_not_given_out_after_it) {
  run([&]() -> asio::awaitable<void> {
    co_await asio::async_write(*peer, asio::buffer(std::string("two bytes")), asio::use_awaitable);
    EXPECT_EQ(co_await read_exactly(3), "two");
  });
  client->close();
  start_read();
  poll();
  EXPECT_EQ(read_end, asio::error::operation_aborted);
  EXPECT_EQ(read_bytes, "");
}

TEST_F(tls_stream, may_be_destroyed_in_the_middle_of_a_write_and_a_read) {
  run([&]() -> asio::awaitable<void> { co_await fill(); });
  std::array<char, 64> bytes{};
  error_code ec;
  bool read_ended = false;
  start([&, reading = client->read_some(asio::buffer(bytes), ec)]() mutable -> asio::awaitable<void> {
    co_await std::move(reading);
    read_ended = true;
  });
  poll();
  client.reset();
  poll();
  EXPECT_TRUE(read_ended);
  EXPECT_EQ(ec, asio::error::operation_aborted);
}

TEST_F(tls_stream, loop_may_be_destroyed_in_the_middle_of_a_write_and_a_read) {
  run([&]() -> asio::awaitable<void> { co_await fill(); });
  start_read();
  start_wait();
  poll();
  EXPECT_FALSE(read_end || wait_end);
  // The fixture's end destroys the loop with all of it outstanding; AddressSanitizer watches.
}

}  // namespace
}  // namespace redstart::test

#endif
