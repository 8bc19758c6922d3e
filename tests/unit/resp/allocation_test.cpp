// SPDX-License-Identifier: MIT
// Reading and encoding are free of the heap.
#include "resp/encoder.hpp"
#include "resp/reader.hpp"
#include "support/allocations.hpp"
#include "support/resp_vectors.hpp"

#include <gtest/gtest.h>

#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace redstart::resp {
namespace {

using test::allocations;

TEST(resp_allocation, the_counter_counts) {
  const std::size_t before = allocations();
  delete new int(1);
  const std::vector<int> numbers(10);
  EXPECT_GE(allocations() - before, 1U);
}

TEST(resp_allocation, the_request_that_is_to_fail_fails_and_no_other) {
  const std::ptrdiff_t live = test::live_blocks();
  const std::size_t failed = test::failed_allocations();
  const test::failing_allocations second(2);
  std::string text(100, 'a');
  EXPECT_THROW(text.append(1000, 'b'), std::bad_alloc);
  EXPECT_EQ(text, std::string(100, 'a'));
  text.append(1000, 'b');
  EXPECT_EQ(test::failed_allocations() - failed, 1U);
  std::string().swap(text);
  EXPECT_EQ(test::live_blocks(), live);
}

TEST(resp_allocation, a_scalar_reply_allocates_nothing) {
  reader reading;
  std::vector<reply_node> nodes;
  nodes.reserve(1);
  for (const test::resp_vector& vector : test::valid_replies) {
    const std::size_t before = allocations();
    const bool scalar = std::string_view("+-:$_#,(!=").find(vector.bytes.front()) != std::string_view::npos;
    if (!scalar) continue;
    for (std::size_t end = 0; end < vector.bytes.size(); ++end) {
      ASSERT_EQ(reading.read(vector.bytes.substr(0, end), nodes), read_status::need_more);
    }
    ASSERT_EQ(reading.read(vector.bytes, nodes), read_status::complete);
    nodes.clear();
    EXPECT_EQ(allocations(), before) << vector.name;
  }
}

TEST(resp_allocation, aggregates_allocate_nothing_when_the_nodes_have_room) {
  reader reading;
  std::vector<reply_node> nodes;
  nodes.reserve(64);
  std::string deep;
  for (int i = 0; i < 32; ++i) deep += "*1\r\n";
  deep += ":1\r\n";
  const std::size_t before = allocations();
  for (const test::resp_vector& vector : test::valid_replies) {
    ASSERT_EQ(reading.read(vector.bytes, nodes), read_status::complete);
    nodes.clear();
  }
  ASSERT_EQ(reading.read(deep, nodes), read_status::complete);
  EXPECT_EQ(allocations(), before);
}

TEST(resp_allocation, a_violation_allocates_nothing) {
  reader reading;
  std::vector<reply_node> nodes;
  nodes.reserve(64);
  const std::size_t before = allocations();
  for (const test::resp_vector& vector : test::broken_replies) {
    ASSERT_EQ(reading.read(vector.bytes, nodes), read_status::violation);
    reading.reset();
    nodes.clear();
  }
  EXPECT_EQ(allocations(), before);
}

TEST(resp_allocation, encoding_allocates_nothing) {
  const std::string_view args[] = {"SET", "key", "value", "EX", "300"};
  char buffer[128];
  const std::size_t before = allocations();
  ASSERT_LE(encoded_size(args), sizeof(buffer));
  EXPECT_EQ(encode(buffer, args), buffer + encoded_size(args));
  EXPECT_EQ(allocations(), before);
}

TEST(resp_allocation, a_reply_of_its_own_costs_its_nodes_and_its_texts) {
  const std::string_view bytes = "*2\r\n$40\r\n0123456789012345678901234567890123456789\r\n+OK\r\n";
  reader reading;
  std::vector<reply_node> nodes;
  ASSERT_EQ(reading.read(bytes, nodes), read_status::complete);
  const std::size_t before = allocations();
  const reply owned(reply_view(nodes.data(), bytes.data()));
  EXPECT_EQ(allocations() - before, 2U);
}

}  // namespace
}  // namespace redstart::resp
