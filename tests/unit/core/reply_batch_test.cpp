// SPDX-License-Identifier: MIT
#include "core/reply_batch.hpp"

#include "support/resp_vectors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace redstart::core {
namespace {

using strings = std::vector<std::string>;

// Reads at most `bytes` in one go; returns false when they break the protocol.
bool feed(reply_batch& batch, std::string_view& bytes) {
  const std::span<char> room = batch.prepare();
  EXPECT_FALSE(room.empty());
  const std::size_t count = std::min(room.size(), bytes.size());
  std::memcpy(room.data(), bytes.data(), count);
  bytes.remove_prefix(count);
  return batch.commit(count);
}

// Takes the replies that are there, as text.
strings take(reply_batch& batch) {
  strings texts;
  for (std::size_t i = 0; i < batch.size(); ++i) texts.push_back(to_string(batch[i]));
  batch.clear();
  EXPECT_TRUE(batch.empty());
  return texts;
}

// Feeds all of it in reads of `step` bytes and takes the replies after each.
strings take_in_steps(reply_batch& batch, std::string_view bytes, std::size_t step) {
  strings texts;
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, step);
    const std::size_t size = part.size();
    EXPECT_TRUE(feed(batch, part)) << batch.violation();
    bytes.remove_prefix(size - part.size());
    for (std::string& text : take(batch)) texts.push_back(std::move(text));
  }
  return texts;
}

std::string bulk(std::size_t size, char filler = 'x') {
  return "$" + std::to_string(size) + "\r\n" + std::string(size, filler) + "\r\n";
}

constexpr std::string_view mixed =
    "+OK\r\n:1\r\n$5\r\nhello\r\n*2\r\n$1\r\na\r\n*1\r\n:2\r\n-ERR no\r\n%1\r\n+k\r\n,1.5\r\n|1\r\n+x\r\n:1\r\n$-1\r\n";
const strings mixed_texts = [] {
  reply_batch batch({});
  std::string_view bytes = mixed;
  EXPECT_TRUE(feed(batch, bytes));
  return take(batch);
}();

TEST(reply_batch, several_replies_in_one_read_are_all_found) {
  reply_batch batch({});
  std::string_view bytes = "+OK\r\n$5\r\nhello\r\n:42\r\n";
  EXPECT_TRUE(feed(batch, bytes));
  ASSERT_EQ(batch.size(), 3U);
  EXPECT_EQ(batch[0].text(), "OK");
  EXPECT_EQ(batch[1].text(), "hello");
  EXPECT_EQ(batch[2].integer(), 42);
  EXPECT_FALSE(batch.has_unfinished());
}

TEST(reply_batch, nothing_read_is_nothing_found) {
  reply_batch batch({});
  EXPECT_FALSE(batch.prepare().empty());
  EXPECT_TRUE(batch.commit(0));
  EXPECT_TRUE(batch.empty());
  EXPECT_FALSE(batch.has_unfinished());
}

TEST(reply_batch, replies_are_the_same_at_every_split) {
  ASSERT_EQ(mixed_texts.size(), 7U);
  for (std::size_t split = 0; split <= mixed.size(); ++split) {
    reply_batch batch({});
    strings texts;
    for (std::string_view part : {mixed.substr(0, split), mixed.substr(split)}) {
      EXPECT_TRUE(feed(batch, part));
      for (std::string& text : take(batch)) texts.push_back(std::move(text));
    }
    EXPECT_EQ(texts, mixed_texts) << split;
  }
}

TEST(reply_batch, replies_are_the_same_in_reads_of_any_size) {
  std::string stream;
  strings expected;
  for (int i = 0; i < 500; ++i) {
    stream += mixed;
    expected.insert(expected.end(), mixed_texts.begin(), mixed_texts.end());
  }
  for (const std::size_t step : {1U, 2U, 3U, 7U, 100U, 1000U, 4096U, 5000U, 1'000'000U}) {
    reply_batch batch({});
    EXPECT_EQ(take_in_steps(batch, stream, step), expected) << step;
    EXPECT_FALSE(batch.has_unfinished());
  }
}

