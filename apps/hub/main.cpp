// SPDX-License-Identifier: MIT
// redstart-hub: see README.md in this folder.
#include "json_text.hpp"
#include "options.hpp"
#include "recording.hpp"
#include "replay.hpp"
#include "scene.hpp"
#include "serve.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
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

// The text of a log line as a JSON string.
class json_message : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line, const std::tm&, spdlog::memory_buf_t& out) override {
    std::string text;
    hub::append_quoted(text, {line.payload.data(), line.payload.size()});
    out.append(text);
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<json_message>();
  }
};

void set_up_log(const hub::options& with) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("hub"));
  if (with.log_format == "json") {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<json_message>('*').set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})");
    spdlog::set_formatter(std::move(formatter));
  } else {
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%-7l%$ %v");
  }
  spdlog::set_level(spdlog::level::from_str(with.log_level));
}

// A bar on a terminal; nothing where nobody watches.
void show_progress(std::size_t done, std::size_t all) {
  if (isatty(STDERR_FILENO) == 0) return;
  constexpr std::size_t width = 40;
  const std::size_t filled = all == 0 ? width : done * width / all;
  std::cerr << "\r[" << std::string(filled, '#') << std::string(width - filled, ' ') << "] " << done << " of " << all
            << (done == all ? "\n" : "") << std::flush;
}

// Runs `work` to its end; false when it threw.
bool run(boost::asio::awaitable<void> work) {
  bool good = true;
  boost::asio::io_context io(1);
  boost::asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& problem) {
    if (!problem) return;
    try {
      std::rethrow_exception(problem);
    } catch (const std::exception& e) {
      spdlog::error("{}", e.what());
    }
    good = false;
    io.stop();
  });
  io.run();
  return good;
}

bool replay(const hub::options& with) {
  std::ifstream file;
  if (with.recording != "-") {
    file.open(with.recording);
    if (!file) {
      spdlog::error("cannot read {}", with.recording);
      return false;
    }
  }
  bool complete = false;
  const auto work = [&]() -> boost::asio::awaitable<void> {
    const auto recording = hub::read_recording(with.recording == "-" ? std::cin : file);
    std::function<void(std::size_t)> progress = [&](std::size_t done) { show_progress(done, recording.size()); };
    const hub::replay_report report = co_await hub::replay(recording, with.replaying, std::move(progress));
    std::cout << to_string(report);
    complete = report.accounts_for_all();
  };
  return run(work()) && complete;
}

bool simulate(const hub::options& with) {
  const hub::moment begin{std::chrono::sys_days(std::chrono::year(2024) / 1 / 1) + std::chrono::hours(21)};
  hub::scene evening(with.seed, begin, with.cameras);
  for (hub::shot next = evening.next(); next.at <= with.length; next = evening.next()) {
    std::cout << hub::to_line(next) << '\n';
  }
  return static_cast<bool>(std::cout.flush());
}

}  // namespace

int main(int count, char** words) {
  int exit_code = EXIT_SUCCESS;
  const auto with = hub::parse_options(count, words, exit_code);
  if (!with) return exit_code;
  set_up_log(*with);
  allow_many_sockets();
  bool good = false;
  switch (with->what) {
    case hub::command::serve:
      good = run(hub::serve(*with, write_log));
      break;
    case hub::command::replay:
      good = replay(*with);
      break;
    case hub::command::simulate:
      good = simulate(*with);
      break;
  }
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
