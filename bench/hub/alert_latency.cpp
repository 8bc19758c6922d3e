// SPDX-License-Identifier: MIT
// From POST /events to the alert at a WebSocket client, at fixed rates.
//
// Each event has a time at which it is due, whatever became of those before it, and latency counts from there: a hub
// that stalls is charged for every event that was due meanwhile (no coordinated omission). One event in ten is quiet
// and must raise no alert; each of the others must raise one.
#include "alert_ledger.hpp"
#include "child_hub.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
namespace json = boost::json;
using asio::ip::tcp;
using bench::alert_ledger;
using bench::clock;

struct settings {
  std::string hub = "build/release/apps/hub/redstart-hub";
  std::vector<std::string> hub_args;
  std::string address;  // HOST:PORT of a running hub; empty: start one
  std::string redis = "embedded:";
  std::string token;
  std::string json_file;
  std::vector<int> rates{100, 2000};
  double seconds = 10;
  int connections = 16;
  double patience = 10;  // seconds for what is still missing after the last event
  double require_p99 = 0;
};

double own_cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) { return double(time.tv_sec) + double(time.tv_usec) / 1e6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

clock::duration in_seconds(double seconds) {
  return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(seconds));
}

asio::awaitable<void> pause(clock::duration time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

// --- The two sides ---------------------------------------------------------------------------------------------------

/// What is going on between the sides of one measurement; both run on one thread.
struct session {
  using channel = asio::experimental::channel<void(boost::system::error_code, std::size_t)>;

  session(asio::any_io_executor executor, tcp::endpoint where, std::string token_text)
      : hub(where), token(std::move(token_text)), due(executor, 10'000'000) {}

  tcp::endpoint hub;
  std::string token;
  channel due;  // indices of events that are to be sent now
  alert_ledger* run = nullptr;
  std::size_t disturbances = 0;  // the hub said that alerts were dropped or may be missing
  std::exception_ptr feed_lost;
};

/// Night, a person and a zone for a loud event; nothing at noon for a quiet one.
std::string event_text(const alert_ledger& run, std::size_t index) {
  json::object event;
  const bool loud = run.events()[index].loud;
  event["id"] = run.id(index);
  event["camera_id"] = (loud ? "bench-" : "bench-quiet-") + std::to_string(index % 8);
  event["timestamp"] = loud ? "2024-01-01T02:30:00" : "2024-01-01T12:30:00";
  event["objects"] = loud ? json::array{"person"} : json::array{};
  if (loud) event["zones"] = json::array{"porch"};
  return json::serialize(event);
}

http::request<http::string_body> post_of(const session& all, std::size_t index) {
  http::request<http::string_body> post(http::verb::post, "/events", 11);
  post.set(http::field::host, all.hub.address().to_string());
  post.set(http::field::content_type, "application/json");
  if (!all.token.empty()) post.set(http::field::authorization, "Bearer " + all.token);
  post.body() = event_text(*all.run, index);
  post.prepare_payload();
  return post;
}

/// Sends what is due over one connection, one request at a time, for ever.
asio::awaitable<void> post_events(session& all) {
  std::optional<tcp::socket> socket;
  boost::beast::flat_buffer buffer;
  for (;;) {
    const std::size_t index = co_await all.due.async_receive(asio::use_awaitable);
    auto& run = *all.run;
    const auto post = post_of(all, index);
    try {
      if (!socket) {
        socket.emplace(co_await asio::this_coro::executor);
        co_await socket->async_connect(all.hub, asio::use_awaitable);
        socket->set_option(tcp::no_delay(true));
      }
      co_await http::async_write(*socket, post, asio::use_awaitable);
      http::response<http::string_body> answer;
      co_await http::async_read(*socket, buffer, answer, asio::use_awaitable);
      if (answer.result_int() / 100 == 2) {
        run.answer(index, clock::now());
      } else {
        if (run.refused() == 0) std::fprintf(stderr, "%u: %s\n", answer.result_int(), answer.body().c_str());
        run.refuse();
      }
      if (!answer.keep_alive()) socket.reset();
    } catch (const boost::system::system_error& problem) {
      if (run.refused() == 0) std::fprintf(stderr, "POST failed: %s\n", problem.code().message().c_str());
      run.refuse();
      socket.reset();
      buffer.clear();
    }
  }
}

void take_message(session& all, std::string_view text, clock::time_point now) {
  const auto message = json::parse(text).as_object();
  const auto& type = message.at("type").as_string();
  if (type == "overflow" || type == "gap") ++all.disturbances;
  if (type != "risk_alert" || !all.run) return;
  const auto* id = message.if_contains("event_id");
  if (id && id->is_string()) all.run->alert(id->as_string(), now);
}

/// Reads the feed for ever.
asio::awaitable<void> read_feed(session& all, websocket::stream<tcp::socket>& feed) {
  boost::beast::flat_buffer buffer;
  for (;;) {
    co_await feed.async_read(buffer, asio::use_awaitable);
    const auto now = clock::now();
    const auto bytes = buffer.cdata();
    take_message(all, std::string_view(static_cast<const char*>(bytes.data()), bytes.size()), now);
    buffer.consume(buffer.size());
  }
}

asio::awaitable<void> open_feed(const session& all, websocket::stream<tcp::socket>& feed) {
  auto limits = websocket::stream_base::timeout::suggested(boost::beast::role_type::client);
  limits.handshake_timeout = std::chrono::seconds(5);  // that of closing, too
  feed.set_option(limits);
  co_await feed.next_layer().async_connect(all.hub, asio::use_awaitable);
  feed.next_layer().set_option(tcp::no_delay(true));
  const std::string host = all.hub.address().to_string() + ":" + std::to_string(all.hub.port());
  co_await feed.async_handshake(host, "/ws", asio::use_awaitable);
}

// --- One run ---------------------------------------------------------------------------------------------------------

void check_feed(const session& all) {
  if (!all.feed_lost) return;
  try {
    std::rethrow_exception(all.feed_lost);
  } catch (const boost::system::system_error& problem) {
    throw std::runtime_error("the WebSocket was lost: " + problem.code().message());
  }
}

/// Puts each event into the channel when it is due.
asio::awaitable<void> send_on_schedule(session& all, double rate) {
  auto& events = all.run->events();
  asio::steady_timer timer(co_await asio::this_coro::executor);
  const auto begin = clock::now() + std::chrono::milliseconds(1);
  for (std::size_t i = 0; i < events.size(); ++i) events[i].due = begin + in_seconds(double(i) / rate);
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].due > clock::now()) {
      timer.expires_at(events[i].due);
      co_await timer.async_wait(asio::use_awaitable);
      check_feed(all);
    }
    events[i].released = clock::now();
    if (!all.due.try_send(boost::system::error_code(), i)) throw std::runtime_error("too many events wait to be sent");
  }
}

