// SPDX-License-Identifier: MIT
// The other end of a TLS connection, in the process of the test.
#pragma once

#ifdef REDSTART_TLS

#include "net/stream.hpp"
#include "support/certificates.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>

namespace redstart::test {

struct tls_server_options {
  certificate identity = test_certificates().server;
  bool require_client_certificate = false;
  int newest_version = TLS1_3_VERSION;
};

/// Listens on a free port of 127.0.0.1 and takes connections one by one, on the strand of the test.
class tls_server {
 public:
  using connection = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

  explicit tls_server(const net::strand& on, const tls_server_options& options = {})
      : context_(boost::asio::ssl::context::tls_server),
        acceptor_(on, {boost::asio::ip::make_address("127.0.0.1"), 0}) {
    context_.use_certificate_chain_file(options.identity.file);
    context_.use_private_key_file(options.identity.key, boost::asio::ssl::context::pem);
    context_.load_verify_file(test_certificates().ca_file);
    if (options.require_client_certificate) {
      context_.set_verify_mode(boost::asio::ssl::verify_peer | boost::asio::ssl::verify_fail_if_no_peer_cert);
    }
    SSL_CTX_set_max_proto_version(context_.native_handle(), options.newest_version);
    if (options.newest_version < TLS1_2_VERSION) {
      SSL_CTX_set_min_proto_version(context_.native_handle(), 0);
      SSL_CTX_set_cipher_list(context_.native_handle(), "ALL:@SECLEVEL=0");
    }
  }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] boost::asio::ip::tcp::endpoint address() const { return acceptor_.local_endpoint(); }
  boost::asio::ip::tcp::acceptor& acceptor() { return acceptor_; }

  /// The next connection after its handshake, which may have ended with `ec`.
  boost::asio::awaitable<std::shared_ptr<connection>> accept(boost::system::error_code& ec) {
    auto socket = co_await acceptor_.async_accept(boost::asio::use_awaitable);
    auto accepted = std::make_shared<connection>(std::move(socket), context_);
    co_await accepted->async_handshake(boost::asio::ssl::stream_base::server,
                                       boost::asio::redirect_error(boost::asio::use_awaitable, ec));
    co_return accepted;
  }

 private:
  boost::asio::ssl::context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
};

}  // namespace redstart::test

#endif
