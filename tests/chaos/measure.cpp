// SPDX-License-Identifier: MIT
#include "chaos/measure.hpp"

#include "chaos/context.hpp"
#include "chaos/workload.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <thread>

namespace redstart::chaos {
namespace {

config defaults(const proxy& by) {
  config settings;
  settings.url = by.url();
  return settings;
}

// A client on a loop and a thread of its own, behind a proxy.
class subject {
 public:
  subject()
      : server_(options_for(server_action::nothing, false)),
        proxy_(transport::tcp, {server_.socket_path(), 0}, folder_.path()),
        redis_(io_.get_executor(), defaults(proxy_)) {
    fill_keys(server_);
  }
  test::redis_server& server() { return server_; }
  proxy& between() { return proxy_; }

  void connect() {
    bool done = false;
    asio::co_spawn(io_, connect_to(redis_), [&done](std::exception_ptr failure) { done = failure == nullptr; });
    while (!done && io_.run_one_for(10s) != 0) {
    }
  }
  /// How long a GET takes that may wait for `limit`; -1: it failed.
  long get(milliseconds limit, clock::time_point since) {
    long spent = -1;
    bool done = false;
    asio::co_spawn(io_, get_from(redis_, limit), [&](std::exception_ptr failure) {
      done = true;
      if (!failure) spent = static_cast<long>(std::chrono::duration_cast<milliseconds>(clock::now() - since).count());
    });
    while (!done) io_.run_one_for(1s);
    return spent;
  }
  /// Lets the loop run while something else is done.
  template <class Work>
  void beside(Work work) {
    std::jthread other([this, &work] {
      work();
      asio::post(io_, [this] { io_.stop(); });
    });
    io_.run();
    io_.restart();
  }

 private:
  static asio::awaitable<void> connect_to(client& redis) { co_await redis.connect(); }
  static asio::awaitable<void> get_from(client& redis, milliseconds limit) {
    const std::string key = key_of(1);
    call_options patient;
    patient.timeout = limit;
    co_await redis.with(patient).get<std::string>(key);
  }

  asio::io_context io_{1};
  test::scratch_folder folder_;
  test::redis_server server_;
  proxy proxy_;
  client redis_;
};

}  // namespace

long measure_dead_peer() {
  subject one;
  one.connect();
  one.between().silence();
  return one.get(60s, clock::now());
}

long measure_restart(int rounds) {
  long worst = -1;
  subject one;
  one.connect();
  for (int i = 0; i < rounds; ++i) {
    // Long enough away for the waits between attempts to have grown to their bound.
    one.beside([&one] {
      one.server().kill();
      std::this_thread::sleep_for(1500ms);
    });
    clock::time_point started;
    one.beside([&one, &started] {
      started = clock::now();
      start_again(one.server());
    });
    const long spent = one.get(20s, started);
    if (spent < 0) return -1;
    worst = std::max(worst, spent);
  }
  return worst;
}

}  // namespace redstart::chaos
