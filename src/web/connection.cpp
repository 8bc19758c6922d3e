// SPDX-License-Identifier: MIT
#include "web/connection.hpp"

#include "web/http_connection.hpp"

#ifdef REDSTART_TLS
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#endif

namespace redstart::web::detail {

std::shared_ptr<connection> make_connection(asio::ip::tcp::socket socket, std::shared_ptr<connection_context> context,
                                            std::string peer) {
  using plain = http_connection<asio::ip::tcp::socket>;
  return std::make_shared<plain>(std::move(socket), std::move(context), std::move(peer), false);
}

#ifdef REDSTART_TLS

namespace {

using tls_stream = asio::ssl::stream<asio::ip::tcp::socket>;

class tls_connection final : public http_connection<tls_stream> {
 public:
  tls_connection(tls_stream&& stream, std::shared_ptr<asio::ssl::context> tls,
                 std::shared_ptr<connection_context> context, std::string peer)
      : http_connection<tls_stream>(std::move(stream), std::move(context), std::move(peer), true),
        tls_(std::move(tls)) {}

 private:
  asio::awaitable<bool> handshake() override {
    boost::system::error_code failure;
    co_await stream().async_handshake(asio::ssl::stream_base::server,
                                      asio::redirect_error(asio::use_awaitable, failure));
    co_return !failure;
  }

  // So that the client knows that nobody cut off what it read.
  asio::awaitable<void> take_leave() override {
    boost::system::error_code failure;
    co_await stream().async_shutdown(asio::redirect_error(asio::use_awaitable, failure));
  }

  const std::shared_ptr<asio::ssl::context> tls_;
};

}  // namespace

std::shared_ptr<connection> make_tls_connection(asio::ip::tcp::socket socket, std::shared_ptr<asio::ssl::context> tls,
                                                std::shared_ptr<connection_context> context, std::string peer) {
  tls_stream stream(std::move(socket), *tls);
  return std::make_shared<tls_connection>(std::move(stream), std::move(tls), std::move(context), std::move(peer));
}

#endif

}  // namespace redstart::web::detail
