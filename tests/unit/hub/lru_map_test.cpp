// SPDX-License-Identifier: MIT
#include "hub/lru_map.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hub {
namespace {

TEST(lru_map, values_stay_with_their_keys) {
  lru_map<int> map(10);
  map["a"] = 1;
  map["b"] = 2;
  ++map["a"];
  EXPECT_EQ(*map.find("a"), 2);
  EXPECT_EQ(*map.find("b"), 2);
  EXPECT_EQ(map.find("c"), nullptr);
  EXPECT_EQ(map.size(), 2u);
}

TEST(lru_map, the_one_that_was_used_longest_ago_makes_room) {
  lru_map<int> map(3);
  map["a"] = 1;
  map["b"] = 2;
  map["c"] = 3;
  ASSERT_TRUE(map.find("a"));
  map["d"] = 4;
  EXPECT_EQ(map.find("b"), nullptr);
  EXPECT_TRUE(map.find("a"));
  EXPECT_TRUE(map.find("c"));
  EXPECT_TRUE(map.find("d"));
}

TEST(lru_map, it_never_grows_beyond_its_capacity) {
  lru_map<int> map(100);
  for (int i = 0; i < 10'000; ++i) map[std::to_string(i)] = i;
  EXPECT_EQ(map.size(), 100u);
  EXPECT_EQ(*map.find("9900"), 9900);
  EXPECT_EQ(map.find("9899"), nullptr);
}

TEST(lru_map, a_cleared_map_is_as_new) {
  lru_map<int> map(2);
  map["a"] = 1;
  map.clear();
  EXPECT_EQ(map.size(), 0u);
  EXPECT_EQ(map.find("a"), nullptr);
  EXPECT_EQ(map["a"], 0);
}

}  // namespace
}  // namespace hub
