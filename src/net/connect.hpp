// SPDX-License-Identifier: MIT
// Sockets, from an address to a connection.
#pragma once

#include "net/socket_stream.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace redstart::net {

/// Tries the addresses in turn until one accepts. Each gets an equal share of the time left until `deadline`, so that
/// one that swallows packets does not keep the others from being tried, but a quarter of a second at least.
///
/// Throws `connection_error` with the failure of each address; `timeout_error`, with the same, past `deadline`.
asio::awaitable<socket_stream::socket> connect_tcp(strand on, std::vector<asio::ip::tcp::endpoint> addresses,
                                                   std::chrono::steady_clock::time_point deadline);

/// Connects to a unix socket, and waits while too many connections stand before it. Throws as `connect_tcp`.
asio::awaitable<socket_stream::socket> connect_unix(strand on, std::string path,
                                                    std::chrono::steady_clock::time_point deadline);

/// True for a TCP socket whose peer is itself. Connecting to a port of this machine on which nobody listens can end
/// that way, when the kernel picks the same port for the near end.
bool is_connected_to_itself(const socket_stream::socket& connected);

}  // namespace redstart::net
