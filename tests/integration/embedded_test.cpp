// SPDX-License-Identifier: MIT
#include "embedded/server.hpp"
#include "redstart/error.hpp"
#include "support/raw_client.hpp"
#include "support/scratch.hpp"
#include "support/waiting.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace redstart::embedded {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::raw_client;
using test::scoped_variable;
using test::scratch_folder;
namespace fs = std::filesystem;

// Processes, zombies aside, whose command line mentions the text. Every process of an embedded server mentions its
// temporary folder, or the folder that is made in.
std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    std::ifstream file(entry.path() / "cmdline");
    const std::string line((std::istreambuf_iterator<char>(file)), {});
    if (line.find(text) != std::string::npos) {
      found.push_back(std::stoi(entry.path().filename()));
    }
  }
  return found;
}

bool alive(pid_t pid) { return ::kill(pid, 0) == 0; }

template <typename Error>
std::string error_of(const server_config& settings) {
  try {
    server started(settings);
  } catch (const Error& failure) {
    return failure.what();
  } catch (const std::exception& failure) {
    ADD_FAILURE() << "another kind of error: " << failure.what();
    return {};
  }
  ADD_FAILURE() << "no error";
  return {};
}

// Every test has a folder for temporary folders of its own, and leaves nothing behind in it.
class embedded_server : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return fs::is_empty(base_.path()); })) << *fs::directory_iterator(base_.path());
    EXPECT_TRUE(eventually([&] { return processes_with(base_.path()).empty(); }));
  }

  scratch_folder base_;
  scratch_folder work_;
  scoped_variable tmpdir_{"TMPDIR", base_.path()};
};

TEST_F(embedded_server, answers_when_the_constructor_returns) {
  const server started;
  auto client = raw_client::to_unix(started.socket_path());
  EXPECT_EQ(client.command({"PING"}).text, "PONG");
  EXPECT_TRUE(alive(started.pid()));
  EXPECT_NE(started.version().find("."), std::string::npos) << started.version();
}

TEST_F(embedded_server, pid_is_the_servers) {
  const server started;
  auto client = raw_client::to_unix(started.socket_path());
  const auto info = client.command({"INFO", "server"}).text;
  EXPECT_NE(info.find("process_id:" + std::to_string(started.pid()) + "\r"), std::string::npos);
}