asio::awaitable<void> settle(session& all, double patience) {
  const auto limit = clock::now() + in_seconds(patience);
  while (!all.run->settled() && clock::now() < limit) {
    co_await pause(std::chrono::milliseconds(2));
    check_feed(all);
  }
  co_await pause(std::chrono::milliseconds(250));  // alerts that there should not be come now
}

/// A request that is not answered in time is given up with its run; none of it may reach the next one.
asio::awaitable<void> run_events(session& all, alert_ledger& run, double rate, double patience) {
  all.run = &run;
  co_await send_on_schedule(all, rate);
  co_await settle(all, patience);
  if (run.answered() + run.refused() != run.events().size()) {
    throw std::runtime_error("the hub left " + std::to_string(run.events().size() - run.answered() - run.refused()) +
                             " requests unanswered");
  }
}

/// Posts single events until the alert of one comes: worker, subscription and feed are at work then.
asio::awaitable<void> wait_for_first_alert(session& all, alert_ledger& run) {
  all.run = &run;
  for (std::size_t i = 0; i < run.events().size(); ++i) {
    run.events()[i].due = clock::now();
    all.due.try_send(boost::system::error_code(), i);
    co_await pause(std::chrono::milliseconds(100));
    check_feed(all);
    // A request still on its way would be taken for one of the next run.
    if (run.alerted() > 0 && run.answered() + run.refused() == i + 1) co_return;
  }
  throw std::runtime_error("no event raised an alert: does the hub have workers, and a threshold of 60 or below?");
}

