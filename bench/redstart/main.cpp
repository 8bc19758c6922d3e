// SPDX-License-Identifier: MIT
// The worker for Redstart: one workload, one process, one line of figures.
#include "redstart/workloads.hpp"

#include <map>
#include <string_view>

namespace {

using workload = bench::asio::awaitable<void> (*)(redstart::client&, const bench::task&);

const std::map<std::string_view, workload> workloads{
    {"get", bench::run_get},         {"set", bench::run_set},
    {"incr", bench::run_incr},       {"mget", bench::run_mget},
    {"mix", bench::run_mix},         {"struct", bench::run_struct},
    {"pairs", bench::run_pairs},     {"pairs-lpop", bench::run_pairs_lpop},
    {"publish", bench::run_publish}, {"consumers", bench::run_consumers},
};

bench::asio::awaitable<void> work(bench::task asked) {
  if (asked.kind == "threads") {
    bench::run_threads(asked);
    co_return;
  }
  const auto found = workloads.find(asked.kind);
  if (found == workloads.end()) throw std::invalid_argument("no workload '" + asked.kind + "'");
  redstart::client redis(co_await bench::asio::this_coro::executor, bench::config_of(asked));
  co_await redis.connect();
  co_await found->second(redis, asked);
  co_await redis.disconnect();
}

}  // namespace

int main(int argc, char** argv) { return bench::run_worker(argc, argv, work); }
