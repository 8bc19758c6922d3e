// SPDX-License-Identifier: MIT
// What a server bears of the process it is in: no sockets left, and a log that fails.
#include "support/web_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <string>
#include <string_view>

// The sanitizer looks at memory through a pipe, and calls a type wrong when no file can be opened.
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
#define NEEDS_FILES_OF_ITS_OWN
#endif
#endif

namespace redstart::test {
namespace {

class web_trouble : public web_server_test {};

// Lets this process open no more than one file, for as long as it lives.
class one_file_left {
 public:
  one_file_left() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = dup(STDIN_FILENO);
    ::close(next);
    const rlimit few{static_cast<rlim_t>(next) + 1, before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
  }
  one_file_left(const one_file_left&) = delete;
  one_file_left& operator=(const one_file_left&) = delete;
  ~one_file_left() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(web_trouble, a_log_that_fails_does_not_end_accepting) {
#ifdef NEEDS_FILES_OF_ITS_OWN
  GTEST_SKIP() << "the undefined-behaviour sanitizer needs files of its own";
#endif
  std::atomic<int> complaints{0};
  app.get("/text", [] { return "text"; });
  app.log_to([&](log_level, std::string_view) {
    ++complaints;
    throw std::runtime_error("disk full");
  });
  serve();
  int socket = -1;
  {
    const one_file_left limit;
    socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    ASSERT_TRUE(eventually([&] { return complaints > 0; })) << "it could be accepted";
  }
  const timeval patience{5, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  constexpr std::string_view asked = "GET /text HTTP/1.1\r\nHost: hub\r\n\r\n";
  EXPECT_EQ(::send(socket, asked.data(), asked.size(), MSG_NOSIGNAL), static_cast<ssize_t>(asked.size()));
  std::array<char, 12> answer{};
  EXPECT_EQ(::recv(socket, answer.data(), answer.size(), MSG_WAITALL), 12) << "nobody accepts any more";
  EXPECT_EQ(std::string_view(answer.data(), answer.size()), "HTTP/1.1 200");
  ::close(socket);
}

}  // namespace
}  // namespace redstart::test
