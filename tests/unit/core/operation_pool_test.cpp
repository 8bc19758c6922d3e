// SPDX-License-Identifier: MIT
#include "core/operation_pool.hpp"

#include "core/operation_list.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <vector>

namespace redstart::core {
namespace {

TEST(operation_pool, takes_fresh_operations) {
  operation_pool pool;
  operation* op = pool.take();
  op->refusals = 7;
  op->was_sent = op->blocks = op->keeps_orphan = true;
  op->end = operation_end::lost;
  op->state = operation_state::idle;
  op->request = detail::request(true, {"GET", std::string(1000, 'k')});
  const std::uint64_t first_id = op->id;
  pool.put(*op);
  EXPECT_EQ(op->id, 0U) << "a stale pointer finds out that it is stale";
  EXPECT_EQ(op->request.bytes(), "") << "what it held is given back at once";

  operation* again = pool.take();
  EXPECT_EQ(again, op) << "the memory that was used last is still in the cache";
  EXPECT_GT(again->id, first_id);
  EXPECT_EQ(again->refusals, 0U);
  EXPECT_FALSE(again->was_sent || again->blocks || again->keeps_orphan);
  EXPECT_EQ(again->end, operation_end::none);
  EXPECT_EQ(again->waiter, nullptr);
  EXPECT_EQ(again->next_in_line, nullptr);
  EXPECT_FALSE(again->linked());
  pool.put(*again);
}

TEST(operation_pool, ids_are_never_reused) {
  operation_pool pool;
  std::set<std::uint64_t> ids{0};
  for (int i = 0; i < 1000; ++i) {
    operation* op = pool.take();
    operation* other = pool.take();
    EXPECT_TRUE(ids.insert(op->id).second);
    EXPECT_TRUE(ids.insert(other->id).second);
    pool.put(*op);
    pool.put(*other);
  }
}

TEST(operation_pool, a_steady_load_needs_no_more_memory) {
  operation_pool pool;
  std::vector<operation*> taken;
  for (int i = 0; i < 100; ++i) taken.push_back(pool.take());
  EXPECT_EQ(pool.in_use(), 100U);
  const std::size_t capacity = pool.capacity();
  EXPECT_GE(capacity, 100U);
  for (int round = 0; round < 1000; ++round) {
    for (operation* op : taken) pool.put(*op);
    EXPECT_EQ(pool.in_use(), 0U);
    for (operation*& op : taken) op = pool.take();
  }
  EXPECT_EQ(pool.capacity(), capacity);
  EXPECT_EQ(std::set<operation*>(taken.begin(), taken.end()).size(), 100U);
}

TEST(operation_pool, operations_stay_where_they_are_while_it_grows) {
  operation_pool pool;
  operation* first = pool.take();
  const std::uint64_t id = first->id;
  for (int i = 0; i < 10'000; ++i) pool.take();
  EXPECT_EQ(first->id, id);
  EXPECT_EQ(pool.in_use(), 10'001U);
}

TEST(operation_pool, an_operation_stays_well_below_a_kibibyte) { EXPECT_LE(sizeof(operation), 512U); }

// --- The lists that operations move through --------------------------------------------------------------------------

std::vector<std::uint64_t> ids(const operation_list& list) {
  std::vector<std::uint64_t> found;
  const operation* previous = nullptr;
  for (const operation* op = list.front(); op; op = op->next_in_line) {
    EXPECT_EQ(op->previous_in_line, previous);
    previous = op;
    found.push_back(op->id);
  }
  EXPECT_EQ(list.back(), previous);
  EXPECT_EQ(list.empty(), found.empty());
  return found;
}

using numbers = std::vector<std::uint64_t>;

struct operation_lists : ::testing::Test {
  operation_lists() {
    for (std::size_t i = 0; i < 4; ++i) ops[i].id = i;
  }
  operation ops[4];
  operation_list list;
};

TEST_F(operation_lists, a_list_is_first_in_first_out) {
  for (operation& op : ops) list.push_back(op);
  EXPECT_EQ(ids(list), (numbers{0, 1, 2, 3}));
  for (operation& op : ops) EXPECT_EQ(list.pop_front(), &op);
  EXPECT_EQ(list.pop_front(), nullptr);
  EXPECT_TRUE(list.empty());
}

TEST_F(operation_lists, any_element_can_be_removed) {
  for (std::size_t victim = 0; victim < 4; ++victim) {
    operation_list some;
    numbers expected;
    for (operation& op : ops) {
      some.push_back(op);
      if (op.id != victim) expected.push_back(op.id);
    }
    some.remove(ops[victim]);
    EXPECT_EQ(ids(some), expected);
    EXPECT_EQ(ops[victim].next_in_line, nullptr);
    EXPECT_EQ(ops[victim].previous_in_line, nullptr);
    some.push_back(ops[victim]);
    EXPECT_EQ(some.back(), &ops[victim]);
  }
}

TEST_F(operation_lists, appending_keeps_both_orders_and_empties_the_other) {
  operation_list other;
  list.append(other);
  EXPECT_TRUE(list.empty());
  other.push_back(ops[0]);
  list.append(other);
  EXPECT_EQ(ids(list), numbers{0});
  EXPECT_TRUE(other.empty());
  other.push_back(ops[1]);
  other.push_back(ops[2]);
  list.append(other);
  EXPECT_EQ(ids(list), (numbers{0, 1, 2}));
  operation_list moved(std::move(list));
  EXPECT_EQ(ids(moved), (numbers{0, 1, 2}));
}

TEST_F(operation_lists, an_operation_can_be_told_of_while_its_slot_stays_in_the_line) {
  ended_list ended;
  EXPECT_EQ(ended.pop_front(), nullptr);
  for (operation& op : ops) list.push_back(op);
  ended.push_back(ops[2]);
  ended.push_back(ops[0]);
  EXPECT_EQ(ids(list), (numbers{0, 1, 2, 3}));
  EXPECT_EQ(ended.pop_front(), &ops[2]);
  EXPECT_FALSE(ops[2].linked()) << "its hook is free again";
  EXPECT_EQ(ended.pop_front(), &ops[0]);
  EXPECT_TRUE(ended.empty());
  ended.push_back(ops[1]);
  EXPECT_EQ(ended.pop_front(), &ops[1]);
}

}  // namespace
}  // namespace redstart::core
