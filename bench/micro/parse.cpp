// SPDX-License-Identifier: MIT
// From the bytes of a socket to replies.
#include "core/reply_batch.hpp"
#include "micro/counting.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using redstart::core::reply_batch;

std::string bulk(std::size_t bytes) { return "$" + std::to_string(bytes) + "\r\n" + std::string(bytes, 'x') + "\r\n"; }

/// What a connection does with the bytes of `stream`, which come as fast as they are taken. Returns the replies found.
std::size_t read_all(reply_batch& batch, std::string_view stream) {
  std::size_t found = 0;
  while (!stream.empty()) {
    const auto room = batch.prepare();
    const std::size_t count = std::min(room.size(), stream.size());
    std::memcpy(room.data(), stream.data(), count);  // the kernel's part
    stream.remove_prefix(count);
    benchmark::DoNotOptimize(batch.commit(count));
    for (std::size_t i = 0; i < batch.size(); ++i) benchmark::DoNotOptimize(batch[i].text().data());
    found += batch.size();
    batch.clear();
  }
  return found;
}

/// `moved/op` is what the buffer moved within itself, on top of the kernel's copy and the one into the user's value.
void parse(benchmark::State& state, std::string_view stream) {
  reply_batch batch{redstart::resp::limits{}};
  std::size_t replies = read_all(batch, stream);  // buffers have their size now
  const std::size_t moved_before = batch.bytes_moved();
  bench::counting counted(state);
  for (auto _ : state) replies = read_all(batch, stream);
  counted.finish(replies, batch.bytes_moved() - moved_before);
}

void parse_get(benchmark::State& state) {
  const auto replies = static_cast<int>(state.range(0));
  std::string stream;
  for (int i = 0; i < replies; ++i) stream += bulk(64);
  parse(state, stream);
}
BENCHMARK(parse_get)->ArgName("in_flight")->Arg(1)->Arg(64)->Arg(1000)->Arg(10000);

void parse_large_get(benchmark::State& state) { parse(state, bulk(static_cast<std::size_t>(state.range(0)))); }
BENCHMARK(parse_large_get)->ArgName("bytes")->Arg(1024)->Arg(64 * 1024)->Arg(1024 * 1024);

void parse_mget(benchmark::State& state) {
  std::string stream = "*100\r\n";
  for (int i = 0; i < 100; ++i) stream += bulk(64);
  // An array has no text; read_all looks at strings.
  reply_batch batch{redstart::resp::limits{}};
  const auto read_array = [&batch, &stream] {
    std::string_view rest = stream;
    while (!rest.empty()) {
      const auto room = batch.prepare();
      const std::size_t count = std::min(room.size(), rest.size());
      std::memcpy(room.data(), rest.data(), count);
      rest.remove_prefix(count);
      benchmark::DoNotOptimize(batch.commit(count));
    }
    for (const auto element : batch[0]) benchmark::DoNotOptimize(element.text().data());
    batch.clear();
  };
  read_array();
  const std::size_t moved_before = batch.bytes_moved();
  bench::counting counted(state);
  for (auto _ : state) read_array();
  counted.finish(1, batch.bytes_moved() - moved_before);
}
BENCHMARK(parse_mget);

}  // namespace
