// SPDX-License-Identifier: MIT
// What a failure of TLS means, in words that help to mend it.
#pragma once

#ifdef REDSTART_TLS

#include <boost/system/error_code.hpp>

#include <string>

namespace redstart::net {

/// Why the handshake ended with `ec`. `certificate_missing`: the server asked for a client certificate and got none.
/// `verdict` is OpenSSL's on the server's certificate, `name` whom that was expected to be for.
std::string explain_handshake(const boost::system::error_code& ec, bool certificate_missing, long verdict,
                              const std::string& name);

/// Why reading or writing ended with `ec`: a server that refuses the client's certificate after the handshake, as TLS
/// 1.3 has it, is told from others, and an end without TLS's own farewell is `eof`.
boost::system::error_code explain_traffic(const boost::system::error_code& ec, bool certificate_missing);

}  // namespace redstart::net

#endif
