// SPDX-License-Identifier: MIT
#include "core/handshake_fsm.hpp"

#include "core/error_reply.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace redstart::core {

namespace {

using kind_type = handshake_action::kind_type;

handshake_action just(kind_type kind) {
  handshake_action action;
  action.kind = kind;
  return action;
}

bool is_ok(reply_view reply) { return reply.has_text() && reply.text() == "OK"; }

}  // namespace

handshake_fsm::handshake_fsm(handshake_config config) : config_(std::move(config)) {}

handshake_action handshake_fsm::start() { return config_.protocol >= 3 ? start_resp3() : start_resp2(); }

handshake_action handshake_fsm::start_resp3() {
  handshake_action action = just(kind_type::send);
  std::vector<std::string> hello{"HELLO", "3"};
  if (logs_in()) {
    const std::string& user = config_.username.empty() ? std::string("default") : config_.username;
    hello.insert(hello.end(), {"AUTH", user, config_.password});
  }
  if (!config_.client_name.empty()) hello.insert(hello.end(), {"SETNAME", config_.client_name});
  say(action, step::hello, std::move(hello));
  say_select(action);
  return action;
}

handshake_action handshake_fsm::start_resp2() {
  handshake_action action = just(kind_type::send);
  result_.protocol = 2;
  if (logs_in()) {
    // The form without a user is the only one that servers before version 6 know.
    const bool named = !config_.username.empty() && config_.username != "default";
    say(action, step::auth,
        named ? std::vector<std::string>{"AUTH", config_.username, config_.password}
              : std::vector<std::string>{"AUTH", config_.password});
  }
  if (!config_.client_name.empty()) say(action, step::set_name, {"CLIENT", "SETNAME", config_.client_name});
  if (config_.want_client_id) say(action, step::client_id, {"CLIENT", "ID"});
  say_select(action);
  if (!logs_in() && config_.database == 0) say(action, step::ping, {"PING"});
  return action;
}

void handshake_fsm::say(handshake_action& action, step next, std::vector<std::string> command) {
  action.commands.push_back(std::move(command));
  outstanding_.push_back(next);
}

void handshake_fsm::say_select(handshake_action& action) {
  if (config_.database != 0) say(action, step::select, {"SELECT", std::to_string(config_.database)});
}

handshake_action handshake_fsm::on_reply(reply_view reply) {
  if (reply.kind() == reply_kind::push) return just(kind_type::wait);
  assert(!outstanding_.empty());
  const step answered = outstanding_.front();
  outstanding_.pop_front();
  if (reply.is_error()) {
    handshake_action action = on_refusal(answered, reply.text());
    if (action.kind != kind_type::wait) return action;
  } else if (!accept(answered, reply)) {
    return fail(answered, handshake_failure::protocol, "the answer is not one that Redis gives");
  }
  return just(outstanding_.empty() ? kind_type::done : kind_type::wait);
}

// Returns `wait` when the refusal does not matter.
handshake_action handshake_fsm::on_refusal(step refused, std::string_view text) {
  if (refused == step::ignored) return just(kind_type::wait);
  if (refused == step::hello && hello_unsupported(text)) {
    // What was sent behind HELLO is still going to be answered, perhaps without being logged in: say it again.
    std::fill(outstanding_.begin(), outstanding_.end(), step::ignored);
    return start_resp2();
  }
  const std::string_view code = error_code(text);
  const bool needed = refused == step::hello || refused == step::auth || refused == step::select;
  const bool wants_password = refused == step::ping && code == "NOAUTH";
  if (!needed && !wants_password && code != "LOADING") return just(kind_type::wait);
  return fail(refused, hopeless_login(text) ? handshake_failure::hopeless : handshake_failure::retry,
              without_password(text));
}

bool handshake_fsm::accept(step answered, reply_view reply) {
  switch (answered) {
    case step::hello:
      return read_hello(reply);
    case step::client_id:
      result_.client_id = reply.integer();
      return reply.kind() == reply_kind::integer;
    case step::auth:
    case step::set_name:
    case step::select:
      return is_ok(reply);
    case step::ping:
      return reply.has_text() && reply.text() == "PONG";
    case step::ignored:
      return true;
  }
  return false;
}

// Keys and values alternate, in a map as in the flat array that RESP2 has for it, so one walk reads both.
bool handshake_fsm::read_hello(reply_view reply) {
  const bool is_map = reply.kind() == reply_kind::map;
  if ((!is_map && reply.kind() != reply_kind::array) || reply.size() % 2 != 0) return false;
  result_.protocol = is_map ? 3 : 2;
  for (auto child = reply.begin(); child != reply.end(); ++child) {
    const reply_view key = *child;
    const reply_view value = *++child;
    if (key.text() == "id") result_.client_id = value.integer();
    if (key.text() == "version") result_.server_version = value.text();
    if (key.text() == "role") result_.role = value.text();
  }
  return true;
}

handshake_action handshake_fsm::fail(step refused, handshake_failure failure, std::string_view text) const {
  static constexpr std::array<std::string_view, 7> names{"HELLO", "AUTH", "CLIENT SETNAME", "CLIENT ID", "SELECT",
                                                         "PING",  ""};
  handshake_action action = just(kind_type::fail);
  action.failure = failure;
  action.command = names[static_cast<std::size_t>(refused)];
  action.text = text;
  return action;
}

// Servers and proxies repeat the arguments of a command that they do not know, long ones cut short; so whatever they
// repeat is left out. A text that has the password elsewhere is reduced to its code: masking the password in a sentence
// that everybody knows would give it away.
std::string handshake_fsm::without_password(std::string_view text) const {
  text = text.substr(0, text.find(", with args beginning with"));
  if (config_.password.empty() || text.find(config_.password) == std::string_view::npos) return std::string(text);
  std::string_view code = error_code(text);
  if (code.find(config_.password) != std::string_view::npos) code = "ERR";
  return std::string(code) + " (the rest of the answer contains the password and is not shown)";
}

}  // namespace redstart::core
