// SPDX-License-Identifier: MIT
#include "chaos/fault.hpp"

namespace redstart::chaos {
namespace {

constexpr unsigned bit(state_kind state) { return 1u << static_cast<unsigned>(state); }
constexpr unsigned bit(transport via) { return 1u << static_cast<unsigned>(via); }

constexpr unsigned established = fault::all & ~bit(state_kind::connecting);
constexpr unsigned operating = bit(state_kind::one) | bit(state_kind::pipelined) | bit(state_kind::multi);
constexpr unsigned ip_only = bit(transport::tcp) | bit(transport::tls);
constexpr unsigned tls_only = bit(transport::tls);

constexpr fault in_proxy(std::string_view name, std::string_view what, proxy_action action, cuts cut,
                         unsigned transports = fault::all) {
  return {.name = name, .what = what, .in_proxy = action, .cuts_connections = cut, .transports = transports};
}
constexpr fault at_server(std::string_view name, std::string_view what, server_action action, cuts cut,
                          unsigned states = fault::all, unsigned transports = fault::all) {
  return {.name = name,
          .what = what,
          .at_server = action,
          .cuts_connections = cut,
          .states = states,
          .transports = transports,
          .server_answers = answers_meanwhile(action)};
}

constexpr fault faults[] = {
    in_proxy("delay", "every piece is late, both ways", proxy_action::delay, cuts::none),
    in_proxy("byte_at_a_time", "each byte travels alone, both ways", proxy_action::byte_at_a_time, cuts::maybe),
    in_proxy("trickle", "1 KiB/s to the client", proxy_action::trickle, cuts::maybe),
    in_proxy("split", "what goes to the client is cut in two at byte n", proxy_action::split, cuts::none),
    in_proxy("cut_fin", "connections are closed in order after n bytes", proxy_action::cut_fin, cuts::once),
    in_proxy("cut_rst", "connections are reset after n bytes", proxy_action::cut_rst, cuts::once, ip_only),
    in_proxy("end_to_client", "the client reads an end, the server does not", proxy_action::end_to_client, cuts::once),
    in_proxy("end_to_server", "the server reads an end, the client does not", proxy_action::end_to_server, cuts::once),
    // The high bit, which neither RESP's own bytes nor the values have set: what came can be told to be damaged. Other
    // bits can make one valid answer into another, which nobody could tell but TLS, where each bit is as good.
    in_proxy("corrupt", "the high bit of one byte to the client is turned over", proxy_action::corrupt, cuts::maybe),
    in_proxy("black_hole", "everything vanishes, of new connections too", proxy_action::lose_all, cuts::once),
    in_proxy("reply_lost_cut", "requests arrive, replies vanish, then a reset", proxy_action::lose_replies_cut,
             cuts::once),
    in_proxy("reply_lost", "requests arrive, replies vanish, and nothing more comes", proxy_action::lose_replies,
             cuts::once),
    // Messages still come, and any byte is life: a subscription may live on.
    in_proxy("request_lost", "requests vanish, and nothing answers them", proxy_action::lose_requests, cuts::maybe),
    in_proxy("never_answers", "connections are cut, new ones accepted and never answered", proxy_action::never_answer,
             cuts::once),

    at_server("kill_restart", "SIGKILL, then a new start with the data that was written", server_action::kill_restart,
              cuts::once),
    at_server("stopped", "SIGSTOP, then SIGCONT", server_action::stop_continue, cuts::maybe),
    at_server("client_kill", "CLIENT KILL", server_action::client_kill, cuts::once, established),
    at_server("client_pause", "CLIENT PAUSE ALL", server_action::client_pause, cuts::maybe),
    at_server("debug_sleep", "DEBUG SLEEP: busy, answers nobody", server_action::debug_sleep, cuts::maybe),
    at_server("maxclients", "cut, and no more clients are taken", server_action::max_clients, cuts::once),
    at_server("oom", "over maxmemory: writes are refused", server_action::out_of_memory, cuts::none),
    at_server("misconf", "a failed snapshot: writes and PING are refused", server_action::misconf, cuts::none),
    at_server("readonly", "a replica of nobody: writes are refused", server_action::read_only, cuts::none),
    at_server("loading", "SIGKILL, then a start that takes its time to load", server_action::loading, cuts::once),
    at_server("noauth", "a password is set, and connections are cut", server_action::no_auth, cuts::once),
    at_server("noscript", "SCRIPT FLUSH", server_action::no_script, cuts::none, operating),
    at_server("tls_expired", "cut, and the certificate has expired", server_action::certificate_expired, cuts::once,
              fault::all, tls_only),
    at_server("tls_other_host", "cut, and the certificate is another host's", server_action::certificate_of_other,
              cuts::once, fault::all, tls_only),
};

}  // namespace

std::string_view name_of(state_kind state) {
  constexpr std::string_view names[] = {"idle", "one", "pipelined", "multi", "pop", "subscribed", "connecting"};
  return names[static_cast<unsigned>(state)];
}

std::string_view name_of(transport via) {
  constexpr std::string_view names[] = {"tcp", "unix", "tls"};
  return names[static_cast<unsigned>(via)];
}

std::span<const fault> every_fault() { return faults; }

const fault* find_fault(std::string_view name) {
  for (const fault& each : faults) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

}  // namespace redstart::chaos
