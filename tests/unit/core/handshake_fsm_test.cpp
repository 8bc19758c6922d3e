// SPDX-License-Identifier: MIT
#include "core/handshake_fsm.hpp"

#include "resp/reader.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace redstart::core {

void PrintTo(handshake_action::kind_type kind, std::ostream* out) {
  *out << std::vector<const char*>{"send", "wait", "done", "fail"}[static_cast<std::size_t>(kind)];
}

void PrintTo(handshake_failure failure, std::ostream* out) {
  *out << std::vector<const char*>{"retry", "hopeless", "protocol"}[static_cast<std::size_t>(failure)];
}

namespace {

using kind_type = handshake_action::kind_type;

reply from_wire(std::string_view bytes) {
  std::vector<reply_node> nodes;
  resp::reader reader;
  EXPECT_EQ(reader.read(bytes, nodes), resp::read_status::complete) << bytes;
  return reply(reply_view(nodes.data(), bytes.data()));
}

constexpr std::string_view ok = "+OK\r\n";
constexpr std::string_view hello_map =
    "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:42\r\n"
    "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*1\r\n%1\r\n$2\r\nid\r\n:9\r\n";
constexpr std::string_view hello_array =
    "*8\r\n$7\r\nversion\r\n$5\r\n6.0.0\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:42\r\n$4\r\nrole\r\n$7\r\nreplica\r\n";
// Servers before version 6 repeat the arguments.
constexpr std::string_view no_hello =
    "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `bob`, `s3cret`, \r\n";
constexpr std::string_view no_proto = "-NOPROTO unsupported protocol version\r\n";

// One line of a script: what must be said, commands separated by `|`; or what the server answers, to which command.
// `fatal`: whether any refusal of that command must end the handshake.
struct event {
  std::string say;
  std::string_view answer;
  std::string command;
  bool fatal = true;
};

event say(std::string commands) { return {std::move(commands), {}, {}}; }
event hear(std::string_view answer, std::string command) { return {{}, answer, std::move(command)}; }
event hear_whatever(std::string_view answer, std::string command) { return {{}, answer, std::move(command), false}; }

struct script {
  std::string name;
  handshake_config config;
  std::vector<event> events;
  handshake_result result;
};

std::string joined(const handshake_action& action) {
  std::string text;
  for (const auto& command : action.commands) {
    if (!text.empty()) text += '|';
    for (std::size_t i = 0; i < command.size(); ++i) text += (i == 0 ? "" : " ") + command[i];
  }
  return text;
}

// What the action must be when `next` follows: something to say, an answer to wait for, or the end.
void expect_before(const script& played, std::size_t next, const handshake_action& action) {
  if (next == played.events.size()) {
    EXPECT_EQ(action.kind, kind_type::done) << played.name;
  } else if (played.events[next].say.empty()) {
    // After `send` no further action is asked for before the first answer.
    EXPECT_TRUE(action.kind == kind_type::wait || action.kind == kind_type::send) << played.name << " line " << next;
  } else {
    EXPECT_EQ(action.kind, kind_type::send) << played.name << " line " << next;
    EXPECT_EQ(joined(action), played.events[next].say) << played.name << " line " << next;
  }
}

// Plays the script up to its line `end` and returns the last action.
handshake_action play(handshake_fsm& machine, const script& played, std::size_t end) {
  handshake_action action = machine.start();
  for (std::size_t i = 0; i < end; ++i) {
    expect_before(played, i, action);
    if (played.events[i].say.empty()) action = machine.on_reply(from_wire(played.events[i].answer));
  }
  return action;
}

std::vector<script> scripts() {
  std::vector<script> all;
  all.push_back({"plain", {}, {say("HELLO 3"), hear(hello_map, "HELLO")}, {3, 42, "7.0.15", "master"}});
  all.push_back({"everything in one round trip",
                 {"bob", "s3cret", "hub", 2, 3, true},
                 {say("HELLO 3 AUTH bob s3cret SETNAME hub|SELECT 2"), hear(hello_map, "HELLO"), hear(ok, "SELECT")},
                 {3, 42, "7.0.15", "master"}});
  all.push_back({"password alone is the default user's",
                 {"", "s3cret", "", 0, 3, false},
                 {say("HELLO 3 AUTH default s3cret"), hear(hello_map, "HELLO")},
                 {3, 42, "7.0.15", "master"}});
  all.push_back({"user without password",
                 {"guest", "", "", 0, 3, false},
                 {say("HELLO 3 AUTH guest "), hear(hello_map, "HELLO")},
                 {3, 42, "7.0.15", "master"}});
  all.push_back({"answer as a flat array",
                 {"", "", "hub", 1, 3, true},
                 {say("HELLO 3 SETNAME hub|SELECT 1"), hear(hello_array, "HELLO"), hear(ok, "SELECT")},
                 {2, 42, "6.0.0", "replica"}});
  all.push_back({"answer that tells nothing", {}, {say("HELLO 3"), hear("%0\r\n", "HELLO")}, {3, 0, "", ""}});
  all.push_back({"no HELLO, everything again in RESP2",
                 {"bob", "s3cret", "hub", 2, 3, true},
                 {say("HELLO 3 AUTH bob s3cret SETNAME hub|SELECT 2"), hear(no_hello, ""),
                  say("AUTH bob s3cret|CLIENT SETNAME hub|CLIENT ID|SELECT 2"),
                  hear_whatever("-NOAUTH Authentication required.\r\n", ""),  // the first SELECT
                  hear(ok, "AUTH"), hear_whatever(ok, "CLIENT SETNAME"), hear_whatever(":7\r\n", "CLIENT ID"),
                  hear(ok, "SELECT")},
                 {2, 7, "", ""}});
  all.push_back({"no HELLO, and the SELECT behind it succeeded",
                 {"", "", "", 2, 3, false},
                 {say("HELLO 3|SELECT 2"), hear("-ERR unknown command 'HELLO'\r\n", ""), say("SELECT 2"),
                  hear_whatever(ok, ""), hear(ok, "SELECT")},
                 {2, 0, "", ""}});
  all.push_back({"no RESP3, nothing to ask for but whether it lives",
                 {},
                 {say("HELLO 3"), hear(no_proto, ""), say("PING"), hear_whatever("+PONG\r\n", "PING")},
                 {2, 0, "", ""}});
  all.push_back({"RESP2 asked for",
                 {"", "s3cret", "hub", 3, 2, true},
                 {say("AUTH s3cret|CLIENT SETNAME hub|CLIENT ID|SELECT 3"), hear(ok, "AUTH"),
                  hear_whatever(ok, "CLIENT SETNAME"), hear_whatever(":7\r\n", "CLIENT ID"), hear(ok, "SELECT")},
                 {2, 7, "", ""}});
  all.push_back({"RESP2 with the default user by name, as old servers need it",
                 {"default", "s3cret", "", 0, 2, false},
                 {say("AUTH s3cret"), hear(ok, "AUTH")},
                 {2, 0, "", ""}});
  all.push_back(
      {"RESP2 with nothing to say",
       {"", "", "hub", 0, 2, false},
       {say("CLIENT SETNAME hub|PING"), hear_whatever(ok, "CLIENT SETNAME"), hear_whatever("+PONG\r\n", "PING")},
       {2, 0, "", ""}});
  return all;
}

TEST(handshake_fsm, scripts_end_with_what_the_server_told) {
  for (const script& played : scripts()) {
    handshake_fsm machine(played.config);
    const handshake_action last = play(machine, played, played.events.size());
    EXPECT_EQ(last.kind, kind_type::done) << played.name;
    EXPECT_EQ(machine.result().protocol, played.result.protocol) << played.name;
    EXPECT_EQ(machine.result().client_id, played.result.client_id) << played.name;
    EXPECT_EQ(machine.result().server_version, played.result.server_version) << played.name;
    EXPECT_EQ(machine.result().role, played.result.role) << played.name;
  }
}

// Runs every script again once for each of its answers, with `answer` in its place, and hands the action to `check`.
template <class Check>
void fail_at_every_step(std::string_view answer, Check check) {
  std::size_t failures = 0;
  for (const script& played : scripts()) {
    for (std::size_t i = 0; i < played.events.size(); ++i) {
      const event& replaced = played.events[i];
      if (!replaced.say.empty() || replaced.command.empty()) continue;  // ignored answers: see below
      SCOPED_TRACE(played.name + ", answer to " + replaced.command);
      handshake_fsm machine(played.config);
      play(machine, played, i);
      const handshake_action action = machine.on_reply(from_wire(answer));
      if (action.kind == kind_type::fail) {
        EXPECT_EQ(action.command, replaced.command);
      }
      check(replaced, action);
      ++failures;
    }
  }
  EXPECT_GT(failures, 15U);
}

TEST(handshake_fsm, loading_at_any_step_is_worth_another_try) {
  fail_at_every_step("-LOADING Redis is loading the dataset in memory\r\n",
                     [](const event&, const handshake_action& action) {
                       ASSERT_EQ(action.kind, kind_type::fail);
                       EXPECT_EQ(action.failure, handshake_failure::retry);
                       EXPECT_EQ(action.text, "LOADING Redis is loading the dataset in memory");
                     });
}

TEST(handshake_fsm, refusal_of_a_needed_step_ends_it) {
  fail_at_every_step("-ERR max number of clients reached\r\n", [](const event& at, const handshake_action& action) {
    EXPECT_EQ(action.kind == kind_type::fail, at.fatal);
    if (at.fatal) {
      EXPECT_EQ(action.failure, handshake_failure::retry);
    }
  });
}

TEST(handshake_fsm, missing_permission_is_hopeless_where_it_matters) {
  fail_at_every_step("-NOPERM this user has no permissions\r\n", [](const event& at, const handshake_action& action) {
    EXPECT_EQ(action.kind == kind_type::fail, at.fatal);
    if (at.fatal) {
      EXPECT_EQ(action.failure, handshake_failure::hopeless);
    }
  });
}

TEST(handshake_fsm, answer_of_the_wrong_kind_is_a_protocol_failure_at_every_step) {
  fail_at_every_step("$5\r\nHTTP/\r\n", [](const event&, const handshake_action& action) {
    ASSERT_EQ(action.kind, kind_type::fail);
    EXPECT_EQ(action.failure, handshake_failure::protocol);
  });
  fail_at_every_step("*1\r\n$2\r\nOK\r\n", [](const event&, const handshake_action& action) {
    ASSERT_EQ(action.kind, kind_type::fail);
    EXPECT_EQ(action.failure, handshake_failure::protocol);
  });
  fail_at_every_step("_\r\n", [](const event&, const handshake_action& action) {
    ASSERT_EQ(action.kind, kind_type::fail);
    EXPECT_EQ(action.failure, handshake_failure::protocol);
  });
}

TEST(handshake_fsm, answers_outstanding_from_before_the_fallback_do_not_matter) {
  const script fallback = scripts()[6];
  ASSERT_EQ(fallback.events[3].answer, "-NOAUTH Authentication required.\r\n");
  for (std::string_view answer :
       {"+OK\r\n", "-LOADING Redis is loading\r\n", "-ERR whatever\r\n", ":1\r\n", "*0\r\n"}) {
    script changed = fallback;
    changed.events[3].answer = answer;
    handshake_fsm machine(changed.config);
    EXPECT_EQ(play(machine, changed, changed.events.size()).kind, kind_type::done) << answer;
  }
}

TEST(handshake_fsm, pushes_are_no_answers) {
  handshake_fsm machine({"", "", "", 1, 3, false});
  (void)machine.start();
  const reply push = from_wire(">2\r\n$10\r\ninvalidate\r\n_\r\n");
  EXPECT_EQ(machine.on_reply(push).kind, kind_type::wait);
  EXPECT_EQ(machine.on_reply(from_wire(hello_map)).kind, kind_type::wait);
  EXPECT_EQ(machine.on_reply(push).kind, kind_type::wait);
  EXPECT_EQ(machine.on_reply(from_wire(ok)).kind, kind_type::done);
}

TEST(handshake_fsm, refused_name_or_id_in_resp2_is_not_missed) {
  handshake_fsm machine({"", "s3cret", "hub", 0, 2, true});
  (void)machine.start();
  EXPECT_EQ(machine.on_reply(from_wire(ok)).kind, kind_type::wait);
  EXPECT_EQ(machine.on_reply(from_wire("-ERR unknown subcommand\r\n")).kind, kind_type::wait);
  EXPECT_EQ(machine.on_reply(from_wire("-NOPERM this user has no permissions\r\n")).kind, kind_type::done);
  EXPECT_EQ(machine.result().client_id, 0);
}

TEST(handshake_fsm, missing_password_is_found_even_when_there_is_nothing_to_ask) {
  handshake_fsm machine({"", "", "hub", 0, 2, false});
  (void)machine.start();
  EXPECT_EQ(machine.on_reply(from_wire("-NOAUTH Authentication required.\r\n")).kind, kind_type::wait);
  const auto action = machine.on_reply(from_wire("-NOAUTH Authentication required.\r\n"));
  ASSERT_EQ(action.kind, kind_type::fail);
  EXPECT_EQ(action.failure, handshake_failure::hopeless);
}

// --- Failures as real servers word them ------------------------------------------------------------------------------

handshake_action first_answer(const handshake_config& config, const std::string& text) {
  handshake_fsm machine(config);
  (void)machine.start();
  return machine.on_reply(from_wire("-" + text + "\r\n"));
}

TEST(handshake_fsm, wrong_or_missing_password_is_hopeless_and_says_so_in_the_servers_words) {
  for (const std::string text :
       {"WRONGPASS invalid username-password pair or user is disabled.", "NOAUTH HELLO must be called with the client",
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?",
        "ERR Client sent AUTH, but no password is set"}) {
    for (int protocol : {2, 3}) {
      const auto action = first_answer({"", "s3cret", "", 0, protocol, false}, text);
      ASSERT_EQ(action.kind, kind_type::fail) << text;
      EXPECT_EQ(action.failure, handshake_failure::hopeless) << text;
      EXPECT_EQ(action.text, text);
      EXPECT_EQ(action.command, protocol == 3 ? "HELLO" : "AUTH");
    }
  }
}

TEST(handshake_fsm, missing_database_is_hopeless) {
  handshake_fsm machine({"", "", "", 99, 3, false});
  (void)machine.start();
  ASSERT_EQ(machine.on_reply(from_wire(hello_map)).kind, kind_type::wait);
  const auto action = machine.on_reply(from_wire("-ERR DB index is out of range\r\n"));
  ASSERT_EQ(action.kind, kind_type::fail);
  EXPECT_EQ(action.failure, handshake_failure::hopeless);
  EXPECT_EQ(action.command, "SELECT");
}

TEST(handshake_fsm, too_many_clients_is_worth_another_try) {
  const auto action = first_answer({}, "ERR max number of clients reached");
  ASSERT_EQ(action.kind, kind_type::fail);
  EXPECT_EQ(action.failure, handshake_failure::retry);
}

TEST(handshake_fsm, hello_answer_with_half_a_pair_is_a_protocol_failure) {
  handshake_fsm machine({});
  (void)machine.start();
  const auto action = machine.on_reply(from_wire("*1\r\n$2\r\nid\r\n"));
  ASSERT_EQ(action.kind, kind_type::fail);
  EXPECT_EQ(action.failure, handshake_failure::protocol);
}

TEST(handshake_fsm, hello_answer_with_strange_values_is_read_without_harm) {
  handshake_fsm machine({});
  (void)machine.start();
  const auto action = machine.on_reply(
      from_wire("%4\r\n$2\r\nid\r\n$1\r\nx\r\n$7\r\nversion\r\n*1\r\n:1\r\n:5\r\n_\r\n$4\r\nrole\r\n:1\r\n"));
  EXPECT_EQ(action.kind, kind_type::done);
  EXPECT_EQ(machine.result().client_id, 0);
  EXPECT_EQ(machine.result().server_version, "");
  EXPECT_EQ(machine.result().role, "");
}

// --- Secrets ---------------------------------------------------------------------------------------------------------

TEST(handshake_fsm, arguments_that_the_server_repeats_are_left_out) {
  const handshake_config config{"", "s3cret-and-long", "", 0, 2, false};
  EXPECT_EQ(first_answer(config, "ERR unknown command `AUTH`, with args beginning with: `s3cret-and-long`, ").text,
            "ERR unknown command `AUTH`");
  EXPECT_EQ(first_answer(config, "ERR unknown command `AUTH`, with args beginning with: `s3cret-an").text,
            "ERR unknown command `AUTH`");
}

TEST(handshake_fsm, no_failure_text_contains_the_password) {
  for (const std::string password : {"s3cret", "ERR", "E", "password", "AUTH"}) {
    for (const std::string before : {"ERR ", "WRONGPASS ", "", "ERR AUTH password "}) {
      for (int protocol : {2, 3}) {
        const auto action = first_answer({"bob", password, "", 0, protocol, false}, before + "no: " + password);
        ASSERT_EQ(action.kind, kind_type::fail);
        EXPECT_EQ(action.text.find(": " + password), std::string::npos) << action.text;
        EXPECT_NE(action.text.find("not shown"), std::string::npos) << action.text;
      }
    }
  }
}

// Masked, they would say that the server had repeated the password.
TEST(handshake_fsm, words_of_the_library_itself_are_shown_whatever_the_password) {
  for (const std::string password : {"a", "answer", "s3cret"}) {
    handshake_fsm machine({"", password, "", 0, 3, false});
    (void)machine.start();
    const auto action = machine.on_reply(from_wire("+OK\r\n"));
    ASSERT_EQ(action.kind, kind_type::fail);
    EXPECT_EQ(action.failure, handshake_failure::protocol);
    EXPECT_EQ(action.text, "the answer is not one that Redis gives");
  }
}

TEST(handshake_fsm, text_without_the_password_is_shown_as_it_is) {
  EXPECT_EQ(first_answer({"", "s3cret", "", 0, 3, false}, "ERR something new").text, "ERR something new");
  EXPECT_EQ(first_answer({}, "NOAUTH Authentication required.").text, "NOAUTH Authentication required.");
}

}  // namespace
}  // namespace redstart::core
