// SPDX-License-Identifier: MIT
// OpenSSL, set up as `tls_config` says.
#pragma once

#ifdef REDSTART_TLS

#include "net/system_authorities.hpp"
#include "redstart/config.hpp"

#include <boost/asio/ssl/context.hpp>

#include <string>

namespace redstart::net {

/// Authorities, `system` when `tls` names none, client certificate and the oldest version allowed, which is 1.2. Reads
/// the files of `tls` at each call and never asks for a passphrase. Throws `config_error` that names the option, the
/// file and what OpenSSL has to say about it.
boost::asio::ssl::context make_tls_context(const tls_config& tls, system_authorities& system);

/// Makes the handshake of `session` fail unless the server's certificate is for `name`, an address or a host name; the
/// latter is also sent as SNI. Throws `config_error` for what cannot be a name.
void expect_name(SSL* session, const std::string& name);

}  // namespace redstart::net

#endif
