// SPDX-License-Identifier: MIT
#include "embedded/watcher.hpp"

#include "redstart/error.hpp"

#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <filesystem>

extern char** environ;

namespace redstart::embedded {
namespace {

// Arguments: program, folder for temporary folders, data folder or nothing, tenths of a second to end in, options.
// Descriptors: 0 ends when our parent is gone, 1 is read by it, 4 is the lock if there is one. The guard must not hold
// 1 and 4, since their end tells the parent that all is over. Signals are ignored only after the server has started,
// which would inherit that; a service manager that sends SIGTERM to every process must not keep us from cleaning up.
constexpr const char* script = R"sh(
program=$1 base=$2 data=$3 tries=$4
shift 4
cd / && exec 3<&0 </dev/null || exit
folder=$(mktemp -d "$base/redstart-XXXXXX") || exit
"$program" --port 0 --unixsocket "$folder/redis.sock" --unixsocketperm 700 --daemonize no \
  --dir "${data:-$folder}" "$@" >"$folder/log" 2>&1 3<&- &
server=$!
trap '' HUP INT TERM
{
  read -r nothing <&3
  kill -TERM $server
  while kill -0 $server && [ $tries -gt 0 ]; do sleep 0.1; tries=$((tries - 1)); done
  kill -KILL $server
  rm -rf "$folder"
} >/dev/null 2>&1 4>&- &
guard=$!
exec 3<&-
echo "$server $folder"
wait $server
kill -KILL $guard
tail -c 4000 "$folder/log"
rm -rf "$folder"
)sh";

// What the shell may need beyond the time that it gives the server.
constexpr std::chrono::seconds shell_limit{2};
constexpr std::chrono::seconds longest_spawn{10};

// Above the numbers that the child's descriptors get, so that placing one cannot overwrite another.
unique_fd above_standard(unique_fd file) {
  constexpr int lowest = 10;
  return unique_fd(::fcntl(file.get(), F_DUPFD_CLOEXEC, lowest));
}

struct pipe_ends {
  unique_fd read;
  unique_fd write;
};

pipe_ends make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw connection_error("embedded: cannot make a pipe: " + system_text(errno));
  }
  pipe_ends result{above_standard(unique_fd(ends[0])), above_standard(unique_fd(ends[1]))};
  if (!result.read || !result.write) {
    throw connection_error("embedded: cannot make a pipe: " + system_text(errno));
  }
  return result;
}

class spawn_settings {
 public:
  spawn_settings(int input, int output, int keep_open) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    place(input, 0);
    place(output, 1);
    place(output, 2);
    int first_to_close = 3;
    if (keep_open >= 0) {
      place(keep_open, 4);
      first_to_close = 5;
    }
    // Descriptors that the program opened without O_CLOEXEC would otherwise live on in the server.
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, first_to_close);
    set_signals();
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;
  ~spawn_settings() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }

  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  void place(int from, int to) { ::posix_spawn_file_actions_adddup2(&actions_, from, to); }

  // A session of its own: Ctrl-C in the terminal reaches the program, which still needs its server to finish.
  void set_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    ::posix_spawnattr_setsigmask(&attributes_, &set);
    ::sigfillset(&set);
    ::posix_spawnattr_setsigdefault(&attributes_, &set);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::vector<std::string> command_line(const watcher_config& settings) {
  std::vector<std::string> words{"/bin/sh",
                                 "-c",
                                 script,
                                 "redstart-embedded",
                                 settings.program,
                                 settings.temporary_base,
                                 settings.data_folder,
                                 std::to_string(settings.stop_limit / std::chrono::milliseconds(100))};
  words.insert(words.end(), settings.arguments.begin(), settings.arguments.end());
  return words;
}

}  // namespace

watcher::watcher(const watcher_config& settings) : stop_limit_(settings.stop_limit) {
  spawn(settings);
  try {
    read_first_line();
  } catch (...) {
    stop();
    throw;
  }
}

void watcher::spawn(const watcher_config& settings) {
  pipe_ends input = make_pipe();
  pipe_ends output = make_pipe();
  std::vector<std::string> words = command_line(settings);
  std::vector<char*> arguments;
  for (auto& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  const spawn_settings how(input.read.get(), output.write.get(), settings.keep_open);
  if (const int code =
          ::posix_spawn(&shell_pid_, "/bin/sh", how.actions(), how.attributes(), arguments.data(), environ);
      code != 0) {
    shell_pid_ = -1;
    throw connection_error("embedded: cannot start /bin/sh: " + system_text(code));
  }
  hold_ = std::move(input.write);
  output_pipe_ = std::move(output.read);
}

void watcher::read_first_line() {
  const auto limit = std::chrono::steady_clock::now() + longest_spawn;
  while (output_.find('\n') == std::string::npos) {
    if (read_output(std::chrono::milliseconds(100)) || std::chrono::steady_clock::now() > limit) {
      throw connection_error("embedded: the server could not be started: " + output_);
    }
  }
  const auto line = output_.find('\n');
  const auto space = output_.find(' ');
  const auto [end, failure] = std::from_chars(output_.data(), output_.data() + line, server_pid_);
  if (failure != std::errc{} || end != output_.data() + space) {
    throw connection_error("embedded: the server could not be started: " + output_);
  }
  folder_ = output_.substr(space + 1, line - space - 1);
  output_.erase(0, line + 1);
}

// Returns true when the other end is closed: the shell and with it the server are gone.
bool watcher::read_output(std::chrono::milliseconds limit) noexcept {
  pollfd waiting{output_pipe_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, static_cast<int>(limit.count())) <= 0) {
    return false;
  }
  std::array<char, 4096> bytes;
  const auto size = ::read(output_pipe_.get(), bytes.data(), bytes.size());
  if (size > 0) {
    output_.append(bytes.data(), static_cast<std::size_t>(size));
  }
  return size == 0;
}

bool watcher::wait_for_end(std::chrono::milliseconds limit) noexcept {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (output_pipe_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (read_output(std::max(left, std::chrono::milliseconds(0)))) {
      collect();
    } else if (left.count() <= 0) {
      return false;
    }
  }
  return true;
}

void watcher::collect() noexcept {
  output_pipe_.reset();
  hold_.reset();
  // ECHILD is fine: the program may ignore SIGCHLD or collect every child itself.
  while (::waitpid(shell_pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  shell_pid_ = -1;
}

void watcher::stop() noexcept {
  hold_.reset();
  if (::getpid() != owner_) {
    output_pipe_.reset();
    return;
  }
  if (!wait_for_end(stop_limit_ + shell_limit)) {
    // The shell leads its own process group, in which the server is.
    ::kill(-shell_pid_, SIGKILL);
    collect();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
}

}  // namespace redstart::embedded
