// SPDX-License-Identifier: MIT
// A camera's side of HTTP: one connection that is kept open.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/verb.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace hub {

namespace asio = boost::asio;

struct http_answer {
  unsigned status = 0;
  std::string body;
};

/// Asks one server, one request after the other. Connects when it has to; a request that failed because the server had
/// closed the idle connection meanwhile is sent once more.
class http_client {
 public:
  /// `url` is `http://host:port`. Throws `std::invalid_argument` for anything else.
  http_client(const asio::any_io_executor& executor, const std::string& url, std::string token = {});

  /// The server's answer. Throws `boost::system::system_error` when there is none within 30 s.
  asio::awaitable<http_answer> ask(boost::beast::http::verb method, std::string path, std::string body);

  [[nodiscard]] const std::string& url() const noexcept { return url_; }

 private:
  asio::awaitable<void> connect();
  asio::awaitable<http_answer> ask_once(boost::beast::http::verb method, const std::string& path,
                                        const std::string& body);

  asio::any_io_executor executor_;
  std::string url_;
  std::string host_;
  std::string port_;
  std::string token_;
  std::optional<asio::ip::tcp::socket> socket_;
  boost::beast::flat_buffer input_;
};

}  // namespace hub
