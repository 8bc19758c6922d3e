// SPDX-License-Identifier: MIT
// Where a server is and as whom to speak to it: what a URL says, taken apart and checked.
#pragma once

#include "redstart/config.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace redstart::net {

/// One place to connect to. The parts are decoded: no percent signs, no brackets around IPv6 addresses.
struct endpoint {
  enum class transport { tcp, tls, unix_socket, embedded };

  transport kind = transport::tcp;
  std::string host{};         ///< tcp, tls: name or address
  std::uint16_t port = 6379;  ///< tcp, tls
  std::string path{};         ///< unix_socket: the socket. embedded: the data folder, empty without one
  unsigned database = 0;
  std::string username{};  ///< empty: Redis's default user
  std::string password{};  ///< empty: no AUTH

  /// The URL of this endpoint without its password, fit for logs and errors. The user is shown only beside a password:
  /// alone, it may be a password that was written in the wrong place.
  [[nodiscard]] std::string display() const;

  bool operator==(const endpoint&) const = default;
};

/// Reads the URL forms of `config::url`.
///
/// Throws `config_error`, which shows the URL without anything that could be a password (also when the URL does not
/// parse), names the part that is wrong and says what is accepted.
endpoint parse_url(std::string_view text);

/// The endpoint of `config::url`, with `config::username` and `config::password` in place of the URL's when not empty.
///
/// Throws `config_error`, as `parse_url` does, and when a password is given for an embedded server, which has none.
endpoint make_endpoint(const config& settings);

}  // namespace redstart::net
