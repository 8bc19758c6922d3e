// SPDX-License-Identifier: MIT
// A pool of leased connections on a real server, and users of it beside the test.
#pragma once

#include "net/endpoint.hpp"
#include "net/lease_pool.hpp"
#include "redstart/detail/from_reply.hpp"
#include "redstart/detail/initiate.hpp"
#include "support/asio_test.hpp"
#include "support/server.hpp"
#include "support/waiting.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace redstart::test {

using namespace std::chrono_literals;

// Somebody who holds what it gets until it is told to let go.
struct borrower {
  std::optional<net::lease> got;
  std::exception_ptr failure;
  bool ended = false;
  asio::cancellation_signal cancel;

  template <class Error>
  std::string error_text() const {
    return message_of<Error>([this] {
      if (failure) std::rethrow_exception(failure);
    });
  }
};

class lease_pool_test : public asio_test {
 protected:
  ~lease_pool_test() override {
    // Coroutines that are still there hold leases.
    asio::post(on, [this] {
      for (const auto& one : pools) one->close();
    });
    poll();
  }

  std::shared_ptr<net::lease_pool> make_pool(const net::lease_config& config = {}, const std::string& url = {}) {
    const auto options = std::make_shared<net::shared_options>();
    options->home = io.get_executor();
    options->connection.dial.where = net::parse_url(url.empty() ? server().unix_url() : url);
    options->connection.login.client_name = "leased";
    options->display = options->connection.dial.where.display();
    options->random = std::mt19937_64(1);
    pools.push_back(std::make_shared<net::lease_pool>(on, options, config));
    pools.back()->open();
    return pools.back();
  }
  redis_server& server() {
    if (!server_) server_.emplace();
    return *server_;
  }
  // The connections of pools, as the server sees them.
  std::size_t seen_by_server() {
    const std::string list = server().command({"CLIENT", "LIST"}).text;
    std::size_t count = 0;
    for (auto at = list.find("name=leased"); at != std::string::npos; at = list.find("name=leased", at + 1)) ++count;
    return count;
  }
  bool eventually_seen(std::size_t count) {
    return eventually([&] {
      poll();
      return seen_by_server() == count;
    });
  }
  // Runs the loop until `condition` holds.
  bool until(const std::function<bool()>& condition) {
    return eventually([&] {
      poll();
      return condition();
    });
  }

  // A borrower beside the test.
  std::shared_ptr<borrower> borrow(const std::shared_ptr<net::lease_pool>& from, std::chrono::milliseconds patience) {
    const auto one = std::make_shared<borrower>();
    asio::co_spawn(on, from->borrow(in(patience)),
                   asio::bind_cancellation_slot(one->cancel.slot(), [one](std::exception_ptr thrown, net::lease lent) {
                     one->ended = true;
                     one->failure = std::move(thrown);
                     if (!one->failure) one->got.emplace(std::move(lent));
                   }));
    return one;
  }

  static core::time_point in(std::chrono::milliseconds time) { return core::time_point::clock::now() + time; }

  asio::awaitable<void> pause(std::chrono::milliseconds time) {
    asio::steady_timer timer(on, time);
    co_await timer.async_wait(asio::use_awaitable);
  }

  std::optional<redis_server> server_;
  std::vector<std::shared_ptr<net::lease_pool>> pools;
};

// Sends a command, its words apart by one space, and returns the text of the answer.
inline asio::awaitable<std::string> ask(net::lane& over, std::string words, net::submit_options how = {.timeout = 5s}) {
  using handler_type = std::decay_t<decltype(asio::use_awaitable)>;
  const asio::any_io_executor home = co_await asio::this_coro::executor;
  std::vector<std::string_view> args;
  for (const auto& word : std::views::split(words, ' ')) args.emplace_back(word.begin(), word.end());
  detail::request command(false, std::span<const std::string_view>(args));
  const reply answer = co_await asio::async_initiate<const handler_type, void(std::exception_ptr, reply)>(
      [&](auto handler) {
        detail::decode_reply<reply> decode;
        detail::typed_completion_maker<decltype(handler), reply, detail::decode_reply<reply>> maker(handler, decode,
                                                                                                    home);
        over.submit(std::move(command), how, maker);
      },
      asio::use_awaitable);
  co_return std::string(answer.view().text());
}

}  // namespace redstart::test