TEST_F(embedded_server, is_closed_to_other_users_and_to_the_network) {
  const server started;
  struct stat status{};
  ASSERT_EQ(::stat(fs::path(started.socket_path()).parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  auto client = raw_client::to_unix(started.socket_path());
  EXPECT_EQ(client.command({"CONFIG", "GET", "port"}).items.at(1).text, "0");
}

TEST_F(embedded_server, two_at_once_share_nothing) {
  const server one;
  const server two;
  EXPECT_NE(one.socket_path(), two.socket_path());
  raw_client::to_unix(one.socket_path()).command({"SET", "key", "one"});
  EXPECT_TRUE(raw_client::to_unix(two.socket_path()).command({"GET", "key"}).null);
}

TEST_F(embedded_server, stop_ends_the_process_and_removes_the_folder) {
  server started;
  const auto pid = started.pid();
  const auto socket = started.socket_path();
  EXPECT_TRUE(started.running());
  started.stop();
  EXPECT_FALSE(started.running());
  EXPECT_FALSE(alive(pid));
  EXPECT_FALSE(fs::exists(fs::path(socket).parent_path()));
  started.stop();
}

TEST_F(embedded_server, stop_of_one_leaves_the_other_alone) {
  server one;
  const server two;
  one.stop();
  EXPECT_EQ(raw_client::to_unix(two.socket_path()).command({"PING"}).text, "PONG");
}

TEST_F(embedded_server, server_that_dies_is_noticed_and_cleaned_up_after) {
  server started;
  ::kill(started.pid(), SIGKILL);
  EXPECT_TRUE(eventually([&] { return !started.running(); }));
  EXPECT_FALSE(fs::exists(fs::path(started.socket_path()).parent_path()));
}

TEST_F(embedded_server, server_that_cannot_end_by_itself_is_killed) {
  server started({.stop_limit = 300ms});
  const auto pid = started.pid();
  ::kill(pid, SIGSTOP);
  started.stop();
  EXPECT_FALSE(alive(pid));
}

TEST_F(embedded_server, ctrl_c_for_the_programs_process_group_does_not_reach_the_server) {
  const server started;
  EXPECT_NE(::getpgid(started.pid()), ::getpgid(0));
  EXPECT_NE(::getsid(started.pid()), ::getsid(0));
}

TEST_F(embedded_server, sigterm_to_every_process_still_leaves_no_folder) {
  server started;
  for (const auto pid : processes_with(base_.path())) {
    ::kill(pid, SIGTERM);
  }
  EXPECT_TRUE(eventually([&] { return !started.running(); }));
}

TEST_F(embedded_server, descriptors_of_the_program_are_not_inherited) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);  // without O_CLOEXEC
  const auto link = [](const std::string& process, int fd) {
    std::error_code ignored;
    return fs::read_symlink("/proc/" + process + "/fd/" + std::to_string(fd), ignored).string();
  };
  const auto ours = link("self", pipe[1]);
  const server started;
  for (int fd = 0; fd < 64; ++fd) {
    EXPECT_NE(link(std::to_string(started.pid()), fd), ours) << "descriptor " << fd;
  }
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(embedded_server, blocked_and_ignored_signals_of_the_program_are_not_inherited) {
  sigset_t before;
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto handler = ::signal(SIGTERM, SIG_IGN);
  {
    server started;
    const auto begin = std::chrono::steady_clock::now();
    started.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s) << "SIGTERM did not end it";
  }
  ::signal(SIGTERM, handler);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(embedded_server, works_when_the_program_ignores_sigchld) {
  const auto handler = ::signal(SIGCHLD, SIG_IGN);
  {
    server started;
    EXPECT_TRUE(started.running());
    started.stop();
    EXPECT_FALSE(started.running());
  }
  ::signal(SIGCHLD, handler);
}

// Runs in a forked child: reports a server and waits for the end.
[[noreturn]] void hold_a_server(int report, const std::string& folder) {
  try {
    const server started({.folder = folder});
    raw_client::to_unix(started.socket_path()).command({"SET", "key", "value"});
    const std::string line = std::to_string(started.pid()) + " " + started.socket_path() + "\n";
    [[maybe_unused]] const auto size = ::write(report, line.data(), line.size());
    while (true) {
      ::pause();
    }
  } catch (...) {
    ::_exit(1);
  }
}

struct held_server {
  pid_t holder = -1;
  pid_t pid = -1;
  std::string socket{};
};

held_server fork_holder(const std::string& folder) {
  std::array<int, 2> pipe{};
  EXPECT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  held_server result;
  result.holder = ::fork();
  if (result.holder == 0) {
    hold_a_server(pipe[1], folder);
  }
  ::close(pipe[1]);
  std::string line;
  for (char byte = 0; ::read(pipe[0], &byte, 1) == 1 && byte != '\n';) {
    line += byte;
  }
  ::close(pipe[0]);
  std::istringstream(line) >> result.pid >> result.socket;
  return result;
}

TEST_F(embedded_server, kill_9_of_the_parent_leaves_no_process_and_no_folder) {
  const auto held = fork_holder("");
  ASSERT_GT(held.pid, 0);
  ASSERT_EQ(raw_client::to_unix(held.socket).command({"GET", "key"}).text, "value");
  ASSERT_FALSE(processes_with(base_.path()).empty());
  ::kill(held.holder, SIGKILL);
  ::waitpid(held.holder, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return !alive(held.pid); }));
}  // TearDown looks for the rest

TEST_F(embedded_server, kill_9_of_the_parent_keeps_the_data_for_the_next_one) {
  const std::string folder = work_.file("data");
  const auto held = fork_holder(folder);
  ASSERT_GT(held.pid, 0);
  ::kill(held.holder, SIGKILL);
  ::waitpid(held.holder, nullptr, 0);
  // At once: the old server may still be ending and holds the folder meanwhile.
  const server next({.folder = folder});
  EXPECT_EQ(raw_client::to_unix(next.socket_path()).command({"GET", "key"}).text, "value");
}

