// SPDX-License-Identifier: MIT
// Boost.Redis: one connection that all coroutines share, each with a request and a response of its own that it uses
// again and again.
#include "worker/slots.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/redis/connection.hpp>
#include <boost/redis/logger.hpp>
#include <boost/redis/request.hpp>
#include <boost/redis/response.hpp>
#include <boost/redis/src.hpp>

#include <optional>
#include <string>

namespace {

namespace asio = boost::asio;
namespace redis = boost::redis;

template <class Answer>
using response = redis::response<Answer>;

/// The request of each slot is made by `make`; `good` says whether an answer is right.
template <class Answer, class Make, class Good>
asio::awaitable<void> run_same(redis::connection& connection, const bench::task& asked, const Make& make,
                               const Good& good) {
  bench::meter counted(asked);
  bench::window measured({&counted});
  const auto slot = [&](int /*number*/) -> asio::awaitable<void> {
    redis::request request;
    response<Answer> answer;
    while (counted.more()) {
      const std::int64_t begun = counted.begin();
      make(request);
      co_await connection.async_exec(request, answer, asio::deferred);
      if (!good(std::get<0>(answer).value())) throw std::runtime_error("a wrong answer");
      counted.end(begun);
      std::get<0>(answer).value() = Answer();
    }
  };
  co_await bench::run_slots(asked, measured, slot);
  measured.print();
}

asio::awaitable<void> run_mix(redis::connection& connection, const bench::task& asked) {
  const auto keys = bench::numbered_keys(bench::mix_keys);
  const std::string written(asked.size, 'x');
  bench::mixer choose;
  const auto make = [&](redis::request& request) {
    request.clear();
    const std::string& key = keys[choose.key()];
    if (choose.writes()) {
      request.push("SET", key, written);
    } else {
      request.push("GET", key);
    }
  };
  const auto good = [](const std::optional<std::string>& value) { return value.has_value(); };
  co_await run_same<std::optional<std::string>>(connection, asked, make, good);
}

/// The same request each time: filled once.
template <class Answer, class Good, class... Arguments>
asio::awaitable<void> run_command(redis::connection& connection, const bench::task& asked, Good good,
                                  Arguments... arguments) {
  const auto make = [&](redis::request& request) {
    if (request.get_commands() == 0) request.push(arguments...);
  };
  co_await run_same<Answer>(connection, asked, make, good);
}

asio::awaitable<void> work(bench::task asked) {
  redis::connection connection(co_await asio::this_coro::executor);
  redis::config settings;
  settings.addr.host = asked.host;
  settings.addr.port = asked.port;
  connection.async_run(settings, redis::logger{redis::logger::level::err}, asio::detached);

  if (asked.kind == "get") {
    const auto good = [&](const std::optional<std::string>& value) { return value && value->size() == asked.size; };
    co_await run_command<std::optional<std::string>>(connection, asked, good, "GET", "bench:key");
  } else if (asked.kind == "set") {
    const auto good = [](const std::string& value) { return value == "OK"; };
    co_await run_command<std::string>(connection, asked, good, "SET", "bench:key", std::string(asked.size, 'x'));
  } else if (asked.kind == "incr") {
    const auto good = [](long long value) { return value > 0; };
    co_await run_command<long long>(connection, asked, good, "INCR", "bench:counter");
  } else if (asked.kind == "mget") {
    using values = std::vector<std::optional<std::string>>;
    const auto keys = bench::numbered_keys(bench::mget_keys);
    const auto make = [&](redis::request& request) {
      if (request.get_commands() == 0) request.push_range("MGET", keys);
    };
    const auto good = [](const values& got) { return got.size() == bench::mget_keys && got.back()->size() == 64; };
    co_await run_same<values>(connection, asked, make, good);
  } else if (asked.kind == "mix") {
    co_await run_mix(connection, asked);
  } else {
    throw std::invalid_argument("no workload '" + asked.kind + "'");
  }
  connection.cancel();
}

}  // namespace

int main(int argc, char** argv) { return bench::run_worker(argc, argv, work); }
