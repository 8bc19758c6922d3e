// SPDX-License-Identifier: MIT
// Stands between a client and a server on the loop of the test, and can fall silent without closing anything.
#pragma once

#include "net/stream.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

namespace redstart::test {

/// Passes bytes on in both directions, from a free port of 127.0.0.1 to `to`.
class relay {
 public:
  relay(const net::strand& on, std::uint16_t to) : state_(std::make_shared<state>(on, to)) {
    boost::asio::co_spawn(on, accept(state_), boost::asio::detached);
  }
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;
  ~relay() { state_->acceptor.close(); }

  [[nodiscard]] std::uint16_t port() const { return state_->acceptor.local_endpoint().port(); }
  /// From now on the connections there are lose every byte, as behind a broken router.
  void swallow() { ++state_->generation; }
  /// Connections made from now on lose every byte.
  void swallow_new() { state_->swallow_new = true; }

 private:
  using socket = boost::asio::ip::tcp::socket;

  struct state {
    state(const net::strand& on, std::uint16_t port)
        : acceptor(on, {boost::asio::ip::make_address("127.0.0.1"), 0}), to(port) {}
    boost::asio::ip::tcp::acceptor acceptor;
    std::uint16_t to;
    int generation = 0;
    bool swallow_new = false;
  };

  static boost::asio::awaitable<void> accept(std::shared_ptr<state> of) {
    for (;;) {
      boost::system::error_code ec;
      socket client = co_await of->acceptor.async_accept(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
      if (ec) co_return;
      const auto here = std::make_shared<socket>(std::move(client));
      const auto there = std::make_shared<socket>(here->get_executor());
      co_await there->async_connect({boost::asio::ip::make_address("127.0.0.1"), of->to}, boost::asio::use_awaitable);
      const int generation = of->swallow_new ? -1 : of->generation;
      boost::asio::co_spawn(here->get_executor(), pump(of, generation, here, there), boost::asio::detached);
      boost::asio::co_spawn(here->get_executor(), pump(of, generation, there, here), boost::asio::detached);
    }
  }

  static boost::asio::awaitable<void> pump(std::shared_ptr<state> of, int generation, std::shared_ptr<socket> from,
                                           std::shared_ptr<socket> to) {
    std::array<char, 4096> bytes;
    boost::system::error_code ec;
    auto note = boost::asio::redirect_error(boost::asio::use_awaitable, ec);
    while (!ec) {
      const std::size_t count = co_await from->async_read_some(boost::asio::buffer(bytes), note);
      if (ec) break;
      if (generation == of->generation) co_await boost::asio::async_write(*to, boost::asio::buffer(bytes, count), note);
    }
    to->close(ec);
  }

  std::shared_ptr<state> state_;
};

}  // namespace redstart::test
