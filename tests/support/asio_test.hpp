// SPDX-License-Identifier: MIT
// A fixture for tests of drivers: one event loop, one strand, coroutines with a limit.
#pragma once

#include "net/stream.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <string>
#include <utility>

namespace redstart::test {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

class asio_test : public ::testing::Test {
 protected:
  /// Runs the loop until the coroutine `body()` has ended and rethrows what it threw. What other coroutines have not
  /// done by then stays undone.
  template <class Body>
  void run(Body body, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    bool ended = false;
    std::exception_ptr failure;
    asio::co_spawn(on, body(), [&](std::exception_ptr thrown) {
      ended = true;
      failure = std::move(thrown);
    });
    const auto end = std::chrono::steady_clock::now() + limit;
    io.restart();
    while (!ended && std::chrono::steady_clock::now() < end) io.run_one_until(end);
    if (!ended) {
      io.stop();
      FAIL() << "not done within " << limit.count() << " ms";
    }
    if (failure) std::rethrow_exception(failure);
  }

  /// Runs `body` beside the test; its exceptions are failures of the test.
  template <class Body>
  void start(Body body) {
    asio::co_spawn(on, std::move(body), [](const std::exception_ptr& thrown) {
      if (!thrown) return;
      try {
        std::rethrow_exception(thrown);
      } catch (const std::exception& e) {
        ADD_FAILURE() << "a coroutine beside the test threw: " << e.what();
      }
    });
  }

  /// Lets everything that is ready run, without waiting for anything.
  void poll() {
    io.restart();
    io.poll();
  }

  asio::io_context io;
  net::strand on{asio::any_io_executor(io.get_executor())};
};

/// The message of the `Error` that `action` throws; anything else is a failure and gives an empty text.
template <class Error, class Action>
std::string message_of(Action action) {
  try {
    action();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& e) {
    return e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "something else was thrown: " << e.what();
  }
  return {};
}

}  // namespace redstart::test
