// SPDX-License-Identifier: MIT
#include "chaos/self_test.hpp"

#include "chaos/cell.hpp"
#include "chaos/workload.hpp"

#include <cstdio>

namespace redstart::chaos {
namespace {

constexpr int most_tries = 3;

struct broken_rule {
  std::string_view name;
  state_kind state;
  std::string script;  ///< at the server, when the fault ends
  std::string_view exposed_as;
  cuts cuts_connections = cuts::none;
  server_action at_server = server_action::nothing;
};

std::vector<broken_rule> every_broken_rule() {
  const std::string element = "'" + value_of("element:0") + "'";
  const std::string message = "'" + value_of("message:1") + "'";
  return {
      {"another key's value", state_kind::pipelined,
       "for i = 1, 63 do redis.call('SET', 'key:' .. i, redis.call('GET', 'key:0')) end", " got key:0|"},
      {"an effect that nobody caused", state_kind::one, "redis.call('INCRBY', 'counter', 1000000)", "counter is 1000"},
      {"an effect that is lost", state_kind::one, "redis.call('SET', 'counter', 0)", "counter is "},
      {"an element that nobody pushed", state_kind::one, "redis.call('RPUSH', 'list', 'x')", "element x is there"},
      {"an element that is pushed twice", state_kind::one,
       "redis.call('RPUSH', 'list', redis.call('LINDEX', 'list', 0))", "was pushed 2 times"},
      {"pushed elements that vanish", state_kind::one, "redis.call('DEL', 'list')", "is missing, though"},
      {"half a transaction", state_kind::multi, "redis.call('INCR', 'pair:a')", "a transaction was answered "},
      {"an element that is consumed twice", state_kind::pop, "redis.call('RPUSH', 'queue', " + element + ")",
       "was consumed 2 times, and nothing"},
      {"a message that comes twice", state_kind::subscribed, "redis.call('PUBLISH', 'b', " + message + ")",
       "message 1 after "},
      {"a cut where none was to be", state_kind::subscribed, "", "1 gap notices without a cut", cuts::none,
       server_action::client_kill},
      {"no gap where one was to be", state_kind::subscribed, "", "0 gap notices for one cut", cuts::once},
      {"a lost connection where none was to be", state_kind::idle, "", "a connection was lost for no reason",
       cuts::none, server_action::client_kill},
      {"a fault that cuts nothing", state_kind::idle, "", "the fault cut no connection", cuts::once},
      {"no recovery", state_kind::idle, "redis.call('SET', 'key:0', 'x')", "no GET was answered within"},
  };
}

bool is_exposed(const broken_rule& rule) {
  const fault what{.name = rule.name,
                   .what = "",
                   .at_server = rule.at_server,
                   .cuts_connections = rule.cuts_connections,
                   .sabotage = rule.script};
  // Some rules are not applied while the machine stands still.
  for (int left = most_tries; left > 0; --left) {
    const outcome got = run_cell({&what, rule.state, 3, transport::tcp}, 1);
    for (const std::string& each : got.failures) {
      if (each.find(rule.exposed_as) == std::string::npos) continue;
      std::printf("%-40s seen\n", std::string(rule.name).c_str());
      return true;
    }
    if (left > 1) continue;
    std::printf("%-40s NOT SEEN\n", std::string(rule.name).c_str());
    for (const std::string& each : got.failures) std::printf("  but: %s\n", each.c_str());
  }
  return false;
}

}  // namespace

bool run_self_test() {
  bool all = true;
  for (const broken_rule& each : every_broken_rule()) all = is_exposed(each) && all;
  return all;
}

}  // namespace redstart::chaos
