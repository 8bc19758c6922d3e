// SPDX-License-Identifier: MIT
// Bytes over a pair of sockets whose other end is the test's.
#include "net/connection.hpp"

#include "embedded/posix.hpp"
#include "net/socket_stream.hpp"
#include "support/asio_test.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

namespace redstart::test {
namespace {

class connection : public asio_test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    peer_ = embedded::unique_fd(ends[1]);
    net::socket_stream::socket near(on);
    near.assign(asio::generic::stream_protocol(AF_UNIX, 0), ends[0]);
    tested_ = std::make_unique<net::connection>(std::make_unique<net::socket_stream>(std::move(near)), resp::limits{});
  }

  embedded::unique_fd peer_;
  std::unique_ptr<net::connection> tested_;
};

TEST_F(connection, what_the_peer_said_before_it_hung_up_is_read_though_writing_fails) {
  // More than is read at once.
  static constexpr std::size_t answers = 20'000;
  std::string said;
  for (std::size_t i = 0; i < answers; ++i) said += ":" + std::to_string(i) + "\r\n";
  ASSERT_EQ(::write(peer_.get(), said.data(), said.size()), static_cast<ssize_t>(said.size()));
  peer_.reset();
  run([this]() -> asio::awaitable<void> {
    EXPECT_TRUE(tested_->can_write());
    EXPECT_EQ(tested_->try_write("*1\r\n$4\r\nPING\r\n"), 0u);
    EXPECT_FALSE(tested_->can_write());
    EXPECT_EQ(tested_->try_write("*1\r\n$4\r\nPING\r\n"), 0u);
    std::size_t read = 0;
    for (bool alive = true; alive;) {
      alive = co_await tested_->read();
      core::reply_batch& replies = tested_->replies();
      for (std::size_t i = 0; i < replies.size(); ++i, ++read) {
        EXPECT_EQ(replies[i].integer(), static_cast<std::int64_t>(read));
      }
      replies.clear();
    }
    EXPECT_EQ(read, answers);
    EXPECT_EQ(tested_->failure(), "writing failed: Broken pipe");
  });
}

TEST_F(connection, a_peer_that_hangs_up_is_an_end_with_a_reason) {
  peer_.reset();
  run([this]() -> asio::awaitable<void> {
    EXPECT_FALSE(co_await tested_->read());
    EXPECT_EQ(tested_->failure(), "the server closed the connection");
  });
}

}  // namespace
}  // namespace redstart::test