// --- All of it -------------------------------------------------------------------------------------------------------

struct outcome {
  json::array figures;
  bool good = true;
};

json::object as_json(const bench::spread& values) {
  return {{"p50_ms", values.p50}, {"p99_ms", values.p99}, {"max_ms", values.max}};
}

void print_head() {
  std::printf("%8s %7s %7s %7s %6s %8s | %-26s | %-26s | %-17s | %s\n", "rate/s", "events", "alerts", "missing",
              "twice", "unwanted", "event to alert, ms", "event to answer, ms", "tool late, ms", "CPU us/event");
  std::printf("%8s %7s %7s %7s %6s %8s | %8s %8s %8s | %8s %8s %8s | %8s %8s | %6s %6s\n", "", "", "", "", "", "",
              "p50", "p99", "max", "p50", "p99", "max", "p99", "max", "hub", "tool");
}

void report(outcome& result, const settings& chosen, int rate, const alert_ledger& run, double hub_cpu,
            double own_cpu) {
  const auto alert = run.since_due(&bench::event_record::alerted);
  const auto answer = run.since_due(&bench::event_record::answered);
  const auto late = run.since_due(&bench::event_record::released);
  const auto count = run.events().size();
  std::printf("%8d %7zu %7zu %7zu %6zu %8zu | %8.2f %8.2f %8.2f | %8.2f %8.2f %8.2f | %8.2f %8.2f | %6.1f %6.1f\n",
              rate, count, run.alerted(), run.missing(), run.repeated(), run.unwanted(), alert.p50, alert.p99,
              alert.max, answer.p50, answer.p99, answer.max, late.p99, late.max, hub_cpu * 1e6 / double(count),
              own_cpu * 1e6 / double(count));
  std::fflush(stdout);
  result.figures.push_back(json::object{{"rate", rate},
                                        {"events", count},
                                        {"alerts", run.alerted()},
                                        {"missing", run.missing()},
                                        {"repeated", run.repeated()},
                                        {"unwanted", run.unwanted()},
                                        {"refused", run.refused()},
                                        {"alert", as_json(alert)},
                                        {"answer", as_json(answer)},
                                        {"tool_late", as_json(late)}});
  const auto wrong = run.missing() + run.repeated() + run.unwanted() + run.refused();
  const bool slow = chosen.require_p99 > 0 && alert.p99 > chosen.require_p99;
  if (wrong > 0) {
    std::printf(
        "WRONG: %zu alerts missing, %zu events alerted twice, %zu alerted without need, %zu not answered with 2xx\n",
        run.missing(), run.repeated(), run.unwanted(), run.refused());
  }
  if (slow) std::printf("WRONG: p99 is %.2f ms, required is %.2f ms\n", alert.p99, chosen.require_p99);
  if (wrong > 0 || slow) result.good = false;
}

alert_ledger ledger_of(const std::string& tag, double rate, double seconds) {
  alert_ledger run(tag + "-" + std::to_string(::getpid()), static_cast<std::size_t>(std::llround(rate * seconds)));
  for (std::size_t i = 0; i < run.events().size(); ++i) run.events()[i].loud = i % 10 != 9;
  return run;
}

