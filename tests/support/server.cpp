// SPDX-License-Identifier: MIT
#include "support/server.hpp"

#include "embedded/find_server.hpp"
#include "embedded/folders.hpp"
#include "embedded/posix.hpp"
#include "embedded/probe.hpp"
#include "embedded/watcher.hpp"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace redstart::test {
namespace {

using namespace std::chrono_literals;

constexpr auto ready_limit = 20s;
constexpr int port_tries = 5;

// REDSTART_TEST_SERVER goes where REDSTART_SERVER is looked up, and with it all that may be said there.
std::string find_program() {
  return embedded::find_server([](const char* name) -> const char* {
    const char* wanted = std::getenv("REDSTART_TEST_SERVER");
    return std::string_view(name) == "REDSTART_SERVER" && wanted != nullptr ? wanted : std::getenv(name);
  });
}

}  // namespace

std::uint16_t free_port() {
  const embedded::unique_fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no free port: " + embedded::system_text(errno));
  }
  return ntohs(address.sin_port);
}

redis_server::redis_server(server_options options) : options_(std::move(options)) { start_on_free_ports(); }

redis_server::~redis_server() {
  if (testing::Test::HasFailure()) {
    const std::string text = log();
    constexpr std::size_t shown = 4000;
    std::cerr << "--- log of the server on port " << port_ << "\n"
              << (text.size() > shown ? text.substr(text.size() - shown) : text) << "---\n";
  }
  // Without ceremony: nobody wants what it may still have to save.
  kill();
}

// Another process may take a port between our look and the server's bind.
void redis_server::start_on_free_ports() {
  for (int left = port_tries;; --left) {
    port_ = free_port();
    tls_port_ = options_.tls ? free_port() : std::uint16_t{0};
    try {
      start();
      return;
    } catch (const std::runtime_error&) {
      if (left == 1 || log().find("Address already in use") == std::string::npos) {
        throw;
      }
    }
  }
}

std::vector<std::string> redis_server::arguments() const {
  std::vector<std::string> result{
      "--port",    std::to_string(port_), "--bind", "127.0.0.1", "--unixsocket", socket_path(),
      "--logfile", folder_.file("log"),   "--save", "",          "--appendonly", "no"};
  const auto add = [&](std::initializer_list<std::string> words) { result.insert(result.end(), words); };
  if (options_.tls) {
    const certificate& used = options_.server_certificate ? *options_.server_certificate : test_certificates().server;
    add({"--tls-port", std::to_string(tls_port_), "--tls-cert-file", used.file, "--tls-key-file", used.key,
         "--tls-ca-cert-file", test_certificates().ca_file, "--tls-auth-clients",
         options_.require_client_certificate ? "yes" : "no"});
  }
  if (!options_.password.empty()) {
    add({"--requirepass", options_.password});
  }
  result.insert(result.end(), options_.args.begin(), options_.args.end());
  return result;
}

void redis_server::start() {
  start_without_waiting();
  wait_until_ready();
}

void redis_server::start_without_waiting() {
  stop();
  watcher_ = std::make_unique<embedded::watcher>(embedded::watcher_config{.program = find_program(),
                                                                          .temporary_base = embedded::temporary_base(),
                                                                          .data_folder = folder(),
                                                                          .arguments = arguments()});
}

void redis_server::wait_until_ready() {
  const auto limit = std::chrono::steady_clock::now() + ready_limit;
  while (true) {
    const auto answer = embedded::ask(socket_path(), "PING", 1000ms);
    // An error counts too: a server with a password, or one that was started to refuse.
    if (answer && !answer->starts_with("-LOADING")) {
      return;
    }
    if (watcher_->wait_for_end(5ms)) {
      throw std::runtime_error("the server ended: " + watcher_->last_words() + log());
    }
    if (std::chrono::steady_clock::now() > limit) {
      throw std::runtime_error("the server is not ready: " + answer.value_or("no answer") + "\n" + log());
    }
  }
}

void redis_server::stop() {
  client_.reset();
  watcher_.reset();
}

void redis_server::kill() {
  if (watcher_ && !watcher_->wait_for_end(0ms)) {
    ::kill(pid(), SIGKILL);
  }
  stop();
}

void redis_server::pause() { ::kill(pid(), SIGSTOP); }

void redis_server::resume() { ::kill(pid(), SIGCONT); }

pid_t redis_server::pid() const {
  if (!watcher_) {
    throw std::logic_error("the server is stopped");
  }
  return watcher_->server_pid();
}

std::string redis_server::log() const {
  std::ifstream file(folder_.file("log"));
  return {std::istreambuf_iterator<char>(file), {}};
}

answer redis_server::command(const std::vector<std::string>& words) {
  if (!client_) {
    client_ = raw_client::to_unix(socket_path());
    if (!options_.password.empty()) {
      client_->command({"AUTH", options_.password});
    }
  }
  return client_->command(words);
}

}  // namespace redstart::test
