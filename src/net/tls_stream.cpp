// SPDX-License-Identifier: MIT
#include "net/tls_stream.hpp"

#include "redstart/error.hpp"

#ifdef REDSTART_TLS

#include "net/event.hpp"
#include "net/tls_context.hpp"
#include "net/tls_failure.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>

namespace redstart::net {

namespace {

// OpenSSL is not asked to take bytes without waiting, which it does only if it is offered the very same bytes again
// later: they are copied, and written from the copy.
constexpr std::size_t most_pending = 256 * 1024;

// Asio's operations refer to the stream that they were started on until their handlers run. Hence each of them holds a
// share of this, and the tls_stream itself may go at any time.
struct session {
  session(const strand& on, socket_stream::socket connected, asio::ssl::context&& context,
          const std::string& expected_name, bool with_certificate)
      : io(std::move(connected), context), written(on), name(expected_name) {
    if (!with_certificate) SSL_set_cert_cb(io.native_handle(), &session::on_certificate_wanted, this);
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  // OpenSSL calls this when the server asks for a client certificate.
  static int on_certificate_wanted(SSL*, void* self) {
    static_cast<session*>(self)->certificate_missing = true;
    return 1;
  }

  error_code failure_of(const error_code& ec) const {
    if (closed && ec) return asio::error::operation_aborted;
    return explain_traffic(ec, certificate_missing);
  }

  asio::ssl::stream<socket_stream::socket> io;
  event written;
  const std::string name;
  std::string output;
  error_code write_failure;
  bool writing = false;
  bool closed = false;
  bool certificate_missing = false;  // asked for, and none sent; until the server is content without
};

class openssl_stream final : public tls_stream {
 public:
  explicit openssl_stream(std::shared_ptr<session> made) : session_(std::move(made)) {}
  ~openssl_stream() override { close(); }

  asio::awaitable<void> handshake() override {
    const auto self = session_;
    error_code ec;
    co_await self->io.async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, ec));
    if (self->closed) ec = asio::error::operation_aborted;
    if (!ec) co_return;
    const long verdict = SSL_get_verify_result(self->io.native_handle());
    throw connection_error(explain_handshake(ec, self->certificate_missing, verdict, self->name));
  }

  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, error_code& ec) override {
    const auto self = session_;
    ec = self->closed ? asio::error::operation_aborted : error_code();
    if (ec) co_return 0;  // OpenSSL may still hold bytes that it has decrypted
    const std::size_t count = co_await self->io.async_read_some(into, asio::redirect_error(asio::use_awaitable, ec));
    // TLS 1.3 servers judge the client's certificate after the handshake; a server that answers was content.
    if (count > 0) self->certificate_missing = false;
    ec = self->failure_of(ec);
    co_return count;
  }

  std::size_t try_write(std::string_view bytes, error_code& ec) override {
    ec = session_->closed ? asio::error::operation_aborted : session_->write_failure;
    if (ec || session_->writing || bytes.empty()) return 0;
    session_->output.assign(bytes.substr(0, most_pending));
    session_->writing = true;
    try {
      asio::async_write(session_->io, asio::buffer(session_->output),
                        [self = session_](const error_code& failure, std::size_t) {
                          self->writing = false;
                          self->write_failure = self->failure_of(failure);
                          self->written.notify_all();
                        });
    } catch (const std::bad_alloc&) {
      // A record may be encrypted and lost: what came after it would not be understood.
      session_->writing = false;
      ec = session_->write_failure = asio::error::no_memory;
      return 0;
    }
    return session_->output.size();
  }

  asio::awaitable<void> wait_writable(error_code& ec) override {
    const auto self = session_;
    while (self->writing && !self->closed) co_await self->written.wait();
    ec = self->closed ? asio::error::operation_aborted : self->write_failure;
  }

  void shut_down() noexcept override {
    error_code ignored;
    session_->io.next_layer().shutdown(socket_stream::socket::shutdown_both, ignored);
  }

  // Without TLS's own farewell, which would wait for the peer. RESP says where replies end, so a cut is noticed anyway.
  void close() noexcept override {
    if (session_->closed) return;
    session_->closed = true;
    error_code ignored;
    session_->io.next_layer().close(ignored);
    session_->written.notify_all();
  }

 private:
  const std::shared_ptr<session> session_;
};

}  // namespace

std::unique_ptr<tls_stream> make_tls_stream(const strand& on, socket_stream::socket connected, const tls_config& tls,
                                            const std::string& name, system_authorities& system) {
  auto made = std::make_shared<session>(on, std::move(connected), make_tls_context(tls, system), name,
                                        !tls.certificate_file.empty());
  if (tls.verify) expect_name(made->io.native_handle(), name);
  return std::make_unique<openssl_stream>(std::move(made));
}

}  // namespace redstart::net

#else

namespace redstart::net {

std::unique_ptr<tls_stream> make_tls_stream(const strand&, socket_stream::socket, const tls_config&, const std::string&,
                                            system_authorities&) {
  throw config_error("url (REDIS_URL): rediss:// needs TLS, which this build of the library leaves out (REDSTART_TLS)");
}

}  // namespace redstart::net

#endif