TEST(reply_batch, every_kind_of_reply_survives_being_cut_anywhere) {
  for (const test::resp_vector& vector : test::valid_replies) {
    for (std::size_t split = 0; split < vector.bytes.size(); ++split) {
      reply_batch batch({});
      const std::string first = "+before\r\n" + std::string(vector.bytes.substr(0, split));
      std::string_view part = first;
      EXPECT_TRUE(feed(batch, part));
      EXPECT_EQ(take(batch), strings{"before"}) << vector;
      EXPECT_EQ(batch.has_unfinished(), split != 0);
      part = vector.bytes.substr(split);
      EXPECT_TRUE(feed(batch, part));
      EXPECT_EQ(take(batch), strings{std::string(vector.expected)}) << vector << " at " << split;
      EXPECT_FALSE(batch.has_unfinished());
    }
  }
}

TEST(reply_batch, what_is_unfinished_is_known) {
  reply_batch batch({});
  EXPECT_FALSE(batch.has_unfinished());
  std::string_view bytes = "+OK\r\n$";
  EXPECT_TRUE(feed(batch, bytes));
  EXPECT_TRUE(batch.has_unfinished());
  take(batch);
  EXPECT_TRUE(batch.has_unfinished()) << "taking what is complete does not change it";
  bytes = "1\r\na\r\n";
  EXPECT_TRUE(feed(batch, bytes));
  EXPECT_FALSE(batch.has_unfinished());
}

TEST(reply_batch, nodes_of_a_partial_reply_survive_clear) {
  reply_batch batch({});
  std::string_view bytes = "+first\r\n*3\r\n:1\r\n|1\r\n+a\r\n+b\r\n*2\r\n:2\r\n";
  EXPECT_TRUE(feed(batch, bytes));
  EXPECT_EQ(take(batch), strings{"first"});
  batch.clear();  // once more does no harm
  bytes = ":3\r\n$4\r\nlast\r\n+next\r\n*1\r\n";
  EXPECT_TRUE(feed(batch, bytes));
  ASSERT_EQ(batch.size(), 2U);
  ASSERT_EQ(batch[0].size(), 3U);
  EXPECT_EQ(batch[0][0].integer(), 1);
  EXPECT_EQ(batch[0][1][1].integer(), 3);
  EXPECT_EQ(batch[0][1].attributes().size(), 2U);
  EXPECT_EQ(batch[0][2].text(), "last");
  EXPECT_EQ(batch[1].text(), "next");
  EXPECT_EQ(take(batch).size(), 2U);
  bytes = ":5\r\n";
  EXPECT_TRUE(feed(batch, bytes));
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0][0].integer(), 5);
}

// --- Violations ------------------------------------------------------------------------------------------------------

TEST(reply_batch, replies_before_a_violation_are_there_all_the_same) {
  reply_batch batch({});
  std::string_view bytes = "+OK\r\n:1\r\nGET / HTTP/1.1\r\n";
  EXPECT_FALSE(feed(batch, bytes));
  EXPECT_FALSE(batch.violation().empty());
  EXPECT_EQ(take(batch), (strings{"OK", "(integer) 1"}));
  bytes = "+OK\r\n";
  EXPECT_FALSE(feed(batch, bytes)) << "where the next reply begins is not known any more";
  EXPECT_TRUE(batch.empty());
}

TEST(reply_batch, limits_are_those_of_its_maker) {
  reply_batch batch({.depth = 1, .elements = 2, .bulk_bytes = 3});
  std::string_view bytes = "$3\r\nabc\r\n*2\r\n:1\r\n:2\r\n$4\r\n";
  EXPECT_FALSE(feed(batch, bytes));
  EXPECT_EQ(batch.size(), 2U);
}

// --- Memory ----------------------------------------------------------------------------------------------------------

TEST(reply_batch, a_stream_of_small_replies_moves_almost_no_bytes) {
  const std::string one = bulk(53);
  ASSERT_EQ(one.size(), 60U);
  constexpr std::size_t total = 36 * 1000 * 1000;
  reply_batch batch({});
  std::size_t replies = 0;
  std::size_t position = 0;  // within the reply
  for (std::size_t fed = 0; fed < total;) {
    const std::span<char> room = batch.prepare();
    const std::size_t count = std::min({room.size(), std::size_t{1000}, total - fed});
    for (std::size_t i = 0; i < count; ++i) {
      room[i] = one[position];
      position = position + 1 == one.size() ? 0 : position + 1;
    }
    ASSERT_TRUE(batch.commit(count));
    fed += count;
    replies += batch.size();
    batch.clear();
  }
  EXPECT_EQ(replies, total / 60);
  EXPECT_LT(batch.bytes_moved(), total / 100);
  EXPECT_LE(batch.capacity(), 256U * 1024) << "small replies need no large buffer";
}

