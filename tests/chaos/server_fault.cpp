// SPDX-License-Identifier: MIT
#include "chaos/server_fault.hpp"

#include <filesystem>
#include <stdexcept>
#include <thread>

namespace redstart::chaos {
namespace {

using namespace std::chrono_literals;
using test::redis_server;

constexpr int keys_to_load = 4000;  // the server looks at its clients after each thousand

void cut_everybody(redis_server& at) {
  at.command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  at.command({"CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"});
}

void set(redis_server& at, const std::string& option, const std::string& value) {
  demand(at, {"CONFIG", "SET", option, value});
}

void use_certificate(redis_server& at, const test::certificate& which) {
  demand(at, {"CONFIG", "SET", "tls-cert-file", which.file, "tls-key-file", which.key});
}

// A folder where the snapshot should go: the last step of saving fails.
void fail_to_save(redis_server& at) {
  const std::string file = at.folder() + "/dump.rdb";
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  set(at, "save", "3600 1000000");
  demand(at, {"BGSAVE"});
  const auto limit = std::chrono::steady_clock::now() + 10s;
  while (at.command({"INFO", "persistence"}).text.find("rdb_last_bgsave_status:err") == std::string::npos) {
    if (std::chrono::steady_clock::now() > limit) throw std::runtime_error("the snapshot did not fail");
    std::this_thread::sleep_for(2ms);
  }
}

void fill(redis_server& at) {
  demand(at, {"EVAL", "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'filler:' .. i, i) end", "0",
              std::to_string(keys_to_load)});
}

}  // namespace

test::answer demand(redis_server& at, const std::vector<std::string>& words) {
  test::answer result = at.command(words);
  if (result.type == '-') throw std::runtime_error(words.front() + " at the server: " + result.text);
  return result;
}

test::server_options options_for(server_action action, bool tls) {
  test::server_options options{.tls = tls};
  options.args = {"--appendonly", "yes", "--appendfsync", "no", "--enable-debug-command", "yes"};
  // Clients come by the unix socket or by TLS.
  options.args.insert(options.args.end(), {"--port", "0", "--protected-mode", "no"});
  if (action == server_action::loading) {
    // The data in a file that loads slowly: one command for each key.
    options.args.insert(options.args.end(), {"--aof-use-rdb-preamble", "no", "--key-load-delay", "100",
                                             "--loading-process-events-interval-bytes", "1024"});
  }
  return options;
}

void start_again(redis_server& which) {
  for (int left = 10;; --left) {
    try {
      which.start();
      return;
    } catch (const std::runtime_error&) {
      if (left == 1) throw;
      std::this_thread::sleep_for(50ms);
    }
  }
}

void provoke(redis_server& at, server_action action, std::chrono::milliseconds time) {
  switch (action) {
    case server_action::nothing:
      break;
    case server_action::kill_restart:
      at.kill();
      std::this_thread::sleep_for(time / 3);
      start_again(at);
      break;
    case server_action::stop_continue:
      at.pause();
      break;
    case server_action::client_kill:
      cut_everybody(at);
      break;
    case server_action::client_pause:
      demand(at, {"CLIENT", "PAUSE", std::to_string(time.count()), "ALL"});
      break;
    case server_action::debug_sleep:
      demand(at, {"DEBUG", "SLEEP", std::to_string(static_cast<double>(time.count()) / 1000)});
      break;
    case server_action::max_clients:
      set(at, "maxclients", "1");
      cut_everybody(at);
      break;
    case server_action::out_of_memory:
      set(at, "maxmemory", "1");
      break;
    case server_action::misconf:
      fail_to_save(at);
      break;
    case server_action::read_only:
      demand(at, {"REPLICAOF", "127.0.0.1", "1"});
      break;
    case server_action::loading:
      fill(at);
      at.kill();
      at.start_without_waiting();
      break;
    case server_action::no_auth:
      set(at, "requirepass", "secret");
      cut_everybody(at);
      break;
    case server_action::no_script:
      demand(at, {"SCRIPT", "FLUSH"});
      break;
    case server_action::certificate_expired:
      use_certificate(at, test::test_certificates().expired);
      cut_everybody(at);
      break;
    case server_action::certificate_of_other:
      use_certificate(at, test::test_certificates().other_host);
      cut_everybody(at);
      break;
  }
}

void heal(redis_server& at, server_action action) {
  switch (action) {
    case server_action::stop_continue:
      at.resume();
      break;
    case server_action::max_clients:
      set(at, "maxclients", "10000");
      break;
    case server_action::out_of_memory:
      set(at, "maxmemory", "0");
      break;
    case server_action::misconf:
      set(at, "save", "");
      break;
    case server_action::read_only:
      demand(at, {"REPLICAOF", "NO", "ONE"});
      break;
    case server_action::loading:
      at.wait_until_ready();
      break;
    case server_action::no_auth:
      set(at, "requirepass", "");
      break;
    case server_action::certificate_expired:
    case server_action::certificate_of_other:
      use_certificate(at, test::test_certificates().server);
      break;
    default:
      break;
  }
  demand(at, {"PING"});
}

}  // namespace redstart::chaos
