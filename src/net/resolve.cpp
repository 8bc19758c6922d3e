// SPDX-License-Identifier: MIT
#include "net/resolve.hpp"

#include "net/deadline_guard.hpp"
#include "net/event.hpp"
#include "redstart/error.hpp"

namespace redstart::net {

namespace {

using asio::ip::tcp;

// The look-up runs in getaddrinfo, which may end long after the coroutine that asked for it. So both own this together.
struct lookup {
  explicit lookup(const strand& on) : resolver(on), finished(on) {}

  void finish(const error_code& result, const tcp::resolver::results_type& found) {
    ec = result;
    addresses.assign(found.begin(), found.end());
    done = true;
    finished.notify_all();
  }

  tcp::resolver resolver;
  event finished;
  bool done = false;
  error_code ec;
  std::vector<tcp::endpoint> addresses;
};

}  // namespace

asio::awaitable<std::vector<tcp::endpoint>> resolve(strand on, std::string host, std::uint16_t port,
                                                    std::chrono::steady_clock::time_point deadline) {
  // Look-ups stand in line for one thread: an address must not wait there behind a slow name.
  error_code not_an_address;
  const auto address = asio::ip::make_address(host, not_an_address);
  if (!not_an_address) co_return std::vector<tcp::endpoint>{{address, port}};

  const auto asked = std::make_shared<lookup>(on);
  asked->resolver.async_resolve(
      host, std::to_string(port), tcp::resolver::numeric_service,
      [asked](const error_code& ec, const tcp::resolver::results_type& found) { asked->finish(ec, found); });
  const deadline_guard guard(on, deadline - std::chrono::steady_clock::now(),
                             [asked] { asked->finished.notify_all(); });
  while (!asked->done && !guard.expired()) co_await asked->finished.wait();
  if (!asked->done) {
    asked->resolver.cancel();  // useful only while it stands in line
    throw timeout_error("the name " + host + " was not resolved");
  }
  if (asked->ec) throw connection_error("cannot resolve the name " + host + ": " + asked->ec.message());
  co_return std::move(asked->addresses);
}

}  // namespace redstart::net