/// The feed lives as long as the io_context: a coroutine reads from it until then.
asio::awaitable<void> measure(const settings& chosen, session& all, websocket::stream<tcp::socket>& feed,
                              const bench::child_hub* hub, outcome& result) {
  const auto executor = co_await asio::this_coro::executor;
  co_await open_feed(all, feed);
  asio::co_spawn(executor, read_feed(all, feed), [&all](std::exception_ptr why) { all.feed_lost = why; });
  for (int i = 0; i < chosen.connections; ++i) asio::co_spawn(executor, post_events(all), asio::detached);

  // The ledgers outlive their runs: what is late must find the one it belongs to, not a freed one.
  std::vector<std::unique_ptr<alert_ledger>> ledgers;
  const auto next_ledger = [&](const std::string& tag, double rate, double seconds) -> alert_ledger& {
    return *ledgers.emplace_back(std::make_unique<alert_ledger>(ledger_of(tag, rate, seconds)));
  };
  co_await wait_for_first_alert(all, next_ledger("first", 9, 1));
  print_head();
  for (const int rate : chosen.rates) {
    auto& warm = next_ledger("warm" + std::to_string(rate), rate, 1);
    co_await run_events(all, warm, rate, chosen.patience);
    auto& run = next_ledger("run" + std::to_string(rate), rate, chosen.seconds);
    const double hub_before = hub ? hub->cpu_seconds() : 0;
    const double own_before = own_cpu_seconds();
    co_await run_events(all, run, rate, chosen.patience);
    const double hub_used = hub ? hub->cpu_seconds() - hub_before : 0;
    report(result, chosen, rate, run, hub_used, own_cpu_seconds() - own_before);
  }
  if (all.disturbances > 0) {
    std::printf("WRONG: the hub announced %zu times that alerts are missing\n", all.disturbances);
    result.good = false;
  }
  all.run = nullptr;
  co_await feed.async_close(websocket::close_code::normal, asio::use_awaitable);
}

std::string wait_for_address(bench::child_hub& hub) {
  for (int i = 0; i < 1000; ++i) {
    if (auto address = hub.address(); !address.empty()) return address;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw std::runtime_error("the hub did not say within 20 s where it listens; its output:\n" + hub.output());
}

tcp::endpoint endpoint_of(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("not HOST:PORT: " + address);
  return {asio::ip::make_address(address.substr(0, colon)),
          static_cast<unsigned short>(std::stoi(address.substr(colon + 1)))};
}

bool run_all(const settings& chosen) {
  std::optional<bench::child_hub> hub;
  std::string address = chosen.address;
  if (address.empty()) {
    std::vector<std::string> command{chosen.hub, "--listen", "127.0.0.1:0", "--redis", chosen.redis};
    command.insert(command.end(), chosen.hub_args.begin(), chosen.hub_args.end());
    hub.emplace(command);
    address = wait_for_address(*hub);
  }
  outcome result;
  asio::io_context context(1);
  session all(context.get_executor(), endpoint_of(address), chosen.token);
  websocket::stream<tcp::socket> feed(context);
  std::exception_ptr failure;
  asio::co_spawn(context, measure(chosen, all, feed, hub ? &*hub : nullptr, result), [&](std::exception_ptr why) {
    failure = why;
    context.stop();  // posters and feed would go on
  });
  context.run();
  if (failure) std::rethrow_exception(failure);
  if (!chosen.json_file.empty()) std::ofstream(chosen.json_file) << json::serialize(result.figures) << '\n';
  if (result.good) std::printf("every event was answered, and raised an alert exactly when it should\n");
  return result.good;
}

}  // namespace

int main(int argc, char** argv) {
  settings chosen;
  bool quick = false;
  CLI::App app{"From POST /events to the alert at a WebSocket client"};
  app.add_option("--hub", chosen.hub, "the redstart-hub to start")->capture_default_str();
  app.add_option("--hub-arg", chosen.hub_args, "one more argument for it; may be repeated")->allow_extra_args(false);
  app.add_option("--redis", chosen.redis, "the Redis that it shall use; embedded: starts one")->capture_default_str();
  app.add_option("--address", chosen.address, "HOST:PORT of a running hub, instead of starting one");
  app.add_option("--token", chosen.token, "bearer token of that hub");
  app.add_option("--rates", chosen.rates, "events a second, one run each")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", chosen.seconds, "how long each run takes")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--connections", chosen.connections, "keep-alive connections that post")->capture_default_str();
  app.add_option("--patience", chosen.patience, "seconds to wait for alerts after the last event")
      ->capture_default_str();
  app.add_option("--require-p99", chosen.require_p99,
                 "fail when the p99 of the alerts is above this many milliseconds");
  app.add_option("--json", chosen.json_file, "write the figures there, too");
  app.add_flag("--quick", quick, "a short run that shows that all works");
  CLI11_PARSE(app, argc, argv);
  if (quick) chosen.seconds = 1;
  try {
    return run_all(chosen) ? 0 : 1;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "alert_latency: %s\n", problem.what());
    return 1;
  }
}
