// SPDX-License-Identifier: MIT
// Stands between a client and a server and does to the bytes what bad networks do.
//
// Runs on a thread of its own: a client whose loop is held up cannot hold up what is done to it. TLS passes through as
// bytes. The server's side is reached by its unix socket when there is one, so that no port of a server that is down
// can be taken, or connected to itself, meanwhile.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace redstart::chaos {

enum class transport : std::uint8_t { tcp, unix_socket, tls };

/// Lasting ones hold until `heal`, for new connections too. The others strike once: each connection that is there, or,
/// when none is, the next two.
enum class proxy_action : std::uint8_t {
  nothing,
  delay,             ///< lasting: every piece is late by `pause`, both ways
  byte_at_a_time,    ///< lasting: each byte on its own, both ways
  trickle,           ///< lasting: 1 KiB/s to the client
  split,             ///< lasting: what goes to the client is cut in two at byte `after`, with a pause between
  cut_fin,           ///< after `after` more bytes to the client, or a moment, both ends are closed in order
  cut_rst,           ///< the same, reset
  end_to_client,     ///< the client reads an end; what it sends goes on reaching the server
  end_to_server,     ///< the server reads an end; its answers go on reaching the client
  corrupt,           ///< the high bit of one byte to the client, `after` bytes on, is turned over
  lose_all,          ///< lasting: a black hole. Connections of that time stay one for ever
  lose_replies,      ///< what goes to the client vanishes, for ever
  lose_replies_cut,  ///< the same for a moment; then the connection is reset
  lose_requests,     ///< what goes to the server vanishes, for ever
  never_answer,      ///< lasting: connections are cut; new ones are accepted, and nobody is there
  cut_every_reply,   ///< lasting: pieces to the client are split at a place that moves on by one byte each time
};

struct proxy_plan {
  proxy_action action = proxy_action::nothing;
  std::uint64_t after = 0;
  std::chrono::microseconds pause{30'000};
};

struct proxy_figures {
  std::uint64_t accepted = 0;   ///< connections of the client's since the start
  std::uint64_t corrupted = 0;  ///< bytes
  std::uint64_t splits = 0;
};

/// Where a server listens.
struct server_address {
  std::string socket_path;  ///< used unless `tls_port` is set
  std::uint16_t tls_port = 0;
};

/// May be called from any thread; what changes something returns when it has taken effect.
class proxy {
 public:
  proxy(transport listen_on, server_address to, const std::string& folder);
  proxy(const proxy&) = delete;
  proxy& operator=(const proxy&) = delete;
  /// Closes everything.
  ~proxy();

  /// Where the client connects to.
  [[nodiscard]] const std::string& url() const;
  void provoke(const proxy_plan& plan);
  /// Ends what lasts. What was lost stays lost.
  void heal();
  [[nodiscard]] proxy_figures figures() const;
  /// Silences whatever is connected now, as `lose_all`, but lets new connections pass.
  void silence();

 private:
  class world;
  std::unique_ptr<world> world_;
};

}  // namespace redstart::chaos
