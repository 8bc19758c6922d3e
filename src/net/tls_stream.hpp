// SPDX-License-Identifier: MIT
// A stream with TLS over a connected socket.
#pragma once

#include "net/socket_stream.hpp"
#include "net/system_authorities.hpp"
#include "redstart/config.hpp"

#include <memory>
#include <string>

namespace redstart::net {

/// `handshake` must complete before anything else but `close` is used. May be destroyed while operations are
/// outstanding: they complete with `operation_aborted`.
class tls_stream : public stream {
 public:
  /// Throws `connection_error` that says what is wrong and which option helps: no TLS at the other end, a certificate
  /// that is not trusted, is expired or is for another name, a client certificate that is missing or refused.
  virtual asio::awaitable<void> handshake() = 0;
};

/// `connected` runs on the strand `on`, as all of the stream will. `name` is what the server's certificate
/// must be for, a host name or an address; names are also sent as SNI.
///
/// The files of `tls` are read at each call, so that a new certificate is used from the next connection on; `system` is
/// read once. Throws `config_error` that names the option and the file which cannot be used; in a build without TLS
/// always.
std::unique_ptr<tls_stream> make_tls_stream(const strand& on, socket_stream::socket connected, const tls_config& tls,
                                            const std::string& name, system_authorities& system);

}  // namespace redstart::net