TEST_F(embedded_server, kill_9_at_any_moment_of_the_start_leaves_nothing) {
  for (int delay = 0; delay < 40; delay += 2) {
    const pid_t child = ::fork();
    if (child == 0) {
      hold_a_server(-1, delay % 4 == 0 ? "" : work_.file("data" + std::to_string(delay)));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(delay));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
}  // TearDown looks for what is left

TEST_F(embedded_server, data_survives_a_restart_with_a_folder) {
  const std::string folder = work_.file("new/data");
  {
    const server first({.folder = folder});
    auto client = raw_client::to_unix(first.socket_path());
    EXPECT_EQ(client.command({"RPUSH", "queue", "a", "b"}).integer, 2);
    EXPECT_EQ(client.command({"CONFIG", "GET", "appendfsync"}).items.at(1).text, "everysec");
  }
  const server second({.folder = folder});
  EXPECT_EQ(raw_client::to_unix(second.socket_path()).command({"LLEN", "queue"}).integer, 2);
}

TEST_F(embedded_server, data_does_not_survive_without_a_folder) {
  {
    const server first;
    raw_client::to_unix(first.socket_path()).command({"SET", "key", "value"});
  }
  const server second;
  EXPECT_TRUE(raw_client::to_unix(second.socket_path()).command({"GET", "key"}).null);
}

TEST_F(embedded_server, new_data_folder_is_for_its_owner_only) {
  const server started({.folder = work_.file("data")});
  struct stat status{};
  ASSERT_EQ(::stat(work_.file("data").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(embedded_server, folder_with_spaces_and_quotes_works) {
  const std::string folder = work_.file("my \"data\" $HOME");
  {
    const server first({.folder = folder});
    raw_client::to_unix(first.socket_path()).command({"SET", "key", "value"});
  }
  const server second({.folder = folder});
  EXPECT_EQ(raw_client::to_unix(second.socket_path()).command({"GET", "key"}).text, "value");
}

TEST_F(embedded_server, second_server_on_the_same_folder_is_refused) {
  const server first({.folder = work_.path()});
  const auto message = error_of<connection_error>({.folder = work_.path()});
  EXPECT_NE(message.find(work_.path()), std::string::npos) << message;
  EXPECT_NE(message.find("in use by the embedded server of process " + std::to_string(::getpid())), std::string::npos)
      << message;
  EXPECT_EQ(raw_client::to_unix(first.socket_path()).command({"PING"}).text, "PONG");
}

TEST_F(embedded_server, folder_that_cannot_be_made_or_written_is_named) {
  std::ofstream(work_.file("file")) << "x";
  const auto below_a_file = error_of<config_error>({.folder = work_.file("file/data")});
  EXPECT_NE(below_a_file.find(work_.file("file/data")), std::string::npos) << below_a_file;
  const auto read_only = error_of<config_error>({.folder = "/proc/self"});
  EXPECT_NE(read_only.find("cannot write to the data folder"), std::string::npos) << read_only;
}

TEST_F(embedded_server, missing_binary_says_how_to_get_one) {
  const scoped_variable server_variable("REDSTART_SERVER", std::nullopt);
  const scoped_variable path("PATH", work_.path());
  const auto message = error_of<config_error>({});
  EXPECT_NE(message.find("neither redis-server nor valkey-server"), std::string::npos) << message;
  EXPECT_NE(message.find("apt-get install redis-server"), std::string::npos) << message;
  EXPECT_NE(message.find("REDSTART_SERVER"), std::string::npos) << message;
}

TEST_F(embedded_server, redstart_server_that_does_not_exist_is_named) {
  const scoped_variable variable("REDSTART_SERVER", "/nowhere/redis-server");
  const auto message = error_of<config_error>({});
  EXPECT_NE(message.find("REDSTART_SERVER \"/nowhere/redis-server\": there is no such file"), std::string::npos)
      << message;
}

TEST_F(embedded_server, file_that_is_not_executable_is_named) {
  std::ofstream(work_.file("redis-server")) << "x";
  const scoped_variable variable("REDSTART_SERVER", work_.file("redis-server"));
  const auto message = error_of<config_error>({});
  EXPECT_NE(message.find("not an executable file"), std::string::npos) << message;
}

TEST_F(embedded_server, program_that_ends_without_a_word_is_named) {
  const scoped_variable variable("REDSTART_SERVER", "/bin/false");
  const auto message = error_of<connection_error>({});
  EXPECT_NE(message.find("/bin/false ended before it was ready and printed nothing"), std::string::npos) << message;
}

TEST_F(embedded_server, last_words_of_a_broken_binary_are_shown) {
  const scoped_variable variable("REDSTART_SERVER",
                                 work_.script("broken", "#!/bin/sh\necho libfoo.so is missing >&2\nexit 3\n"));
  const auto message = error_of<connection_error>({});
  EXPECT_NE(message.find("libfoo.so is missing"), std::string::npos) << message;
}

TEST_F(embedded_server, file_that_is_no_program_is_a_clear_error) {
  const scoped_variable variable("REDSTART_SERVER", work_.script("garbage", std::string("\x7f"
                                                                                        "ELF\x01\x02",
                                                                                        6)));
  const auto message = error_of<connection_error>({});
  EXPECT_NE(message.find("garbage ended before it was ready"), std::string::npos) << message;
}

TEST_F(embedded_server, damaged_data_shows_what_the_server_says) {
  fs::create_directories(work_.file("data/appendonlydir"));
  std::ofstream(work_.file("data/appendonlydir/appendonly.aof.manifest")) << "nonsense\n";
  std::ofstream(work_.file("data/appendonly.aof")) << "nonsense\n";
  const auto message = error_of<connection_error>({.folder = work_.file("data")});
  EXPECT_NE(message.find("it printed:"), std::string::npos) << message;
  // The lock went with the server.
  fs::remove_all(work_.file("data/appendonlydir"));
  fs::remove(work_.file("data/appendonly.aof"));
  const server repaired({.folder = work_.file("data")});
}

TEST_F(embedded_server, server_that_never_answers_is_given_up) {
  const scoped_variable variable("REDSTART_SERVER", work_.script("silent", "#!/bin/sh\nexec sleep 60\n"));
  const auto message = error_of<connection_error>({.start_limit = 100ms});
  EXPECT_NE(message.find("was not ready within 100 ms"), std::string::npos) << message;
}

TEST_F(embedded_server, start_can_be_cancelled) {
  const scoped_variable variable("REDSTART_SERVER", work_.script("silent", "#!/bin/sh\nexec sleep 60\n"));
  std::stop_source source;
  source.request_stop();
  EXPECT_THROW(server({}, source.get_token()), cancelled);
}

// A server in place of redis-server: answers each connection with the next line of a list, then with the last one.
constexpr const char* scripted_server = R"(#!/usr/bin/python3
import socket, sys
answers = ANSWERS
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[sys.argv.index("--unixsocket") + 1])
listener.listen()
while True:
    connection, _ = listener.accept()
    connection.recv(100)
    connection.sendall(answers[0])
    answers = answers[1:] or answers
)";

std::string with_answers(const std::string& answers) {
  std::string text = scripted_server;
  return text.replace(text.find("ANSWERS"), 7, answers);
}

TEST_F(embedded_server, loading_is_waited_for_beyond_the_start_limit) {
  const scoped_variable variable(
      "REDSTART_SERVER",
      work_.script("loading", with_answers(R"([b"-LOADING wait\r\n"] * 450 + [b"+PONG\r\n", b"-ERR no INFO\r\n"])")));
  const server started({.start_limit = 2s});
  EXPECT_EQ(started.version(), "redis ");
}

TEST_F(embedded_server, loading_for_ever_is_given_up_and_the_answer_is_shown) {
  const scoped_variable variable("REDSTART_SERVER", work_.script("loading", with_answers(R"([b"-LOADING wait\r\n"])")));
  const auto message = error_of<connection_error>({.start_limit = 10s, .loading_limit = 300ms});
  EXPECT_NE(message.find("was not ready within 300 ms; it answered: -LOADING wait"), std::string::npos) << message;
}

TEST_F(embedded_server, valkey_is_told_from_redis) {
  const scoped_variable variable("REDSTART_SERVER", work_.script("valkey", with_answers(R"([b"+PONG\r\n",
        b"$46\r\n\r\nredis_version:7.2.4\r\nvalkey_version:8.1.0\r\nx:y\r\n"])")));
  EXPECT_EQ(server().version(), "valkey 8.1.0");
}

TEST_F(embedded_server, temporary_base_that_is_too_long_for_a_socket_is_not_used) {
  const std::string deep = base_.file(std::string(90, 'd'));
  fs::create_directory(deep);
  {
    const scoped_variable variable("TMPDIR", deep);
    const server started;
    EXPECT_EQ(started.socket_path().find(deep), std::string::npos);
    EXPECT_LE(started.socket_path().size(), 107U);
  }
  fs::remove(deep);
}

TEST_F(embedded_server, unusable_temporary_base_falls_back_to_tmp) {
  const scoped_variable variable("TMPDIR", "/nowhere");
  const server started;
  EXPECT_EQ(started.socket_path().rfind("/tmp/redstart-", 0), 0U) << started.socket_path();
}

}  // namespace
}  // namespace redstart::embedded