TEST(reply_batch, a_large_bulk_gets_all_of_its_room_at_once) {
  constexpr std::size_t size = 64 * 1024 * 1024;
  const std::string stream = "+before\r\n" + bulk(size) + "+after\r\n";
  reply_batch batch({});
  std::string_view left = stream;
  std::size_t growths = 0;
  bool found = false;
  while (!left.empty()) {
    const std::size_t before = batch.capacity();
    std::string_view part = left.substr(0, 100'000);
    const std::size_t offered = part.size();
    ASSERT_TRUE(feed(batch, part));
    left.remove_prefix(offered - part.size());
    if (batch.capacity() > before) ++growths;
    for (std::size_t i = 0; i < batch.size(); ++i) found = found || batch[i].text().size() == size;
    batch.clear();
  }
  EXPECT_TRUE(found);
  EXPECT_LE(growths, 3U) << "the first buffer, one of usual size, and that of the bulk";
  EXPECT_LT(batch.bytes_moved(), 1024U * 1024) << "what had arrived before its size was known";

  EXPECT_FALSE(batch.prepare().empty());
  EXPECT_LE(batch.capacity(), 256U * 1024) << "it is given back when nothing of it is needed any more";
}

TEST(reply_batch, room_for_large_replies_is_kept_while_they_come_and_given_back_after_them) {
  const std::string large = bulk(1024 * 1024);
  const std::string small = bulk(50);
  reply_batch batch({});
  const auto take = [&batch](std::string_view reply) {
    while (!reply.empty()) ASSERT_TRUE(feed(batch, reply));
    ASSERT_EQ(batch.size(), 1U);
    batch.clear();
  };
  take(large);
  const std::size_t grown = batch.capacity();
  EXPECT_GE(grown, large.size());
  for (int i = 0; i < 100; ++i) {
    for (int others = 0; others < 10; ++others) take(small);
    EXPECT_EQ(batch.capacity(), grown) << "small ones in between";
    take(large);
    EXPECT_EQ(batch.capacity(), grown) << "the same buffer again";
  }
  for (int i = 0; i < 20; ++i) take(small);
  EXPECT_LE(batch.capacity(), 256U * 1024) << "no large one for a while";
}

TEST(reply_batch, a_large_array_of_small_elements_grows_by_doubling) {
  constexpr std::size_t elements = 500'000;
  std::string stream = "*" + std::to_string(elements) + "\r\n";
  for (std::size_t i = 0; i < elements; ++i) stream += "$6\r\nabcdef\r\n";
  reply_batch batch({});
  std::string_view left = stream;
  while (!left.empty()) ASSERT_TRUE(feed(batch, left));
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].size(), elements);
  EXPECT_LE(batch.bytes_moved(), 2 * stream.size());
  EXPECT_LE(batch.capacity(), 3 * stream.size());
  EXPECT_EQ(batch[0][elements - 1].text(), "abcdef");
}

TEST(reply_batch, a_reader_that_fills_the_buffer_is_given_more_room_up_to_the_usual) {
  reply_batch batch({});
  const std::size_t first = batch.prepare().size();
  std::string stream;
  while (stream.size() < 4 * 1024 * 1024) stream += bulk(50);
  std::string_view left = stream;
  std::size_t largest = 0;
  while (!left.empty()) {
    ASSERT_TRUE(feed(batch, left));
    largest = std::max(largest, batch.capacity());
    batch.clear();
  }
  EXPECT_GT(largest, 4 * first);
  EXPECT_LE(largest, 1024U * 1024);
}

TEST(reply_batch, every_read_has_room_for_a_worthwhile_amount) {
  reply_batch batch({});
  std::string stream;
  for (int i = 0; i < 2000; ++i) stream += bulk(static_cast<std::size_t>(i % 700));
  for (std::string_view left = stream; !left.empty();) {
    EXPECT_GE(batch.prepare().size(), 4096U);
    std::string_view part = left.substr(0, 997);
    const std::size_t offered = part.size();
    ASSERT_TRUE(feed(batch, part));
    left.remove_prefix(offered - part.size());
    batch.clear();
  }
}

}  // namespace
}  // namespace redstart::core
