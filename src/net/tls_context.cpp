// SPDX-License-Identifier: MIT
#include "net/tls_context.hpp"

#ifdef REDSTART_TLS

#include "redstart/error.hpp"

#include <boost/asio/ip/address.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <system_error>

namespace redstart::net {

namespace {

namespace asio = boost::asio;

// The oldest error in OpenSSL's queue is the cause; those above it say who passed it on.
std::string openssl_reason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(error)) return std::generic_category().message(ERR_GET_REASON(error));
  const char* text = ERR_reason_error_string(error);
  return std::string(text != nullptr ? text : "OpenSSL cannot read it") + "; a PEM file is expected";
}

[[noreturn]] void refuse(const char* option, const std::string& file, const std::string& reason) {
  throw config_error(std::string(option) + " \"" + file + "\": " + reason);
}

// OpenSSL's own callback would ask at the terminal.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

void load_authorities(SSL_CTX* context, const tls_config& tls, system_authorities& system) {
  if (tls.ca_file.empty()) {
    if (X509_STORE* store = system.store()) SSL_CTX_set1_cert_store(context, store);
  } else if (SSL_CTX_load_verify_file(context, tls.ca_file.c_str()) != 1) {
    refuse("tls.ca_file (REDIS_TLS_CA_FILE)", tls.ca_file, openssl_reason());
  }
}

void load_key(SSL_CTX* context, const std::string& file) {
  constexpr const char* option = "tls.key_file (REDIS_TLS_KEY_FILE)";
  bool passphrase_needed = false;
  SSL_CTX_set_default_passwd_cb(context, &no_passphrase);
  SSL_CTX_set_default_passwd_cb_userdata(context, &passphrase_needed);
  const bool loaded = SSL_CTX_use_PrivateKey_file(context, file.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  if (passphrase_needed) refuse(option, file, "a key behind a passphrase is not supported");
  if (loaded) return;
  if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH) {
    refuse(option, file, "this is not the key of the certificate in tls.certificate_file");
  }
  refuse(option, file, openssl_reason());
}

void load_client_certificate(SSL_CTX* context, const tls_config& tls) {
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    throw config_error(
        "tls.certificate_file (REDIS_TLS_CERTIFICATE_FILE), tls.key_file (REDIS_TLS_KEY_FILE): set both or neither");
  }
  if (tls.certificate_file.empty()) return;
  if (SSL_CTX_use_certificate_chain_file(context, tls.certificate_file.c_str()) != 1) {
    refuse("tls.certificate_file (REDIS_TLS_CERTIFICATE_FILE)", tls.certificate_file, openssl_reason());
  }
  load_key(context, tls.key_file);
}

}  // namespace

asio::ssl::context make_tls_context(const tls_config& tls, system_authorities& system) {
  asio::ssl::context made(asio::ssl::context::tls_client);
  SSL_CTX* context = made.native_handle();
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // A renegotiation would make reading wait for writing.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_verify(context, tls.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (tls.verify) load_authorities(context, tls, system);
  load_client_certificate(context, tls);
  return made;
}

void expect_name(SSL* session, const std::string& name) {
  X509_VERIFY_PARAM* expected = SSL_get0_param(session);
  boost::system::error_code not_an_address;
  const auto address = asio::ip::make_address(name, not_an_address);
  bool accepted = false;
  if (not_an_address) {
    // Certificates and SNI have no trailing dot.
    const std::string host = name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // OpenSSL takes an empty name for "any name".
    accepted = !host.empty() && X509_VERIFY_PARAM_set1_host(expected, host.data(), host.size()) == 1 &&
               SSL_set_tlsext_host_name(session, host.c_str()) == 1;
  } else if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    accepted = X509_VERIFY_PARAM_set1_ip(expected, bytes.data(), bytes.size()) == 1;
  } else {
    const auto bytes = address.to_v6().to_bytes();
    accepted = X509_VERIFY_PARAM_set1_ip(expected, bytes.data(), bytes.size()) == 1;
  }
  ERR_clear_error();
  if (!accepted) {
    throw config_error("tls.server_name (REDIS_TLS_SERVER_NAME) \"" + name + "\": this cannot be the name of a server");
  }
}

}  // namespace redstart::net

#endif
