// SPDX-License-Identifier: MIT
#include "net/tls_failure.hpp"

#ifdef REDSTART_TLS

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace redstart::net {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

enum class failure {
  none,  // nothing that TLS has to do with
  interrupted,
  gone,  // the peer closed the connection
  untrusted,
  not_tls,
  no_common_version,
  certificate_missing,
  certificate_refused,
  refused,
};

bool is_gone(const error_code& ec) {
  return ec == asio::error::eof || ec == asio::ssl::error::stream_truncated || ec == asio::error::connection_reset ||
         ec == asio::error::broken_pipe;
}

failure of_alert(int alert) {
  switch (alert) {
    case SSL_AD_PROTOCOL_VERSION:
      return failure::no_common_version;
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return failure::certificate_missing;
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_DECRYPT_ERROR:
      return failure::certificate_refused;
    default:
      return failure::refused;
  }
}

failure of_openssl(int reason, bool certificate_missing) {
  // OpenSSL numbers what the peer complained of, an alert, from here on.
  if (reason >= SSL_AD_REASON_OFFSET) {
    return certificate_missing ? failure::certificate_missing : of_alert(reason - SSL_AD_REASON_OFFSET);
  }
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return failure::untrusted;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
      return failure::not_tls;
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return failure::no_common_version;
    default:
      return failure::none;
  }
}

failure classify(const error_code& ec, bool certificate_missing) {
  if (ec == asio::error::operation_aborted) return failure::interrupted;
  if (is_gone(ec)) return certificate_missing ? failure::certificate_missing : failure::gone;
  if (ec.category() != asio::error::get_ssl_category()) return failure::none;
  // Errors of OpenSSL use all 32 bits; Asio keeps them in an int.
  const unsigned long error = static_cast<unsigned>(ec.value());
  return ERR_GET_LIB(error) == ERR_LIB_SSL ? of_openssl(ERR_GET_REASON(error), certificate_missing) : failure::none;
}

constexpr const char* missing_text =
    "the server asks for a client certificate: set tls.certificate_file (REDIS_TLS_CERTIFICATE_FILE) and tls.key_file "
    "(REDIS_TLS_KEY_FILE)";
constexpr const char* refused_text =
    "the server refused the client certificate of tls.certificate_file (REDIS_TLS_CERTIFICATE_FILE)";

std::string explain_verdict(long verdict, const std::string& name) {
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the server's certificate is not for " + name +
             "; if this is the right server, set tls.server_name (REDIS_TLS_SERVER_NAME) to a name it is for";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the server's certificate, or one that vouches for it, has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the server's certificate is not valid yet: is the clock of this machine right?";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "no authority trusted here vouches for the server's certificate (" +
             std::string(X509_verify_cert_error_string(verdict)) +
             "); set tls.ca_file (REDIS_TLS_CA_FILE) to the certificate of its authority";
    default:
      return "the server's certificate was not accepted: " + std::string(X509_verify_cert_error_string(verdict));
  }
}

class refusal_category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "redstart.tls"; }
  std::string message(int value) const override {
    return static_cast<failure>(value) == failure::certificate_missing ? missing_text : refused_text;
  }
};

error_code refusal(failure kind) {
  static const refusal_category category;
  return {static_cast<int>(kind), category};
}

}  // namespace

std::string explain_handshake(const error_code& ec, bool certificate_missing, long verdict, const std::string& name) {
  switch (classify(ec, certificate_missing)) {
    case failure::interrupted:
      return "the TLS handshake was not answered: is this a plain redis:// port?";
    case failure::gone:
      return "the server closed the connection during the TLS handshake: is this a plain redis:// port?";
    case failure::untrusted:
      return explain_verdict(verdict, name);
    case failure::not_tls:
      return "the server does not speak TLS: is this a plain redis:// port?";
    case failure::no_common_version:
      return "the server speaks no version of TLS that is accepted here, which are 1.2 and newer";
    case failure::certificate_missing:
      return missing_text;
    case failure::certificate_refused:
      return std::string(refused_text).append(": ").append(ec.message());
    case failure::refused:
      return "the server refused the TLS handshake: " + ec.message();
    case failure::none:
      break;
  }
  return "the TLS handshake failed: " + ec.message();
}

error_code explain_traffic(const error_code& ec, bool certificate_missing) {
  const failure kind = ec ? classify(ec, certificate_missing) : failure::none;
  if (kind == failure::certificate_missing || kind == failure::certificate_refused) return refusal(kind);
  return ec == asio::ssl::error::stream_truncated ? asio::error::eof : ec;
}

}  // namespace redstart::net

#endif
