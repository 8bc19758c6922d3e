// SPDX-License-Identifier: MIT
// Everything a client can be told, with its default. Checked as a whole when a client is made.
#pragma once

#include "redstart/log.hpp"

#include <chrono>
#include <cstddef>
#include <string>

namespace redstart {

/// TLS, used by `rediss://` URLs.
struct tls_config {
  /// PEM file of the authorities to trust. Empty: the system's.
  std::string ca_file{};
  /// PEM files of the client's certificate chain and its key, both or neither. Empty: no client certificate.
  std::string certificate_file{};
  std::string key_file{};
  /// The name the server's certificate must carry, also sent as SNI. Empty: the host of the URL.
  std::string server_name{};
  /// False accepts any certificate: traffic can then be read and changed by whoever is in between.
  bool verify = true;
};

/// A plain aggregate: `redstart::config{.url = "redis://cache:6379/2", .timeout = 500ms}`.
///
/// Durations are positive; where zero has a meaning the option says so. `validate` names the first option that
/// cannot be used.
struct config {
  /// Where Redis is: `redis://[user[:password]@]host[:port][/db]`, `rediss://…` (TLS), `unix:///path[?db=0]`,
  /// `embedded:` or `embedded:///folder` (a private server). Environment: REDIS_URL.
  std::string url = "redis://localhost:6379/0";
  /// Overrides the user and the password of the URL when not empty. REDIS_USERNAME, REDIS_PASSWORD.
  std::string username{};
  std::string password{};
  /// The name Redis shows in CLIENT LIST. Empty: none is set. REDIS_CLIENT_NAME.
  std::string client_name = "redstart";
  /// The newest RESP version to ask for, 3 or 2. With 3, servers that do not know HELLO are spoken to in RESP2.
  /// REDIS_PROTOCOL.
  int protocol = 3;
  tls_config tls{};  ///< REDIS_TLS_CA_FILE, REDIS_TLS_CERTIFICATE_FILE, REDIS_TLS_KEY_FILE, …_SERVER_NAME, …_VERIFY

  // --- Time ----------------------------------------------------------------------------------------------------------
  /// The deadline of each operation, counted from its call; overridden per call by `client::with`. REDIS_TIMEOUT.
  std::chrono::milliseconds timeout{5000};
  /// The limit of one attempt to connect: name, socket, TLS and handshake together. REDIS_CONNECT_TIMEOUT.
  std::chrono::milliseconds connect_timeout{2000};
  /// How often `connect` tries before it fails with `connection_error`. Afterwards, a lost connection is tried again
  /// for ever. Zero: `connect` too tries for ever. REDIS_CONNECT_ATTEMPTS.
  unsigned connect_attempts = 5;
  /// Waiting between attempts, also of operations that the server refused: a random time below a bound that starts at
  /// `backoff_initial` and doubles up to `backoff_max` (full jitter). REDIS_BACKOFF_INITIAL, REDIS_BACKOFF_MAX.
  std::chrono::milliseconds backoff_initial{50};
  std::chrono::milliseconds backoff_max{2000};
  /// A connection that was silent for this long is asked with PING, and closed when it stays silent for as long as
  /// `liveness_timeout`. REDIS_HEALTH_CHECK_INTERVAL. Zero: idle connections are not asked.
  std::chrono::milliseconds health_check_interval{30000};
  /// How long a connection on which an answer is due may stay silent before it counts as dead; also TCP_USER_TIMEOUT.
  /// It bounds how late a black hole is found. REDIS_LIVENESS_TIMEOUT.
  std::chrono::milliseconds liveness_timeout{5000};

  // --- Connections ---------------------------------------------------------------------------------------------------
  /// Multiplexed connections that ordinary operations share. More than one helps when replies are large.
  /// REDIS_LANES.
  unsigned lanes = 1;
  /// Connections at most for operations that need one of their own: blocking commands, WATCH. REDIS_MAX_LEASED.
  unsigned max_leased = 10;
  /// A leased connection that nobody used for this long is closed. Zero: it is kept. REDIS_LEASE_IDLE_TIMEOUT.
  std::chrono::milliseconds lease_idle_timeout{60000};
  /// A leased connection that was idle for longer than this is asked with PING before it is handed out.
  /// REDIS_LEASE_CHECK_AFTER.
  std::chrono::milliseconds lease_check_after{5000};

  // --- Bounds --------------------------------------------------------------------------------------------------------
  /// Operations that may be unanswered on one lane, sent or waiting, and pops that may wait; one more fails with
  /// `overloaded`.
  /// REDIS_MAX_OPERATIONS.
  std::size_t max_operations = 100'000;
  /// Bytes that may wait to be sent on one lane, and as many that were sent and are unanswered; beyond it operations
  /// fail with `overloaded`. One operation is taken when nothing waits, however large. REDIS_MAX_OUTPUT_BYTES.
  std::size_t max_output_bytes = 256 * 1024 * 1024;
  /// The longest single string and the most elements accepted in a reply, and how deep replies may nest; beyond it
  /// the connection is closed with `protocol_error`. REDIS_MAX_REPLY_BYTES, REDIS_MAX_REPLY_ELEMENTS,
  /// REDIS_MAX_REPLY_DEPTH.
  std::size_t max_reply_bytes = 512 * 1024 * 1024;
  std::size_t max_reply_elements = 16 * 1024 * 1024;
  std::size_t max_reply_depth = 32;

  /// Receives what the library has to say about its connections. Empty: it says nothing.
  log_sink log{};

  /// Reads REDIS_URL and the variables named above; what is not set, or empty, keeps its default. Durations are written
  /// `250ms`, `5s`, `2m`, a bare number counts seconds; sizes are bytes or `64k`, `256m`, `1g`. Throws `config_error`
  /// that names the variable, its value (secrets masked) and what is accepted.
  static config from_env();

  /// Throws `config_error` for the first option that cannot be used.
  void validate() const;
};

}  // namespace redstart
