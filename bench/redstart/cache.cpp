// SPDX-License-Identifier: MIT
// Reads, writes and counters.
#include "redstart/workloads.hpp"

#include <array>
#include <optional>
#include <tuple>

namespace bench {

namespace {

/// The same operation in every slot.
template <class Start, class Good>
asio::awaitable<void> run_same(const task& asked, const Start& start, const Good& good) {
  meter counted(asked);
  window measured({&counted});
  const auto slot = [&](int /*number*/) { return repeat(counted, start, good); };
  co_await run_slots(asked, measured, slot);
  measured.print();
}

}  // namespace

asio::awaitable<void> run_get(redstart::client& redis, const task& asked) {
  const auto start = [&redis] { return redis.get<std::string>("bench:key"); };
  const auto good = [size = asked.size](const std::optional<std::string>& value) {
    return value && value->size() == size;
  };
  co_await run_same(asked, start, good);
}

asio::awaitable<void> run_set(redstart::client& redis, const task& asked) {
  const std::string value(asked.size, 'x');
  const auto start = [&redis, &value] { return redis.set("bench:key", value); };
  const auto good = [](bool stored) { return stored; };
  co_await run_same(asked, start, good);
}

asio::awaitable<void> run_incr(redstart::client& redis, const task& asked) {
  const auto start = [&redis] { return redis.exec<std::int64_t>("INCR", "bench:counter"); };
  const auto good = [](std::int64_t value) { return value > 0; };
  co_await run_same(asked, start, good);
}

asio::awaitable<void> run_mget(redstart::client& redis, const task& asked) {
  using values = std::vector<std::optional<std::string>>;
  std::array<std::string, mget_keys> keys;
  const auto numbered = numbered_keys(mget_keys);
  std::copy(numbered.begin(), numbered.end(), keys.begin());
  const auto start = [&redis, &keys] {
    return std::apply([&redis](const auto&... each) { return redis.exec<values>("MGET", each...); }, keys);
  };
  const auto good = [](const values& got) { return got.size() == mget_keys && got.back() && got.back()->size() == 64; };
  co_await run_same(asked, start, good);
}

asio::awaitable<void> run_mix(redstart::client& redis, const task& asked) {
  const auto keys = numbered_keys(mix_keys);
  const std::string written(asked.size, 'x');
  mixer choose;
  meter counted(asked);
  window measured({&counted});
  const auto slot = [&](int /*number*/) -> asio::awaitable<void> {
    while (counted.more()) {
      const std::int64_t begun = counted.begin();
      const std::string& key = keys[choose.key()];
      if (choose.writes()) {
        co_await redis.set(key, written);
      } else {
        const auto value = co_await redis.get<std::string>(key);
        if (!value || value->size() != written.size()) throw std::runtime_error("a wrong value");
      }
      counted.end(begun);
    }
  };
  co_await run_slots(asked, measured, slot);
  measured.print();
}

asio::awaitable<void> run_struct(redstart::client& redis, const task& asked) {
  meter counted(asked);
  window measured({&counted});
  const auto slot = [&](int number) -> asio::awaitable<void> {
    const std::string key = "bench:camera:" + std::to_string(number);
    detection value;
    value.camera_id = number;
    while (counted.more()) {
      const std::int64_t begun = counted.begin();
      co_await redis.set(key, value);
      const auto got = co_await redis.get<detection>(key);
      if (!got || got->camera_id != number) throw std::runtime_error("a wrong value");
      counted.end(begun);
    }
  };
  co_await run_slots(asked, measured, slot);
  measured.print();
}

}  // namespace bench
