// SPDX-License-Identifier: MIT
// What a peer may not do to us: depth, elements, lengths and lines have an end, checked before anything is reserved.
#include "resp/reader.hpp"
#include "support/resp_vectors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace redstart::resp {
namespace {

struct outcome {
  read_status status;
  std::string_view violation;
  std::size_t wanted;
  std::size_t nodes;
  std::size_t capacity;
};

outcome read_once(std::string_view bytes, limits bounds = {}) {
  reader reading(bounds);
  std::vector<reply_node> nodes;
  const read_status status = reading.read(bytes, nodes);
  return {status, reading.violation(), reading.wanted(), nodes.size(), nodes.capacity()};
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(resp_limits, depth_may_be_reached_and_not_passed) {
  EXPECT_EQ(read_once(repeated("*1\r\n", 32) + ":1\r\n").status, read_status::complete);
  const outcome over = read_once(repeated("*1\r\n", 33));
  EXPECT_EQ(over.status, read_status::violation);
  EXPECT_EQ(over.violation, "nested deeper than the limit");
}

TEST(resp_limits, depth_counts_every_aggregate) {
  for (const std::string_view header : {"*1\r\n", "%1\r\n", "~1\r\n", ">1\r\n", "|1\r\n"}) {
    EXPECT_EQ(read_once(repeated(header, 3), {.depth = 3}).status, read_status::need_more) << header;
    EXPECT_EQ(read_once(repeated(header, 4), {.depth = 3}).violation, "nested deeper than the limit") << header;
  }
}

TEST(resp_limits, depth_of_an_empty_aggregate_counts_too) {
  EXPECT_EQ(read_once("*1\r\n*0\r\n", {.depth = 2}).status, read_status::complete);
  EXPECT_EQ(read_once("*1\r\n*0\r\n", {.depth = 1}).violation, "nested deeper than the limit");
}

TEST(resp_limits, depth_is_of_nesting_and_not_of_siblings) {
  EXPECT_EQ(read_once("*100\r\n" + repeated("*1\r\n:1\r\n", 100), {.depth = 2}).status, read_status::complete);
}

TEST(resp_limits, depth_zero_allows_scalars_only) {
  EXPECT_EQ(read_once(":1\r\n", {.depth = 0}).status, read_status::complete);
  EXPECT_EQ(read_once("*0\r\n", {.depth = 0}).violation, "nested deeper than the limit");
}

TEST(resp_limits, a_depth_bomb_is_stopped_at_the_limit) {
  const outcome bomb = read_once(repeated("*1\r\n", 1'000'000));
  EXPECT_EQ(bomb.status, read_status::violation);
  EXPECT_EQ(bomb.nodes, 32U);
}

TEST(resp_limits, a_depth_that_the_user_allows_needs_no_call_stack) {
  constexpr std::size_t deep = 1'000'000;
  const std::string bytes = repeated("*1\r\n", deep) + ":1\r\n";
  const limits bounds{.depth = deep};
  reader reading(bounds);
  std::vector<reply_node> nodes;
  ASSERT_EQ(reading.read(bytes, nodes), read_status::complete);
  EXPECT_EQ(nodes.front().extent, deep + 1);
  const reply copy(reply_view(nodes.data(), bytes.data()));
  EXPECT_TRUE(to_string(copy).ends_with("(...)"));
}

TEST(resp_limits, elements_may_be_reached_and_not_passed) {
  EXPECT_EQ(read_once("*3\r\n:1\r\n:2\r\n:3\r\n", {.elements = 3}).status, read_status::complete);
  EXPECT_EQ(read_once("*4\r\n", {.elements = 3}).violation, "more elements than the limit");
}

TEST(resp_limits, elements_are_counted_over_the_whole_reply) {
  EXPECT_EQ(read_once("*2\r\n*1\r\n:1\r\n*2\r\n:1\r\n:2\r\n", {.elements = 5}).status, read_status::complete);
  EXPECT_EQ(read_once("*2\r\n*1\r\n:1\r\n*2\r\n", {.elements = 4}).violation, "more elements than the limit");
}

TEST(resp_limits, elements_of_one_reply_are_not_counted_for_the_next) {
  reader reading({.elements = 2});
  std::vector<reply_node> nodes;
  for (int i = 0; i < 10; ++i) ASSERT_EQ(reading.read("*2\r\n:1\r\n:2\r\n", nodes), read_status::complete);
}

TEST(resp_limits, elements_of_a_map_are_keys_and_values) {
  EXPECT_EQ(read_once("%2\r\n", {.elements = 4}).status, read_status::need_more);
  EXPECT_EQ(read_once("%2\r\n", {.elements = 3}).violation, "more elements than the limit");
}

TEST(resp_limits, elements_include_attributes) {
  EXPECT_EQ(read_once("|1\r\n:1\r\n:2\r\n:3\r\n", {.elements = 3}).status, read_status::complete);
  EXPECT_EQ(read_once("|1\r\n:1\r\n:2\r\n:3\r\n", {.elements = 2}).violation, "more elements than the limit");
}

TEST(resp_limits, a_chain_of_attributes_has_an_end) {
  EXPECT_EQ(read_once(repeated("|0\r\n", 5) + ":1\r\n", {.elements = 5}).status, read_status::complete);
  EXPECT_EQ(read_once(repeated("|0\r\n", 6), {.elements = 5}).violation, "more elements than the limit");
}

TEST(resp_limits, announced_elements_fail_at_once_and_reserve_nothing) {
  const outcome over = read_once("*16777217\r\n");
  EXPECT_EQ(over.violation, "more elements than the limit");
  EXPECT_EQ(over.capacity, 0U);
  const outcome allowed = read_once("*16777216\r\n");
  EXPECT_EQ(allowed.status, read_status::need_more);
  EXPECT_LE(allowed.capacity, 4U);
}

TEST(resp_limits, announced_elements_never_size_the_buffer) { EXPECT_LT(read_once("*16777216\r\n").wanted, 20U); }

TEST(resp_limits, nested_announcements_are_added_up) {
  // Each header alone is within the limit; together they promise 32 times as much.
  const outcome bomb = read_once(repeated("*16000000\r\n", 32));
  EXPECT_EQ(bomb.violation, "more elements than the limit");
  EXPECT_EQ(bomb.nodes, 1U);
}

TEST(resp_limits, elements_beyond_what_an_extent_can_count_are_refused_whatever_is_allowed) {
  const limits bounds{.elements = static_cast<std::size_t>(-1)};
  EXPECT_EQ(read_once("*4294967294\r\n", bounds).status, read_status::need_more);
  EXPECT_EQ(read_once("*4294967295\r\n", bounds).violation, "more elements than the limit");
  EXPECT_EQ(read_once("%9223372036854775807\r\n", bounds).violation, "more elements than the limit");
}

TEST(resp_limits, bulk_length_may_be_reached_and_not_passed) {
  for (const std::string_view type : {"$", "!", "="}) {
    const limits bounds{.bulk_bytes = 8};
    EXPECT_EQ(read_once(std::string(type) + "8\r\ntxt:1234\r\n", bounds).status, read_status::complete) << type;
    EXPECT_EQ(read_once(std::string(type) + "9\r\n", bounds).violation, "bulk string longer than the limit") << type;
  }
}

TEST(resp_limits, bulk_length_without_a_limit_does_not_overflow) {
  const outcome read = read_once("$9223372036854775807\r\nabc", {.bulk_bytes = static_cast<std::size_t>(-1)});
  EXPECT_EQ(read.status, read_status::need_more);
  EXPECT_EQ(read.wanted, 22U + 9223372036854775807U + 2U);
}

TEST(resp_limits, wanted_is_the_end_of_the_bulk_string_that_is_waited_for) {
  EXPECT_EQ(read_once("$1000\r\nabc").wanted, 7U + 1000U + 2U);
  EXPECT_EQ(read_once("*2\r\n$1000\r\nabc").wanted, 11U + 1000U + 2U);
}

TEST(resp_limits, text_lines_may_have_64_kib) {
  for (const std::string_view type : {"+", "-"}) {
    const std::string longest = std::string(type) + std::string(64 * 1024, 'a');
    EXPECT_EQ(read_once(longest + "\r\n").status, read_status::complete) << type;
    EXPECT_EQ(read_once(longest).status, read_status::need_more) << type;
    EXPECT_EQ(read_once(longest + "a").violation, "line too long") << type;
    EXPECT_EQ(read_once(longest + "a\r\n").violation, "line too long") << type;
  }
  EXPECT_EQ(read_once("(" + std::string(64 * 1024, '1') + "\r\n").status, read_status::complete);
  EXPECT_EQ(read_once("(" + std::string(64 * 1024 + 1, '1')).violation, "line too long");
  EXPECT_EQ(read_once("," + std::string(64 * 1024 + 1, '1')).violation, "line too long");
}

TEST(resp_limits, number_lines_may_have_32_bytes) {
  for (const std::string_view type : {":", "$", "*", "%", "~", ">", "|", "!", "="}) {
    const std::string longest = std::string(type) + std::string(32, '0');
    EXPECT_EQ(read_once(longest).status, read_status::need_more) << type;
    EXPECT_EQ(read_once(longest + "0").violation, "line too long") << type;
  }
}

// Counts what it costs: a reader that began again at each piece would look at 2,000 times the bytes.
TEST(resp_limits, a_large_array_in_small_pieces_is_read_once) {
  constexpr std::size_t count = 20'000;
  const std::string bytes = "*" + std::to_string(count) + "\r\n" + repeated("$5\r\nhello\r\n", count);
  reader reading;
  std::vector<reply_node> nodes;
  std::size_t known = 0;
  for (std::size_t end = 1; end < bytes.size(); end += 100) {
    ASSERT_EQ(reading.read(std::string_view(bytes).substr(0, end), nodes), read_status::need_more);
    ASSERT_GE(nodes.size(), known) << "nodes that were there are read again";
    ASSERT_LE(nodes.size(), end / 11 + 1);
    known = nodes.size();
  }
  ASSERT_EQ(reading.read(bytes, nodes), read_status::complete);
  EXPECT_EQ(nodes.size(), count + 1);
}

// What has been understood may be overwritten: it is not looked at again.
TEST(resp_limits, what_became_a_node_is_not_read_again) {
  std::string bytes = "*3\r\n:1\r\n+abc\r\n";
  reader reading;
  std::vector<reply_node> nodes;
  ASSERT_EQ(reading.read(bytes, nodes), read_status::need_more);
  bytes.assign(bytes.size(), '\n');
  bytes += "+0123456789";
  ASSERT_EQ(reading.read(bytes, nodes), read_status::need_more);
  // Also the search for the end of a line goes on where it stopped.
  bytes.replace(bytes.size() - 10, 10, "\n\n\n\n\n\n\n\n\n\n");
  bytes += "a\r\n";
  ASSERT_EQ(reading.read(bytes, nodes), read_status::complete);
  EXPECT_EQ(nodes.size(), 4U);
  EXPECT_EQ(nodes[3].size, 11U);
}

// --- Bytes of any kind -----------------------------------------------------------------------------------------------

// Reads as a connection would: reply after reply, pieces of random size; returns a summary for comparing.
std::string read_stream(std::string_view bytes, std::mt19937& random, bool in_pieces) {
  reader reading({.depth = 6, .elements = 500, .bulk_bytes = 200});
  std::vector<reply_node> nodes;
  std::string summary;
  std::size_t begin = 0;
  std::size_t end = in_pieces ? 0 : bytes.size();
  while (true) {
    const std::string arrived(bytes.substr(begin, end - begin));
    const read_status status = reading.read(arrived, nodes);
    if (status == read_status::violation) return summary + "violation: " + std::string(reading.violation());
    if (status == read_status::complete) {
      const reply copy(reply_view(&nodes[reading.root()], arrived.data()));
      summary += to_string(copy) + '\n';
      begin += reading.consumed();
      nodes.clear();
    } else if (end == bytes.size()) {
      return summary + "need more";
    } else {
      end = std::min(bytes.size(), end + 1 + random() % 7);
    }
  }
}

TEST(resp_garbage, random_bytes_never_do_harm_and_mean_the_same_at_any_split) {
  constexpr std::string_view alphabet = "+-:$*_#,(!=%~>|?\r\n\r\n\r\n0011223456789-tfinfe.:x";
  std::mt19937 random(20240101);  // NOLINT(cert-msc51-cpp): a failure must come again
  for (int round = 0; round < 200'000; ++round) {
    std::string bytes(random() % 24, '\0');
    for (char& byte : bytes) {
      byte = random() % 16 == 0 ? static_cast<char>(random() % 256) : alphabet[random() % alphabet.size()];
    }
    ASSERT_EQ(read_stream(bytes, random, true), read_stream(bytes, random, false)) << round;
  }
}

TEST(resp_garbage, replies_with_a_few_bytes_changed_never_do_harm_and_mean_the_same_at_any_split) {
  std::mt19937 random(20240102);  // NOLINT(cert-msc51-cpp): a failure must come again
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (int i = 0; i < 3; ++i) bytes += test::valid_replies[random() % std::size(test::valid_replies)].bytes;
    const std::size_t changes = random() % 3;
    for (std::size_t i = 0; i < changes; ++i) bytes[random() % bytes.size()] = "+-:$*\r\n0189|%?"[random() % 14];
    ASSERT_EQ(read_stream(bytes, random, true), read_stream(bytes, random, false)) << round;
  }
}

}  // namespace
}  // namespace redstart::resp
