// SPDX-License-Identifier: MIT
// The grammar: every vector whole, cut in two at every byte, and byte by byte; then streams of them.
#include "resp/reader.hpp"

#include "support/resp_vectors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace redstart::resp {
namespace {

using test::broken_replies;
using test::resp_vector;
using test::valid_replies;

// Exactly the bytes and nothing behind them, at an address of their own, so that the address sanitizer sees a reader
// that looks too far or keeps a pointer into an older buffer.
class exact_copy {
 public:
  explicit exact_copy(std::string_view bytes) : size_(bytes.size()), data_(std::make_unique<char[]>(size_)) {
    bytes.copy(data_.get(), size_);
  }
  std::string_view view() const { return {data_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> data_;
};

// What came of a reply whose bytes arrived up to these ends, one call of read() each.
struct outcome {
  read_status status = read_status::need_more;
  std::string text;  // the reply, or the violation
  std::size_t consumed = 0;
};

outcome read_in_pieces(std::string_view bytes, const std::vector<std::size_t>& ends) {
  reader reading;
  std::vector<reply_node> nodes;
  for (const std::size_t end : ends) {
    const exact_copy arrived(bytes.substr(0, end));
    switch (reading.read(arrived.view(), nodes)) {
      case read_status::need_more:
        EXPECT_GT(reading.wanted(), end) << "nothing is left to wait for";
        break;
      case read_status::complete:
        EXPECT_LE(reading.consumed(), end);
        EXPECT_EQ(nodes.size(), reading.root() + nodes[reading.root()].extent);
        return {read_status::complete, to_string({&nodes[reading.root()], arrived.view().data()}), reading.consumed()};
      case read_status::violation:
        return {read_status::violation, std::string(reading.violation()), 0};
    }
  }
  return {};
}

std::vector<std::size_t> every_end(std::string_view bytes) {
  std::vector<std::size_t> ends;
  for (std::size_t end = 0; end <= bytes.size(); ++end) ends.push_back(end);
  return ends;
}

class valid : public testing::TestWithParam<resp_vector> {};
INSTANTIATE_TEST_SUITE_P(resp_reader, valid, testing::ValuesIn(valid_replies), test::name_of_vector);

TEST_P(valid, is_read_whole) {
  const outcome read = read_in_pieces(GetParam().bytes, {GetParam().bytes.size()});
  EXPECT_EQ(read.status, read_status::complete);
  EXPECT_EQ(read.text, GetParam().expected);
  EXPECT_EQ(read.consumed, GetParam().bytes.size());
}

TEST_P(valid, is_the_same_when_cut_anywhere) {
  const std::string_view bytes = GetParam().bytes;
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const outcome read = read_in_pieces(bytes, {cut, bytes.size()});
    EXPECT_EQ(read.text, GetParam().expected) << "cut at " << cut;
    EXPECT_EQ(read.consumed, bytes.size()) << "cut at " << cut;
  }
}

TEST_P(valid, is_the_same_when_cut_twice) {
  const std::string_view bytes = GetParam().bytes;
  for (std::size_t first = 1; first < bytes.size(); ++first) {
    for (std::size_t second = first; second < bytes.size(); ++second) {
      const outcome read = read_in_pieces(bytes, {first, second, bytes.size()});
      ASSERT_EQ(read.text, GetParam().expected) << "cut at " << first << " and " << second;
    }
  }
}

TEST_P(valid, is_complete_with_its_last_byte_and_not_before) {
  const std::string_view bytes = GetParam().bytes;
  std::vector<std::size_t> ends = every_end(bytes);
  ends.pop_back();
  EXPECT_EQ(read_in_pieces(bytes, ends).status, read_status::need_more);
  const outcome read = read_in_pieces(bytes, every_end(bytes));
  EXPECT_EQ(read.text, GetParam().expected);
  EXPECT_EQ(read.consumed, bytes.size());
}

TEST_P(valid, is_not_disturbed_by_what_follows) {
  const std::string bytes = std::string(GetParam().bytes) + "$3\r\nabc\r\n*1\r\n|";
  const outcome read = read_in_pieces(bytes, {bytes.size()});
  EXPECT_EQ(read.text, GetParam().expected);
  EXPECT_EQ(read.consumed, GetParam().bytes.size());
}

class broken : public testing::TestWithParam<resp_vector> {};
INSTANTIATE_TEST_SUITE_P(resp_reader, broken, testing::ValuesIn(broken_replies), test::name_of_vector);

TEST_P(broken, is_a_violation_whole) {
  const outcome read = read_in_pieces(GetParam().bytes, {GetParam().bytes.size()});
  EXPECT_EQ(read.status, read_status::violation);
  EXPECT_EQ(read.text, GetParam().expected);
}

TEST_P(broken, is_the_same_violation_when_cut_anywhere) {
  const std::string_view bytes = GetParam().bytes;
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_EQ(read_in_pieces(bytes, {cut, bytes.size()}).text, GetParam().expected) << "cut at " << cut;
  }
}

TEST_P(broken, is_the_same_violation_byte_by_byte) {
  const outcome read = read_in_pieces(GetParam().bytes, every_end(GetParam().bytes));
  EXPECT_EQ(read.status, read_status::violation);
  EXPECT_EQ(read.text, GetParam().expected);
}

// Every vector one behind the other, as a pipeline's answers arrive.
std::string all_replies() {
  std::string stream;
  for (const resp_vector& vector : valid_replies) stream += vector.bytes;
  return stream;
}

// Reads the stream of all_replies(), which grows by `step` bytes, with one reader and one vector of nodes.
void expect_all_replies(std::size_t step) {
  const std::string stream = all_replies();
  reader reading;
  std::vector<reply_node> nodes;
  std::size_t begin = 0;
  std::size_t index = 0;
  for (std::size_t end = 0; end < stream.size();) {
    end = std::min(stream.size(), end + step);
    while (true) {
      const exact_copy arrived(std::string_view(stream).substr(begin, end - begin));
      const read_status status = reading.read(arrived.view(), nodes);
      ASSERT_NE(status, read_status::violation) << reading.violation();
      if (status == read_status::need_more) break;
      ASSERT_EQ(to_string({&nodes[reading.root()], arrived.view().data()}), valid_replies[index].expected);
      begin += reading.consumed();
      nodes.clear();
      ++index;
    }
  }
  EXPECT_EQ(index, std::size(valid_replies));
  EXPECT_EQ(begin, stream.size());
}

TEST(resp_reader_stream, replies_behind_each_other_keep_their_order) { expect_all_replies(1 << 20); }

TEST(resp_reader_stream, replies_cut_into_pieces_of_any_size_keep_their_order) {
  for (std::size_t step = 1; step < 40; ++step) expect_all_replies(step);
}

TEST(resp_reader_stream, nodes_of_a_batch_stand_behind_each_other) {
  const std::string_view stream = ":1\r\n|1\r\n+a\r\n+b\r\n*2\r\n:2\r\n:3\r\n$1\r\nx\r\n";
  reader reading;
  std::vector<reply_node> nodes;
  std::vector<std::string> texts;
  for (std::string_view rest = stream; !rest.empty(); rest.remove_prefix(reading.consumed())) {
    const std::size_t first = nodes.size();
    ASSERT_EQ(reading.read(rest, nodes), read_status::complete);
    texts.push_back(to_string({&nodes[first + reading.root()], rest.data()}));
  }
  EXPECT_EQ(texts, (std::vector<std::string>{"(integer) 1", "1| a => b\n1) (integer) 2\n2) (integer) 3", "\"x\""}));
  EXPECT_EQ(nodes.size(), 1U + 6U + 1U);
}

TEST(resp_reader_stream, nodes_before_an_unfinished_reply_may_be_removed) {
  const std::string_view first = ":1\r\n";
  const std::string_view second = "*2\r\n*1\r\n:2\r\n|1\r\n+a\r\n+b\r\n:3\r\n";
  for (std::size_t cut = 0; cut < second.size(); ++cut) {
    reader reading;
    std::vector<reply_node> nodes;
    ASSERT_EQ(reading.read(first, nodes), read_status::complete);
    ASSERT_EQ(reading.read(second.substr(0, cut), nodes), read_status::need_more);
    nodes.erase(nodes.begin());
    ASSERT_EQ(reading.read(second, nodes), read_status::complete);
    EXPECT_EQ(to_string({&nodes[reading.root()], second.data()}), "1) 1) (integer) 2\n2) 1| a => b\n   (integer) 3");
    EXPECT_EQ(nodes[0].extent, nodes.size());
  }
}

TEST(resp_reader, pairs_a_map_of_maps_with_the_right_extents) {
  const std::string_view bytes = "%2\r\n+a\r\n%1\r\n+b\r\n:1\r\n+c\r\n|1\r\n+d\r\n:2\r\n*0\r\n";
  reader reading;
  std::vector<reply_node> nodes;
  ASSERT_EQ(reading.read(bytes, nodes), read_status::complete);
  std::vector<std::uint32_t> extents;
  std::vector<std::uint32_t> attributes;
  for (const reply_node& node : nodes) {
    extents.push_back(node.extent);
    attributes.push_back(node.attributes);
  }
  EXPECT_EQ(extents, (std::vector<std::uint32_t>{10, 1, 3, 1, 1, 1, 3, 1, 1, 1}));
  EXPECT_EQ(attributes, (std::vector<std::uint32_t>{0, 0, 0, 0, 0, 0, 0, 0, 0, 3}));
}

TEST(resp_reader, stays_at_a_violation_until_it_is_reset) {
  reader reading;
  std::vector<reply_node> nodes;
  ASSERT_EQ(reading.read("*2\r\n|0\r\n*1\r\n:x", nodes), read_status::violation);
  EXPECT_EQ(reading.read("+OK\r\n", nodes), read_status::violation);
  EXPECT_EQ(reading.violation(), "malformed integer");
  reading.reset();
  nodes.clear();
  ASSERT_EQ(reading.read("+OK\r\n", nodes), read_status::complete);
  EXPECT_EQ(reading.consumed(), 5U);
  EXPECT_EQ(nodes.size(), 1U);
  EXPECT_EQ(nodes[0].attributes, 0U);
}

TEST(resp_reader, reset_forgets_a_reply_that_was_begun) {
  reader reading;
  std::vector<reply_node> nodes;
  ASSERT_EQ(reading.read("*3\r\n|1\r\n:1\r\n:2\r\n$100\r\nabc", nodes), read_status::need_more);
  reading.reset();
  nodes.clear();
  ASSERT_EQ(reading.read(":5\r\n", nodes), read_status::complete);
  EXPECT_EQ(nodes[0].integer, 5);
  EXPECT_EQ(nodes[0].attributes, 0U);
}

TEST(resp_reader, a_copy_goes_on_from_the_same_point) {
  reader reading;
  std::vector<reply_node> nodes;
  ASSERT_EQ(reading.read("*2\r\n:1\r\n", nodes), read_status::need_more);
  reader copy = reading;
  std::vector<reply_node> copied = nodes;
  ASSERT_EQ(reading.read("*2\r\n:1\r\n:2\r\n", nodes), read_status::complete);
  ASSERT_EQ(copy.read("*2\r\n:1\r\n:3\r\n", copied), read_status::complete);
  EXPECT_EQ(nodes[2].integer, 2);
  EXPECT_EQ(copied[2].integer, 3);
}

TEST(resp_reader, no_bytes_are_not_a_reply) {
  reader reading;
  std::vector<reply_node> nodes;
  EXPECT_EQ(reading.read({}, nodes), read_status::need_more);
  EXPECT_EQ(reading.wanted(), 1U);
  EXPECT_TRUE(nodes.empty());
}

}  // namespace
}  // namespace redstart::resp
