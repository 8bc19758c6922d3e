// SPDX-License-Identifier: MIT
// What to say first on a new connection, and what the answers mean. See https://redis.io/commands/hello/
//
//   protocol 3:   HELLO 3 [AUTH user password] [SETNAME name]      [SELECT db]
//                   refused because the server is too old:  the line below, on the same connection
//   protocol 2:   [AUTH [user] password]  [CLIENT SETNAME name]  [CLIENT ID]  [SELECT db]  [PING]
//
// Each line is written at once and answered in order: one round trip, two with a server that is too old for HELLO.
// PING is sent only where nothing else would find out that the server wants a password.
#pragma once

#include "redstart/reply.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace redstart::core {

struct handshake_config {
  std::string username;  ///< empty: the server's default user
  std::string password;  ///< empty, and no user name: nobody logs in
  std::string client_name;
  unsigned database = 0;
  int protocol = 3;             ///< the newest to ask for: 3, or 2 for servers that must not see HELLO
  bool want_client_id = false;  ///< ask for the id in RESP2 too; RESP3 tells it unasked
};

/// What a handshake found out about the server.
struct handshake_result {
  int protocol = 2;            ///< what is spoken from now on
  std::int64_t client_id = 0;  ///< for CLIENT UNBLOCK; 0: the server did not tell
  std::string server_version;  ///< empty: it did not tell
  std::string role;            ///< `master`, `replica`; empty: it did not tell
};

enum class handshake_failure {
  retry,     ///< it may work later: the server is loading, has too many clients, …
  hopeless,  ///< it cannot work until a configuration changes: wrong password, no such database, …
  protocol,  ///< the answer is not one that Redis gives: something else listens there
};

struct handshake_action {
  enum class kind_type {
    send,  ///< write `commands` together, then feed every answer, also those still outstanding from before
    wait,  ///< feed the next answer
    done,  ///< the connection is ready; `result()` holds what was learned
    fail,  ///< close the connection; `failure`, `command` and `text` say why
  };

  kind_type kind = kind_type::wait;
  std::vector<std::vector<std::string>> commands;
  handshake_failure failure = handshake_failure::retry;
  std::string_view command;  ///< what was refused: `HELLO`, `AUTH`, `SELECT`
  std::string text;          ///< the server's words, untrusted, but never with the password in it
};

/// One handshake on one connection: `start`, then `on_reply` for each answer until `done` or `fail`.
class handshake_fsm {
 public:
  explicit handshake_fsm(handshake_config config);

  /// The first action, always `send`.
  [[nodiscard]] handshake_action start();

  /// Takes the next answer. Pushes are none, and are passed over. Must not be called after `done` or `fail`.
  [[nodiscard]] handshake_action on_reply(reply_view reply);

  [[nodiscard]] const handshake_result& result() const noexcept { return result_; }

 private:
  enum class step { hello, auth, set_name, client_id, select, ping, ignored };

  [[nodiscard]] handshake_action start_resp3();
  [[nodiscard]] handshake_action start_resp2();
  [[nodiscard]] handshake_action on_refusal(step refused, std::string_view text);
  [[nodiscard]] handshake_action fail(step refused, handshake_failure failure, std::string_view text) const;
  [[nodiscard]] bool read_hello(reply_view reply);
  [[nodiscard]] bool accept(step answered, reply_view reply);
  [[nodiscard]] std::string without_password(std::string_view text) const;
  [[nodiscard]] bool logs_in() const noexcept { return !config_.username.empty() || !config_.password.empty(); }
  void say(handshake_action& action, step next, std::vector<std::string> command);
  void say_select(handshake_action& action);

  handshake_config config_;
  handshake_result result_;
  std::deque<step> outstanding_;
};

}  // namespace redstart::core
