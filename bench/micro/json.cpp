// SPDX-License-Identifier: MIT
// Described structs and JSON.
#include "micro/counting.hpp"
#include "redstart/codec.hpp"

#include <boost/describe.hpp>
#include <boost/json.hpp>

#include <string>
#include <vector>

namespace {

struct detection {
  int camera_id = 1;
  std::string timestamp = "2024-01-01T12:00:00";
  std::vector<std::string> objects{"person", "car"};
};
BOOST_DESCRIBE_STRUCT(detection, (), (camera_id, timestamp, objects))

void encode_struct(benchmark::State& state) {
  const detection value;
  std::string scratch;
  std::size_t moved = redstart::detail::encode_value(value, scratch).size();
  moved = 0;
  bench::counting counted(state);
  for (auto _ : state) {
    const std::string_view text = redstart::detail::encode_value(value, scratch);
    benchmark::DoNotOptimize(text.data());
    moved += text.size();
  }
  counted.finish(1, moved);
}
BENCHMARK(encode_struct);

// The vector, and a string of it that is too long to be kept in place: the user's own value allocates, too.
void decode_struct(benchmark::State& state) {
  std::string scratch;
  const std::string text(redstart::detail::encode_value(detection(), scratch));
  bench::counting counted(state);
  for (auto _ : state) {
    const auto value = redstart::detail::decode_value<detection>(text);
    benchmark::DoNotOptimize(value.objects.data());
  }
  counted.finish(1, text.size() * static_cast<std::size_t>(state.iterations()));
}
BENCHMARK(decode_struct);

void decode_json_value(benchmark::State& state) {
  std::string scratch;
  const std::string text(redstart::detail::encode_value(detection(), scratch));
  bench::counting counted(state);
  for (auto _ : state) {
    const auto value = redstart::detail::decode_value<boost::json::value>(text);
    benchmark::DoNotOptimize(value.is_object());
  }
  counted.finish(1, text.size() * static_cast<std::size_t>(state.iterations()));
}
BENCHMARK(decode_json_value);

}  // namespace
