// SPDX-License-Identifier: MIT
// A blocking WebSocket client with a limit for everything it does. Beast's, so that frames are checked by who knows
// them.
#pragma once

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/websocket.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redstart::test {

template <class Stream>
class websocket_client {
 public:
  using headers = std::vector<std::pair<std::string, std::string>>;

  /// `arguments` are those of the stream, behind the executor.
  template <class... Arguments>
  explicit websocket_client(std::uint16_t port, Arguments&... arguments) : socket_(io_, arguments...) {
    boost::beast::get_lowest_layer(socket_).connect({boost::asio::ip::make_address("127.0.0.1"), port});
    boost::beast::get_lowest_layer(socket_).set_option(boost::asio::ip::tcp::no_delay(true));
  }
  websocket_client(const websocket_client&) = delete;
  websocket_client& operator=(const websocket_client&) = delete;

  /// The status that the server answered with: 101 when the socket is open.
  unsigned open(const std::string& target, const headers& more = {}) {
    socket_.set_option(
        boost::beast::websocket::stream_base::decorator([more](boost::beast::websocket::request_type& asked) {
          for (const auto& [name, value] : more) asked.set(name, value);
        }));
    socket_.control_callback([this](boost::beast::websocket::frame_type kind, boost::beast::string_view) {
      if (kind == boost::beast::websocket::frame_type::ping) ++pings;
    });
    socket_.read_message_max(0);
    (void)run([&](auto done) {
      socket_.async_handshake(answer, "hub", target,
                              [done](const boost::system::error_code& failure) { done(failure); });
    });
    return answer.result_int();
  }

  boost::system::error_code send(std::string_view text) {
    return run([&](auto done) {
      socket_.async_write(boost::asio::buffer(text.data(), text.size()),
                          [done](const boost::system::error_code& failure, std::size_t) { done(failure); });
    });
  }

  /// Empty when the connection ended; then `closed_with` says how.
  std::optional<std::string> read() {
    boost::beast::flat_buffer buffer;
    const auto failure = run([&](auto done) {
      socket_.async_read(buffer, [done](const boost::system::error_code& ended, std::size_t) { done(ended); });
    });
    if (failure) return std::nullopt;
    return boost::beast::buffers_to_string(buffer.data());
  }

  boost::system::error_code close(boost::beast::websocket::close_code code) {
    return run([&](auto done) {
      socket_.async_close(code, [done](const boost::system::error_code& failure) { done(failure); });
    });
  }
  boost::system::error_code ping() {
    return run([&](auto done) {
      socket_.async_ping({}, [done](const boost::system::error_code& failure) { done(failure); });
    });
  }

  /// The server's code, 0 when it gave none.
  [[nodiscard]] unsigned closed_with() const { return socket_.reason().code; }
  [[nodiscard]] std::string reason() const { return {socket_.reason().reason.data(), socket_.reason().reason.size()}; }
  /// The server gets a reset.
  void vanish() {
    auto& raw = boost::beast::get_lowest_layer(socket_);
    raw.set_option(boost::asio::socket_base::linger(true, 0));
    raw.close();
  }

  [[nodiscard]] boost::beast::websocket::stream<Stream>& socket() { return socket_; }

  /// Starts what `begin` starts with a callback, and waits for it.
  template <class Begin>
  boost::system::error_code run(const Begin& begin) {
    std::optional<boost::system::error_code> result;
    begin([&result](const boost::system::error_code& failure) { result = failure; });
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    io_.restart();
    while (!result) {
      if (io_.run_one_until(end) == 0) throw std::runtime_error("the server took too long");
    }
    return *result;
  }

  int pings = 0;
  boost::beast::websocket::response_type answer;

 private:
  boost::asio::io_context io_;
  boost::beast::websocket::stream<Stream> socket_;
};

using plain_websocket_client = websocket_client<boost::asio::ip::tcp::socket>;

}  // namespace redstart::test
