// SPDX-License-Identifier: MIT
// From the name of a host to its addresses.
#pragma once

#include "net/stream.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace redstart::net {

/// The addresses of `host`, which may be an address itself, in the order in which the system wants them tried.
///
/// Throws `connection_error` when the system knows no such name, `timeout_error` when it did not answer by `deadline`:
/// the look-up itself cannot be stopped and is left to end by itself.
asio::awaitable<std::vector<asio::ip::tcp::endpoint>> resolve(strand on, std::string host, std::uint16_t port,
                                                              std::chrono::steady_clock::time_point deadline);

}  // namespace redstart::net
