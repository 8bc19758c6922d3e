// SPDX-License-Identifier: MIT
// redstart-hub: see README.md in this folder.
#include "options.hpp"
#include "serve.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <sys/resource.h>

#include <cstdlib>
#include <exception>
#include <string>
#include <utility>

namespace {

// Every screen is a socket; the default limit of many systems is 1,024.
void allow_many_sockets() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void write_log(redstart::log_level level, std::string_view text) {
  switch (level) {
    case redstart::log_level::debug:
      return spdlog::debug("{}", text);
    case redstart::log_level::info:
      return spdlog::info("{}", text);
    case redstart::log_level::warning:
      return spdlog::warn("{}", text);
    case redstart::log_level::error:
      return spdlog::error("{}", text);
  }
}

void set_up_log(const std::string& level) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("hub"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%-7l%$ %v");
  spdlog::set_level(spdlog::level::from_str(level));
}

}  // namespace

int main(int count, char** words) {
  int exit_code = EXIT_SUCCESS;
  auto with = hub::parse_options(count, words, exit_code);
  if (!with) return exit_code;
  set_up_log(with->log_level);
  allow_many_sockets();

  boost::asio::io_context io(1);
  boost::asio::co_spawn(io, hub::serve(std::move(*with), write_log), [&](const std::exception_ptr& problem) {
    if (!problem) return;
    try {
      std::rethrow_exception(problem);
    } catch (const std::exception& e) {
      spdlog::error("{}", e.what());
    }
    exit_code = EXIT_FAILURE;
    io.stop();
  });
  io.run();
  return exit_code;
}
