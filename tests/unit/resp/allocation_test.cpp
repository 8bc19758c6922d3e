// SPDX-License-Identifier: MIT
// The hot path is free of the heap: counted by an operator new of our own, which stands for the whole executable.
#include "resp/encoder.hpp"
#include "resp/reader.hpp"
#include "support/resp_vectors.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace {

thread_local std::size_t allocations = 0;

void* counted(std::size_t size) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}

void* counted_or_throw(std::size_t size) {
  if (void* const memory = counted(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

// All forms but the over-aligned ones: sanitizers bring their own, and one of theirs must not meet one of ours.
void* operator new(std::size_t size) { return counted_or_throw(size); }
void* operator new[](std::size_t size) { return counted_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t& /*tag*/) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t& /*tag*/) noexcept { std::free(memory); }

namespace redstart::resp {
namespace {

TEST(resp_allocation, the_counter_counts) {
  const std::size_t before = allocations;
  delete new int(1);
  const std::vector<int> numbers(10);
  EXPECT_GE(allocations - before, 1U);
}

TEST(resp_allocation, a_scalar_reply_allocates_nothing) {
  reader reading;
  std::vector<reply_node> nodes;
  nodes.reserve(1);
  for (const test::resp_vector& vector : test::valid_replies) {
    const std::size_t before = allocations;
    const bool scalar = std::string_view("+-:$_#,(!=").find(vector.bytes.front()) != std::string_view::npos;
    if (!scalar) continue;
    for (std::size_t end = 0; end < vector.bytes.size(); ++end) {
      ASSERT_EQ(reading.read(vector.bytes.substr(0, end), nodes), read_status::need_more);
    }
    ASSERT_EQ(reading.read(vector.bytes, nodes), read_status::complete);
    nodes.clear();
    EXPECT_EQ(allocations, before) << vector.name;
  }
}

TEST(resp_allocation, aggregates_allocate_nothing_when_the_nodes_have_room) {
  reader reading;
  std::vector<reply_node> nodes;
  nodes.reserve(64);
  std::string deep;
  for (int i = 0; i < 32; ++i) deep += "*1\r\n";
  deep += ":1\r\n";
  const std::size_t before = allocations;
  for (const test::resp_vector& vector : test::valid_replies) {
    ASSERT_EQ(reading.read(vector.bytes, nodes), read_status::complete);
    nodes.clear();
  }
  ASSERT_EQ(reading.read(deep, nodes), read_status::complete);
  EXPECT_EQ(allocations, before);
}

TEST(resp_allocation, a_violation_allocates_nothing) {
  reader reading;
  std::vector<reply_node> nodes;
  nodes.reserve(64);
  const std::size_t before = allocations;
  for (const test::resp_vector& vector : test::broken_replies) {
    ASSERT_EQ(reading.read(vector.bytes, nodes), read_status::violation);
    reading.reset();
    nodes.clear();
  }
  EXPECT_EQ(allocations, before);
}

TEST(resp_allocation, encoding_allocates_nothing) {
  const std::string_view args[] = {"SET", "key", "value", "EX", "300"};
  char buffer[128];
  const std::size_t before = allocations;
  ASSERT_LE(encoded_size(args), sizeof(buffer));
  EXPECT_EQ(encode(buffer, args), buffer + encoded_size(args));
  EXPECT_EQ(allocations, before);
}

TEST(resp_allocation, a_reply_of_its_own_costs_its_nodes_and_its_texts) {
  const std::string_view bytes = "*2\r\n$40\r\n0123456789012345678901234567890123456789\r\n+OK\r\n";
  reader reading;
  std::vector<reply_node> nodes;
  ASSERT_EQ(reading.read(bytes, nodes), read_status::complete);
  const std::size_t before = allocations;
  const reply owned(reply_view(nodes.data(), bytes.data()));
  EXPECT_EQ(allocations - before, 2U);
}

}  // namespace
}  // namespace redstart::resp
