// SPDX-License-Identifier: MIT
#include "replay.hpp"

#include "http_client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

namespace hub {

namespace http = boost::beast::http;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

struct figures {
  std::uint64_t posted = 0;
  std::uint64_t processed = 0;
  std::uint64_t unreadable = 0;
  std::uint64_t alerts = 0;
  std::int64_t queued = 0;
};

std::uint64_t number(const json::object& from, const char* name) {
  const json::value* value = from.if_contains(name);
  return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

asio::awaitable<http_answer> send(http_client& to, const shot& what) {
  const bool is_event = what.camera.empty();
  const http::verb method = is_event ? http::verb::post : http::verb::put;
  std::string path = "/events";
  if (!is_event) path = "/cameras/" + what.camera + "/status";
  std::string body = json::serialize(what.body);
  http_answer answer = co_await to.ask(method, std::move(path), std::move(body));
  co_return answer;
}

class replayer {
 public:
  replayer(const asio::any_io_executor& executor, const std::vector<shot>& recording, const replay_options& with,
           std::function<void(std::size_t)> progress)
      : recording_(recording),
        with_(with),
        progress_(std::move(progress)),
        begin_(steady_clock::now()),
        finished_(executor) {
    for (const std::string& hub : with.hubs) {
      asking_.push_back(std::make_unique<http_client>(executor, hub, with.token));
      for (std::size_t i = 0; i < with.connections; ++i) {
        senders_.push_back(std::make_unique<http_client>(executor, hub, with.token));
      }
    }
    finished_.expires_at(steady_clock::time_point::max());
  }

  asio::awaitable<replay_report> run() {
    const figures before = co_await ask_all();
    begin_ = steady_clock::now();
    running_ = senders_.size();
    for (auto& sender : senders_) {
      asio::co_spawn(finished_.get_executor(), send_all(*sender), [this](const std::exception_ptr&) {
        if (--running_ == 0) finished_.cancel();
      });
    }
    boost::system::error_code done;
    co_await finished_.async_wait(asio::redirect_error(asio::use_awaitable, done));
    report_.took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin_);
    co_await settle(before);
    co_return report_;
  }

 private:
  asio::awaitable<figures> ask_all() {
    figures sum;
    for (auto& hub : asking_) {
      std::string path = "/stats";
      std::string nothing;
      const http_answer answer = co_await hub->ask(http::verb::get, std::move(path), std::move(nothing));
      if (answer.status != 200) {
        throw std::runtime_error(hub->url() + "/stats answered " + std::to_string(answer.status) + ": " + answer.body);
      }
      const json::object said = json::parse(answer.body).as_object();
      sum.posted += number(said, "posted");
      sum.processed += number(said, "processed");
      sum.unreadable += number(said, "unreadable");
      sum.alerts += number(said, "alerts");
      sum.queued = static_cast<std::int64_t>(number(said, "queued"));  // one queue, whoever is asked
    }
    co_return sum;
  }

  // Each sender takes the next line that nobody has taken yet, and waits for its time.
  asio::awaitable<void> send_all(http_client& hub) {
    asio::steady_timer timer(finished_.get_executor());
    while (next_ < recording_.size()) {
      const shot& line = recording_[next_++];
      if (with_.speed > 0) {
        timer.expires_at(begin_ + std::chrono::duration_cast<steady_clock::duration>(line.at / with_.speed));
        co_await timer.async_wait(asio::use_awaitable);
      }
      co_await send_one(hub, line);
      show_progress();
    }
  }

  void show_progress() {
    ++done_;
    const auto now = steady_clock::now();
    if (done_ < recording_.size() && now - shown_ < milliseconds(100)) return;
    shown_ = now;
    progress_(done_);
  }

  asio::awaitable<void> send_one(http_client& hub, const shot& line) {
    const bool is_event = line.camera.empty();
    shot changed;
    if (is_event && with_.present_time) {
      changed = line;
      set_time(changed.body, present());
    }
    if (is_event) ++report_.events;
    http_answer answer;
    std::string problem;
    try {
      answer = co_await send(hub, is_event && with_.present_time ? changed : line);
      if (answer.status != 200) problem = std::to_string(answer.status) + ": " + answer.body;
    } catch (const std::exception& e) {
      problem = e.what();
    }
    if (!problem.empty() && report_.first_problem.empty()) report_.first_problem = hub.url() + ": " + problem;
    if (is_event) {
      ++(problem.empty() ? report_.accepted : answer.status != 0 ? report_.refused : report_.unknown);
    } else if (problem.empty()) {
      ++report_.statuses;
    }
  }

  // Waits until the workers have dealt with what is left, or do no more.
  asio::awaitable<void> settle(const figures& before) {
    asio::steady_timer pause(finished_.get_executor());
    const auto end = steady_clock::now() + with_.settle;
    for (;;) {
      const figures now = co_await ask_all();
      report_.posted = now.posted - before.posted;
      report_.processed = now.processed - before.processed;
      report_.unreadable = now.unreadable - before.unreadable;
      report_.alerts = now.alerts - before.alerts;
      report_.queued = now.queued - before.queued;
      const bool all_done = report_.posted >= report_.accepted && report_.balances() && now.queued == 0;
      if (all_done || steady_clock::now() >= end) co_return;
      pause.expires_after(milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
    }
  }

  const std::vector<shot>& recording_;
  const replay_options& with_;
  std::function<void(std::size_t)> progress_;
  steady_clock::time_point shown_{};
  steady_clock::time_point begin_;
  asio::steady_timer finished_;
  std::vector<std::unique_ptr<http_client>> asking_;
  std::vector<std::unique_ptr<http_client>> senders_;
  std::size_t next_ = 0;
  std::size_t running_ = 0;
  std::size_t done_ = 0;
  replay_report report_;
};

}  // namespace

std::string to_string(const replay_report& report) {
  std::string text;
  const auto line = [&text](const char* name, auto value) { (text.append(name) += std::to_string(value)) += '\n'; };
  line("events in the recording  ", report.events);
  line("  accepted               ", report.accepted);
  line("  refused                ", report.refused);
  line("  without an answer      ", report.unknown);
  line("statuses accepted        ", report.statuses);
  line("posted, say the hubs     ", report.posted);
  line("  processed              ", report.processed);
  line("  unreadable             ", report.unreadable);
  line("  still queued           ", report.queued);
  line("alerts                   ", report.alerts);
  line("milliseconds             ", report.took.count());
  if (!report.first_problem.empty()) text += "the first problem: " + report.first_problem + '\n';
  text += report.accounts_for_all() ? "every event is accounted for\n" : "NOT every event is accounted for\n";
  return text;
}

asio::awaitable<replay_report> replay(const std::vector<shot>& recording, const replay_options& with,
                                      std::function<void(std::size_t)> progress) {
  replayer running(co_await asio::this_coro::executor, recording, with, std::move(progress));
  replay_report report = co_await running.run();
  co_return report;
}

asio::awaitable<void> perform(std::string hub, std::string token, std::size_t cameras,
                              std::function<void(const std::string&)> warn) {
  const auto executor = co_await asio::this_coro::executor;
  http_client client(executor, hub, std::move(token));
  asio::steady_timer timer(executor);
  const auto begin = steady_clock::now();
  scene evening(static_cast<std::uint64_t>(begin.time_since_epoch().count()), present(), cameras);
  for (;;) {
    const shot next = evening.next();
    timer.expires_at(begin + next.at);
    co_await timer.async_wait(asio::use_awaitable);
    try {
      co_await send(client, next);
    } catch (const std::exception& problem) {
      warn(std::string("a simulated camera could not send: ") + problem.what());
    }
  }
}

}  // namespace hub
