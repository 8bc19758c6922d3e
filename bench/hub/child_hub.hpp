// SPDX-License-Identifier: MIT
// A redstart-hub of the measurement's own: started, found by the address that it prints, ended by its process id.
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bench {

class child_hub {
 public:
  explicit child_hub(std::vector<std::string> command) : command_(std::move(command)), log_(std::tmpfile()) {
    if (!log_) throw std::runtime_error("cannot make a file for the output of the hub");
    start();
  }
  child_hub(const child_hub&) = delete;
  child_hub& operator=(const child_hub&) = delete;
  ~child_hub() { stop(); }

  /// The HOST:PORT of the line `listening on http://HOST:PORT`, empty as long as it was not printed; throws when the
  /// hub has ended.
  std::string address() {
    if (ended()) throw std::runtime_error(command_.front() + " ended at once; its output:\n" + output());
    const std::string text = output();
    const std::string mark = "listening on http://";
    const auto found = text.find(mark);
    if (found == std::string::npos) return {};
    const auto begin = found + mark.size();
    const auto end = text.find_first_not_of("0123456789.:", begin);
    // Nothing behind it yet: the line may be half written.
    return end == std::string::npos ? std::string() : text.substr(begin, end - begin);
  }

  std::string output() const {
    // The hub shares the file's position, so it is read without moving it.
    std::string text(64 * 1024, '\0');
    const auto size = ::pread(::fileno(log_.get()), text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
  }

  /// CPU seconds that the hub has used so far.
  double cpu_seconds() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const auto name_end = text.rfind(')');
    if (name_end == std::string::npos) return 0;
    double ticks = 0;
    const char* at = text.c_str() + name_end + 2;
    for (int field = 3; field <= 15; ++field) {  // numbered as in proc(5): 14 is utime, 15 stime
      if (field >= 14) ticks += std::strtod(at, nullptr);
      at = std::strchr(at, ' ');
      if (!at) return 0;
      ++at;
    }
    return ticks / double(::sysconf(_SC_CLK_TCK));
  }

 private:
  void start() {
    std::vector<char*> arguments;
    for (auto& word : command_) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot start a process for the hub");
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::dup2(::fileno(log_.get()), STDOUT_FILENO);
    ::dup2(STDOUT_FILENO, STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    std::fprintf(stderr, "%s\n", std::strerror(errno));
    ::_exit(127);
  }

  bool ended() {
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
    return pid_ <= 0;
  }

  void stop() {
    if (ended()) return;
    ::kill(pid_, SIGTERM);
    for (int i = 0; i < 300 && !ended(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (ended()) return;
    std::fprintf(stderr, "the hub did not end within 30 s of SIGTERM and was killed\n");
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  struct close_file {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::vector<std::string> command_;
  std::unique_ptr<std::FILE, close_file> log_;
  pid_t pid_ = -1;
};

}  // namespace bench
