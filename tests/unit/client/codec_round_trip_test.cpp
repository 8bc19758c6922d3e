// SPDX-License-Identifier: MIT
// What is written is read back equal: random values from fixed seeds, and hostile changes to what was written.
#include "redstart/codec.hpp"
#include "unit/client/codec_types.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <unordered_map>

namespace {

using namespace codec_types;  // NOLINT(google-build-using-namespace): a test's own types
using redstart::detail::decode_value;
using redstart::detail::encode_value;
namespace json = boost::json;

template <class T>
T back(const T& value) {
  std::string scratch;
  return decode_value<T>(encode_value(value, scratch));
}

class dice {
 public:
  explicit dice(unsigned seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::uint64_t bits() { return random_() >> below(64); }

  double real() {
    for (;;) {
      const auto value = below(2) == 0 ? std::bit_cast<double>(random_()) : static_cast<double>(below(2000)) / 8 - 100;
      if (std::isfinite(value)) return value;
    }
  }

  std::string text() {
    static const std::vector<std::string> parts = {
        "a", "Z", "0", "\"", "\\", "\n", "\x01", "ü", "€", "\xf0\x9f\x90\xa6", "{", "]", std::string(1, '\0')};
    std::string result;
    for (auto left = below(12); left > 0; --left) result += parts[below(parts.size())];
    return result;
  }

  camera_event event() {
    camera_event value;
    value.id = text();
    value.state = static_cast<level>(below(3));
    if (below(2) == 0) value.score = real();
    for (auto left = below(4); left > 0; --left) {
      value.detections[text()] = {static_cast<int>(bits()), text(), std::vector<std::string>(below(3), text())};
    }
    return value;
  }

  json::value value(int depth) {
    switch (below(depth > 0 ? 8 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return below(2) == 0;
      case 2:
        return static_cast<std::int64_t>(bits());
      case 3:
        return -static_cast<std::int64_t>(bits() / 2);
      case 4:
        return real();
      case 5:
        return json::value(text());
      case 6: {
        json::array list;
        for (auto left = below(4); left > 0; --left) list.push_back(value(depth - 1));
        return list;
      }
      default: {
        json::object object;
        for (auto left = below(4); left > 0; --left) object[text()] = value(depth - 1);
        return object;
      }
    }
  }

 private:
  std::mt19937_64 random_;
};

TEST(codec_round_trip, numbers) {
  dice random(1);
  for (int round = 0; round < 20'000; ++round) {
    const std::uint64_t bits = random.bits();
    ASSERT_EQ(back(bits), bits);
    ASSERT_EQ(back(static_cast<std::int64_t>(bits)), static_cast<std::int64_t>(bits));
    ASSERT_EQ(back(static_cast<std::int16_t>(bits)), static_cast<std::int16_t>(bits));
    const double real = random.real();
    ASSERT_EQ(std::bit_cast<std::uint64_t>(back(real)), std::bit_cast<std::uint64_t>(real)) << real;
    const auto small = std::bit_cast<float>(static_cast<std::uint32_t>(random.bits()));
    if (std::isfinite(small)) {
      ASSERT_EQ(back(small), small);
    }
  }
}

TEST(codec_round_trip, described_classes) {
  dice random(2);
  for (int round = 0; round < 2'000; ++round) {
    const camera_event value = random.event();
    ASSERT_EQ(back(value), value);
  }
}

TEST(codec_round_trip, json_values_keep_their_kinds) {
  dice random(3);
  for (int round = 0; round < 5'000; ++round) {
    const json::array value = {random.value(5)};
    ASSERT_EQ(back(value), value) << json::serialize(value);
  }
}

TEST(codec_round_trip, containers) {
  dice random(4);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::variant<double, std::int64_t, std::string, bool, std::monostate>> mixed;
    for (int part = 0; part < 5; ++part) {
      mixed.emplace_back(random.real());
      mixed.emplace_back(static_cast<std::int64_t>(random.bits()));
      mixed.emplace_back(random.text());
      mixed.emplace_back(random.below(2) == 0);
      mixed.emplace_back(std::monostate());
    }
    ASSERT_EQ(back(mixed), mixed);
    const std::map<std::int64_t, std::optional<std::string>> map = {
        {static_cast<std::int64_t>(random.bits()), random.text()}, {-1, std::nullopt}};
    ASSERT_EQ(back(map), map);
    const std::tuple tuple(random.text(), std::set{random.bits(), random.bits()}, level::armed,
                           std::array{true, false});
    ASSERT_EQ(back(tuple), tuple);
  }
  const std::vector<std::optional<std::string>> texts = {"null", std::nullopt, ""};
  EXPECT_EQ(back(texts), texts);
}

TEST(codec_round_trip, a_changed_text_is_read_or_refused_and_nothing_else) {
  dice random(5);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    text = encode_value(random.event(), text);
    for (auto left = 1 + random.below(3); left > 0; --left) {
      const auto at = random.below(text.size());
      if (random.below(3) == 0)
        text.erase(at, random.below(4));
      else
        text[at] = static_cast<char>(random.below(256));
      if (text.empty()) break;
    }
    try {
      decode_value<camera_event>(text);
    } catch (const redstart::mismatch& problem) {
      ASSERT_NE(*problem.what(), '\0');
      ++refused;
    }
    EXPECT_NO_THROW(decode_value<json::value>(text));
  }
  EXPECT_GT(refused, 1'000);
}

}  // namespace
