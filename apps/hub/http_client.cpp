// SPDX-License-Identifier: MIT
#include "http_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <stdexcept>
#include <utility>

namespace hub {

namespace http = boost::beast::http;

http_client::http_client(const asio::any_io_executor& executor, const std::string& url, std::string token)
    : executor_(executor), url_(url), token_(std::move(token)) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || parsed->scheme() != "http" || parsed->host().empty()) {
    throw std::invalid_argument("\"" + url + "\" is not http://host:port");
  }
  host_ = parsed->host_address();
  port_ = parsed->has_port() && !parsed->port().empty() ? std::string(parsed->port()) : "80";
}

asio::awaitable<http_answer> http_client::ask(http::verb method, std::string path, std::string body) {
  const bool kept = socket_.has_value();
  if (kept) {
    try {
      http_answer answer = co_await ask_once(method, path, body);
      co_return answer;
    } catch (const boost::system::system_error& problem) {
      socket_.reset();
      // A server that closes an idle connection in good order has not read what was on its way. Anything else may have
      // been done, and is not done twice.
      if (problem.code() != http::error::end_of_stream) throw;
    }
  }
  co_await connect();
  http_answer answer = co_await ask_once(method, path, body);
  co_return answer;
}

asio::awaitable<void> http_client::connect() {
  asio::ip::tcp::resolver resolver(executor_);
  const auto found = co_await resolver.async_resolve(host_, port_, asio::use_awaitable);
  socket_.emplace(executor_);
  co_await asio::async_connect(*socket_, found, asio::use_awaitable);
  socket_->set_option(asio::ip::tcp::no_delay(true));
  input_.clear();
}

asio::awaitable<http_answer> http_client::ask_once(http::verb method, const std::string& path,
                                                   const std::string& body) {
  asio::steady_timer limit(executor_, std::chrono::seconds(30));
  limit.async_wait([this](const boost::system::error_code& stopped) {
    if (stopped || !socket_) return;
    boost::system::error_code ignored;
    socket_->close(ignored);
  });
  http::request<http::string_body> asked(method, path, 11);
  asked.set(http::field::host, host_ + ':' + port_);
  asked.set(http::field::content_type, "application/json");
  if (!token_.empty()) asked.set(http::field::authorization, "Bearer " + token_);
  asked.body() = body;
  asked.prepare_payload();
  http::response<http::string_body> answer;
  co_await http::async_write(*socket_, asked, asio::use_awaitable);
  co_await http::async_read(*socket_, input_, answer, asio::use_awaitable);
  if (!answer.keep_alive()) socket_.reset();
  http_answer made;
  made.status = answer.result_int();
  made.body = std::move(answer.body());
  co_return made;
}

}  // namespace hub
