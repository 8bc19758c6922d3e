// SPDX-License-Identifier: MIT
// A process that forks while its client works. The child has copies of everything, and must do nothing with them but
// let go: what it destroys sends nothing, closes nothing of its parent's, and stops no server of its parent's.
#include "support/client_fixture.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <new>
#include <optional>

namespace redstart::test {
namespace {

// How a child ends: 0 when it did what it was to do.
int run_in_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// This process's sockets that are connected to `port`.
std::vector<int> sockets_to(std::uint16_t port) {
  std::vector<int> found;
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.sin_family == AF_INET && ntohs(peer.sin_port) == port) found.push_back(descriptor);
  }
  return found;
}

// What was written into a socket, by whichever process; and a farewell shows in the state.
struct sent {
  std::uint64_t bytes = 0;
  int state = 0;
  bool operator==(const sent&) const = default;
};
sent look_at(int socket) {
  // The C library's structure ends before what is asked for here; the kernel's goes on like this.
  struct {
    tcp_info usual{};
    std::uint64_t pacing_rate = 0;
    std::uint64_t max_pacing_rate = 0;
    std::uint64_t bytes_acked = 0;
  } info;
  static_assert(sizeof info.usual == 104);
  socklen_t size = sizeof info;
  int unacknowledged = 0;
  EXPECT_EQ(::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
  EXPECT_EQ(::ioctl(socket, SIOCOUTQ, &unacknowledged), 0);
  return {info.bytes_acked + static_cast<std::uint64_t>(unacknowledged), info.usual.tcpi_state};
}
sent sent_over(int socket) {
  sent last = look_at(socket);
  // The two figures are asked for one after the other.
  for (sent next = look_at(socket); next != last; next = look_at(socket)) last = next;
  return last;
}

// A loop and a client that a child can destroy as a whole.
struct program {
  explicit program(const config& settings) : redis(std::in_place, io.get_executor(), settings) {}
  template <class Operation>
  void run(Operation operation) {
    bool ended = false;
    std::exception_ptr failure;
    std::move(operation)([&](std::exception_ptr thrown, const auto&...) {
      ended = true;
      failure = std::move(thrown);
    });
    run_until([&] { return ended; });
    if (failure) std::rethrow_exception(failure);
  }
  void run_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    io.restart();
    while (!condition() && std::chrono::steady_clock::now() < end) io.run_one_for(5ms);
    ASSERT_TRUE(condition()) << "the parent's operation did not end";
  }

  // As Asio asks of whoever forks and goes on using, or destroying, a loop in the child.
  int run_in_child_and_end_there() {
    io.notify_fork(asio::execution_context::fork_prepare);
    const int status = run_in_child([this] {
      io.notify_fork(asio::execution_context::fork_child);
      redis.reset();
      io.~io_context();
      new (&io) asio::io_context;
    });
    io.notify_fork(asio::execution_context::fork_parent);
    return status;
  }
  asio::io_context io;
  std::optional<client> redis;
};

class fork_test : public ::testing::TestWithParam<way> {
 protected:
  void SetUp() override {
    server = std::make_unique<redis_server>(server_options{.tls = GetParam().transport == "tls"});
    settings.url = GetParam().transport == "tls" ? server->tls_url() : server->url();
    settings.tls.ca_file = GetParam().transport == "tls" ? test_certificates().ca_file : "";
    settings.protocol = GetParam().protocol;
    // Longer than any test: what only works because a lost connection was noticed does not work.
    settings.liveness_timeout = 60s;
    settings.timeout = 30s;
    ours = std::make_unique<program>(settings);
    ours->run(ours->redis->connect());
  }
  [[nodiscard]] std::uint16_t port() const {
    return GetParam().transport == "tls" ? server->tls_port() : server->port();
  }

