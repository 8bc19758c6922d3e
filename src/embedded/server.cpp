// SPDX-License-Identifier: MIT
#include "embedded/server.hpp"

#include "embedded/find_server.hpp"
#include "embedded/folders.hpp"
#include "embedded/probe.hpp"
#include "embedded/watcher.hpp"
#include "redstart/error.hpp"

#include <string_view>
#include <vector>

namespace redstart::embedded {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto folder_patience = 2s;
constexpr auto answer_limit = 1000ms;
// Between two questions. The wait ends early when the server does.
constexpr auto poll_interval = 5ms;

std::vector<std::string> persistence(bool kept) {
  if (kept) {
    return {"--save", "", "--appendonly", "yes", "--appendfsync", "everysec"};
  }
  return {"--save", "", "--appendonly", "no"};
}

std::unique_ptr<watcher> start(const std::string& program, const server_config& wanted) {
  watcher_config settings{.program = program,
                          .temporary_base = temporary_base(),
                          .arguments = persistence(!wanted.folder.empty()),
                          .stop_limit = wanted.stop_limit};
  if (wanted.folder.empty()) {
    return std::make_unique<watcher>(settings);
  }
  // Our copy of the lock is closed on return. The server's own then holds the folder for as long as it lives.
  const folder_lock lock = lock_folder(wanted.folder, folder_patience);
  settings.data_folder = lock.folder;
  settings.keep_open = lock.file.get();
  return std::make_unique<watcher>(settings);
}

[[noreturn]] void report_end(const std::string& program, const std::string& words) {
  throw connection_error("embedded: " + program + " ended before it was ready" +
                         (words.empty() ? " and printed nothing; is it a redis-server?" : "; it printed:\n" + words));
}

void wait_until_ready(watcher& child, const std::string& socket, const std::string& program,
                      const server_config& settings, const std::stop_token& stop) {
  const auto begin = clock::now();
  auto limit = begin + settings.start_limit;
  while (true) {
    const auto answer = ask(socket, "PING", answer_limit);
    if (answer == "+PONG") {
      return;
    }
    if (answer && answer->starts_with("-LOADING")) {
      limit = begin + settings.loading_limit;
    }
    if (stop.stop_requested()) {
      throw cancelled("embedded: starting the server was cancelled");
    }
    if (clock::now() >= limit) {
      throw connection_error(
          "embedded: " + program + " was not ready within " +
          std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(limit - begin).count()) + " ms" +
          (answer ? "; it answered: " + *answer : ""));
    }
    if (child.wait_for_end(poll_interval)) {
      report_end(program, child.last_words());
    }
  }
}

std::string field(std::string_view info, std::string_view name) {
  const std::string start = "\n" + std::string(name) + ":";
  const auto at = info.find(start);
  if (at == std::string_view::npos) {
    return {};
  }
  info.remove_prefix(at + start.size());
  return std::string(info.substr(0, info.find('\r')));
}

std::string ask_version(const std::string& socket) {
  const std::string info = ask(socket, "INFO server", answer_limit).value_or("");
  const std::string valkey = field(info, "valkey_version");
  return valkey.empty() ? "redis " + field(info, "redis_version") : "valkey " + valkey;
}

}  // namespace

server::server(const server_config& settings, const std::stop_token& stop) {
  const std::string program = find_server();
  watcher_ = start(program, settings);
  socket_path_ = watcher_->folder() + "/redis.sock";
  wait_until_ready(*watcher_, socket_path_, program, settings, stop);
  version_ = ask_version(socket_path_);
}

server::~server() = default;

pid_t server::pid() const noexcept { return watcher_->server_pid(); }

bool server::running() noexcept { return !watcher_->wait_for_end(0ms); }

void server::stop() noexcept { watcher_->stop(); }

}  // namespace redstart::embedded
