// SPDX-License-Identifier: MIT
#ifdef REDSTART_HUB_PROGRAM

#include "support/hub_program.hpp"

#include "support/waiting.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace redstart::test {

namespace {

using namespace std::chrono_literals;

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

pid_t spawn(const std::vector<std::string>& arguments, const std::string& output) {
  std::vector<char*> words;
  std::string program = REDSTART_HUB_PROGRAM;
  std::vector<std::string> own = arguments;
  words.push_back(program.data());
  for (std::string& word : own) words.push_back(word.data());
  words.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int file = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (getppid() != parent || file < 0) _exit(127);
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  unsetenv("REDIS_URL");
  execv(program.c_str(), words.data());
  _exit(127);
}

int wait_for(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

hub_program::hub_program(const std::string& redis_url, const std::vector<std::string>& options) {
  std::vector<std::string> arguments{"--listen", "127.0.0.1:0", "--redis", redis_url};
  arguments.insert(arguments.end(), options.begin(), options.end());
  pid_ = spawn(arguments, folder_.file("log"));
  const std::string words = "listening on http://127.0.0.1:";
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (port_ == 0) {
    const std::string said = log();
    if (const std::size_t at = said.find(words); at != std::string::npos && said.find('\n', at) != std::string::npos) {
      port_ = static_cast<std::uint16_t>(std::stoi(said.substr(at + words.size())));
    } else if (std::chrono::steady_clock::now() > end || waitpid(pid_, nullptr, WNOHANG) == pid_) {
      throw std::runtime_error("the hub did not start: " + said);
    } else {
      std::this_thread::sleep_for(5ms);
    }
  }
}

hub_program::~hub_program() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    wait_for(pid_);
  }
  if (testing::Test::HasFailure()) {
    const std::string said = log();
    std::cerr << "--- the end of the hub's log\n" << said.substr(said.size() > 3000 ? said.size() - 3000 : 0);
  }
}

std::string hub_program::log() const { return text_of(folder_.file("log")); }

int hub_program::stop() {
  ::kill(pid_, SIGTERM);
  const int code = wait_for(pid_);
  pid_ = -1;
  return code;
}

http_answer hub_program::send(const std::string& method, const std::string& target, const std::string& body,
                              const std::string& headers) const {
  http_client client(port_);
  return client.ask(method + ' ' + target + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) + "\r\n" + headers +
                    "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
}

http_answer hub_program::get(const std::string& target) const { return send("GET", target); }

http_answer hub_program::post(const std::string& target, const std::string& body, const std::string& headers) const {
  return send("POST", target, body, headers);
}

std::int64_t hub_program::stat(const std::string& name) const {
  const http_answer answer = get("/stats");
  if (answer.status != 200) return -1;
  return boost::json::parse(answer.body).at(name).to_number<std::int64_t>();
}

program_result run_hub(const std::vector<std::string>& arguments) {
  const scratch_folder folder;
  const pid_t pid = spawn(arguments, folder.file("output"));
  program_result result;
  const auto end = std::chrono::steady_clock::now() + 60s;
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(5ms);
  }
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  result.output = text_of(folder.file("output"));
  return result;
}

}  // namespace redstart::test

#endif
