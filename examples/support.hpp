// SPDX-License-Identifier: MIT
// What every example needs around the lines it shows: where Redis is, a loop to run on, and a way to fail.
#pragma once

#include "redstart/config.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace example {

/// What the environment says; without a REDIS_URL a private server that ends with the example.
inline redstart::config settings() {
  auto settings = redstart::config::from_env();
  if (std::getenv("REDIS_URL") == nullptr) settings.url = "embedded:";
  return settings;
}

/// An example is also a test: it fails when it does not do what it shows.
inline void check(bool as_shown, const std::string& what) {
  if (!as_shown) throw std::runtime_error("not as shown: " + what);
}

/// Runs the program to its end. Returns what `main` returns.
inline int run(boost::asio::awaitable<void> (*program)()) {
  try {
    boost::asio::io_context context;
    auto done = boost::asio::co_spawn(context, program(), boost::asio::use_future);
    context.run();
    done.get();
    return 0;
  } catch (const std::exception& problem) {
    std::cerr << problem.what() << '\n';
    return 1;
  }
}

}  // namespace example
