// SPDX-License-Identifier: MIT
// From a verb's arguments to the bytes that Redis reads.
#include "micro/counting.hpp"
#include "redstart/detail/request.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace {

using redstart::detail::request;

void encode_get(benchmark::State& state) {
  std::size_t moved = 0;
  bench::counting counted(state);
  for (auto _ : state) {
    const request made(true, {"GET", "camera:1:status"});
    benchmark::DoNotOptimize(made.bytes().data());
    moved += made.bytes().size();
  }
  counted.finish(1, moved);
}
BENCHMARK(encode_get);

// Up to some hundred bytes a request needs no memory of its own.
void encode_set(benchmark::State& state) {
  const std::string value(static_cast<std::size_t>(state.range(0)), 'x');
  std::size_t moved = 0;
  bench::counting counted(state);
  for (auto _ : state) {
    const request made(false, {"SET", "camera:1:status", value});
    benchmark::DoNotOptimize(made.bytes().data());
    moved += made.bytes().size();
  }
  counted.finish(1, moved);
}
BENCHMARK(encode_set)->ArgName("bytes")->Arg(16)->Arg(64)->Arg(1024);

void encode_mget(benchmark::State& state) {
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back("bench:key:" + std::to_string(i));
  std::vector<std::string_view> arguments(keys.begin(), keys.end());
  arguments.insert(arguments.begin(), "MGET");
  std::size_t moved = 0;
  bench::counting counted(state);
  for (auto _ : state) {
    const request made(true, arguments);
    benchmark::DoNotOptimize(made.bytes().data());
    moved += made.bytes().size();
  }
  counted.finish(1, moved);
}
BENCHMARK(encode_mget);

}  // namespace