  // Operations of every sort are under way, `fork` makes a child and waits for its end, and the parent gets its
  // answers.
  void fork_amid_operations(const std::function<int()>& fork) {
    client& redis = *ours->redis;
    int answered = 0;
    int wrong = 0;
    std::optional<subscription> events;
    redis.subscribe("channel")([&](std::exception_ptr failure, subscription made) {
      EXPECT_FALSE(failure);
      events = std::move(made);
    });
    ours->run_until([&] { return events.has_value(); });
    std::string heard;
    events->next()([&](std::exception_ptr, const message& got) { heard = got.payload; });
    std::optional<std::string> popped;
    redis.get_from_queue<std::string>(
        "queue", 20s)([&](std::exception_ptr, std::optional<std::string> got) { popped = std::move(got); });
    std::string leased;
    redis.exec("BLPOP", "other queue", 20)([&](std::exception_ptr, const reply& got) {
      leased = got.view().size() == 2 ? std::string(got.view()[1].text()) : "?";
    });
    ours->run_until(
        [&] { return server->command({"INFO", "clients"}).text.find("blocked_clients:2") != std::string::npos; });
    for (int i = 0; i < 200; ++i) {
      redis.exec("ECHO", std::to_string(i))([&, i](std::exception_ptr failure, const reply& got) {
        ++answered;
        if (failure || got.view().text() != std::to_string(i)) ++wrong;
      });
    }
    ours->io.poll();  // some are written, some answers may be here

    const auto sockets = sockets_to(port());
    EXPECT_EQ(sockets.size(), 4U) << "a lane, and those of the pops, the subscriptions and the leased command";
    std::vector<sent> before;
    for (const int socket : sockets) before.push_back(sent_over(socket));
    EXPECT_EQ(fork(), 0) << "how the child ended";
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      EXPECT_EQ(sent_over(sockets[i]).bytes, before[i].bytes) << "the child sent something";
      EXPECT_EQ(sent_over(sockets[i]).state, TCP_ESTABLISHED) << "the child said goodbye";
    }

    server->command({"RPUSH", "queue", "for the waiting pop"});
    server->command({"RPUSH", "other queue", "for the leased command"});
    server->command({"PUBLISH", "channel", "for the subscription"});
    ours->run_until([&] { return answered == 200 && popped && !leased.empty() && !heard.empty(); });
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(popped, "for the waiting pop");
    EXPECT_EQ(leased, "for the leased command");
    EXPECT_EQ(heard, "for the subscription");
    ours->run(redis.set("key", std::string("value")));
    EXPECT_EQ(sockets_to(port()), sockets) << "over the same connections, none was lost";
    ours->run(redis.disconnect());
  }

  std::unique_ptr<redis_server> server;
  config settings;
  std::unique_ptr<program> ours;
};

TEST_P(fork_test, a_child_that_only_leaves_does_no_harm) {
  fork_amid_operations([] { return run_in_child([] {}); });
}

TEST_P(fork_test, a_child_that_destroys_its_client_does_no_harm) {
  fork_amid_operations([this] { return run_in_child([this] { ours->redis.reset(); }); });
}

TEST_P(fork_test, a_child_that_destroys_its_client_and_its_loop_does_no_harm) {
  fork_amid_operations([this] { return ours->run_in_child_and_end_there(); });
}

TEST_P(fork_test, a_child_that_becomes_another_program_holds_no_connection) {
  fork_amid_operations([] {
    return run_in_child([] {
      // It looks for sockets among the descriptors that survived the exec.
      ::execl("/bin/sh", "sh", "-c",
              "for f in /proc/self/fd/*; do case $(readlink $f) in socket:*) exit 7;; esac; done",
              static_cast<char*>(nullptr));
      ::_exit(8);
    });
  });
}

INSTANTIATE_TEST_SUITE_P(every_way, fork_test,
                         ::testing::Values(way{"tcp_resp3", "tcp", 3}, way{"tls_resp3", "tls", 3}), name_of);

TEST(fork_embedded, a_child_that_destroys_its_copies_leaves_the_private_server_alone) {
  config settings;
  settings.url = "embedded:";
  program ours(settings);
  ours.run(ours.redis->connect());
  ours.run(ours.redis->set("key", std::string("value")));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(ours.run_in_child_and_end_there(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s) << "the child waited for a server that is not its own";
  std::string value;
  ours.redis->get<std::string>("key")([&](std::exception_ptr, std::optional<std::string> got) { value = *got; });
  ours.run(ours.redis->exec("PING"));
  EXPECT_EQ(value, "value");
  ours.run(ours.redis->disconnect());
}

}  // namespace
}  // namespace redstart::test
