// SPDX-License-Identifier: MIT
#include "redstart/reply.hpp"

#include "resp/reader.hpp"
#include "support/resp_vectors.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace redstart {
namespace {

static_assert(std::input_iterator<reply_view::iterator>);
static_assert(std::is_trivially_copyable_v<reply_view>);
static_assert(std::is_trivially_copyable_v<reply_node>);
static_assert(sizeof(reply_node) == 32, "two nodes a cache line");
static_assert(std::is_nothrow_move_constructible_v<reply>);

// A reply together with the bytes it was read from.
class parsed {
 public:
  explicit parsed(std::string_view bytes) : bytes_(bytes) {
    resp::reader reading;
    EXPECT_EQ(reading.read(bytes_, nodes_), resp::read_status::complete) << bytes;
    root_ = reading.root();
  }
  reply_view view() const { return {&nodes_[root_], bytes_.data()}; }
  const std::string& bytes() const { return bytes_; }
  void overwrite_bytes() { bytes_.assign(bytes_.size(), '#'); }

 private:
  std::string bytes_;
  std::vector<reply_node> nodes_;
  std::size_t root_ = 0;
};

reply read(std::string_view bytes) { return reply(parsed(bytes).view()); }

std::vector<std::string> shown(reply_view view) {
  std::vector<std::string> children;
  for (const reply_view child : view) children.push_back(to_string(child));
  return children;
}

using strings = std::vector<std::string>;

// --- Scalars ---------------------------------------------------------------------------------------------------------

TEST(reply_view, text_is_there_for_what_is_spelled_and_empty_otherwise) {
  EXPECT_EQ(read("+OK\r\n").text(), "OK");
  EXPECT_EQ(read("-ERR x\r\n").text(), "ERR x");
  EXPECT_EQ(read("!5\r\nERR x\r\n").text(), "ERR x");
  EXPECT_EQ(read("$2\r\nhi\r\n").text(), "hi");
  EXPECT_EQ(read("=6\r\ntxt:hi\r\n").text(), "hi");
  EXPECT_EQ(read(",1.50\r\n").text(), "1.50");
  EXPECT_EQ(read("(123\r\n").text(), "123");
  for (const std::string_view bytes :
       {":7\r\n", "_\r\n", "#t\r\n", "*1\r\n+a\r\n", "%0\r\n", "~0\r\n", ">1\r\n+a\r\n"}) {
    EXPECT_FALSE(read(bytes).view().has_text()) << bytes;
    EXPECT_EQ(read(bytes).text(), "") << bytes;
  }
}

TEST(reply_view, integer_is_there_for_integers_and_booleans_and_0_otherwise) {
  EXPECT_EQ(read(":-7\r\n").integer(), -7);
  EXPECT_EQ(read("#t\r\n").integer(), 1);
  EXPECT_EQ(read("#f\r\n").integer(), 0);
  for (const std::string_view bytes : {"$1\r\n7\r\n", "_\r\n", "*1\r\n:7\r\n", "(7\r\n", ",7\r\n"}) {
    EXPECT_EQ(read(bytes).integer(), 0) << bytes;
  }
}

TEST(reply_view, number_reads_doubles_of_both_versions) {
  EXPECT_EQ(read(",3.25\r\n").view().number(), 3.25);
  EXPECT_EQ(read(",+7\r\n").view().number(), 7.0);
  EXPECT_EQ(read(",-1e3\r\n").view().number(), -1000.0);
  EXPECT_EQ(read(",5e-324\r\n").view().number(), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(read(",inf\r\n").view().number(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(read(",-inf\r\n").view().number(), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(read("$4\r\n3.25\r\n").view().number(), 3.25);
}

TEST(reply_view, number_of_what_is_none_is_nan) {
  for (const std::string_view bytes : {",nan\r\n", ",-nan\r\n", ",1e999\r\n", "$0\r\n\r\n", "$3\r\n1.x\r\n", "_\r\n",
                                       "*1\r\n,1\r\n", "$2\r\n 1\r\n"}) {
    EXPECT_TRUE(std::isnan(read(bytes).view().number())) << bytes;
  }
}

TEST(reply_view, kinds_of_both_versions_are_told_apart) {
  EXPECT_TRUE(read("$-1\r\n").is_null());
  EXPECT_TRUE(read("*-1\r\n").is_null());
  EXPECT_TRUE(read("_\r\n").is_null());
  EXPECT_FALSE(read("$0\r\n\r\n").is_null());
  EXPECT_FALSE(read("*0\r\n").is_null());
  EXPECT_TRUE(read("-ERR\r\n").is_error());
  EXPECT_TRUE(read("!3\r\nERR\r\n").is_error());
  EXPECT_FALSE(read("+ERR\r\n").is_error());
  EXPECT_EQ(read("=4\r\ntxt:\r\n").kind(), reply_kind::verbatim);
  EXPECT_EQ(read("%0\r\n").kind(), reply_kind::map);
  EXPECT_EQ(read("~0\r\n").kind(), reply_kind::set);
  EXPECT_EQ(read(">0\r\n").kind(), reply_kind::push);
}

// --- Children --------------------------------------------------------------------------------------------------------

TEST(reply_view, children_are_walked_over_their_own_children) {
  const parsed reply("*4\r\n*2\r\n:1\r\n*1\r\n:2\r\n%1\r\n+k\r\n:3\r\n*0\r\n+end\r\n");
  EXPECT_EQ(reply.view().size(), 4U);
  EXPECT_EQ(shown(reply.view()),
            (strings{"1) (integer) 1\n2) 1) (integer) 2", "1# k => (integer) 3", "(empty array)", "end"}));
}

TEST(reply_view, a_map_counts_keys_and_values) {
  const parsed reply("%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n");
  EXPECT_EQ(reply.view().size(), 4U);
  EXPECT_EQ(shown(reply.view()), (strings{"a", "(integer) 1", "b", "(integer) 2"}));
}

TEST(reply_view, scalars_and_empty_aggregates_have_no_children) {
  for (const std::string_view bytes : {"$5\r\nhello\r\n", ":5\r\n", "_\r\n", "*0\r\n", "*-1\r\n"}) {
    const parsed reply(bytes);
    EXPECT_EQ(reply.view().size(), 0U) << bytes;
    EXPECT_TRUE(reply.view().begin() == reply.view().end()) << bytes;
  }
}

TEST(reply_view, an_index_finds_the_child_that_walking_finds) {
  const parsed reply("*3\r\n*2\r\n:1\r\n:2\r\n|1\r\n+a\r\n+b\r\n+x\r\n:3\r\n");
  const strings walked = shown(reply.view());
  for (std::size_t i = 0; i < reply.view().size(); ++i) EXPECT_EQ(to_string(reply.view()[i]), walked[i]);
}

TEST(reply_view, an_iterator_advances_before_and_after) {
  const parsed reply("*2\r\n:1\r\n:2\r\n");
  auto child = reply.view().begin();
  EXPECT_EQ((*child++).integer(), 1);
  EXPECT_EQ((*child).integer(), 2);
  EXPECT_TRUE(++child == reply.view().end());
}

// --- Attributes ------------------------------------------------------------------------------------------------------

TEST(reply_view, attributes_are_skipped_while_walking_and_found_at_their_node) {
  const parsed reply("*3\r\n|1\r\n+a\r\n:1\r\n+x\r\n+y\r\n|1\r\n+b\r\n:2\r\n+z\r\n");
  EXPECT_EQ(reply.view().size(), 3U);
  strings texts;
  strings attributes;
  for (const reply_view child : reply.view()) {
    texts.emplace_back(child.text());
    attributes.push_back(to_string(child.attributes()));
  }
  EXPECT_EQ(texts, (strings{"x", "y", "z"}));
  EXPECT_EQ(attributes, (strings{"1| a => (integer) 1", "(nil)", "1| b => (integer) 2"}));
}

TEST(reply_view, attributes_of_the_root_are_found) {
  const parsed reply("|1\r\n+ttl\r\n:3600\r\n*1\r\n:1\r\n");
  EXPECT_EQ(reply.view().kind(), reply_kind::array);
  EXPECT_EQ(reply.view().attributes().kind(), reply_kind::attribute);
  EXPECT_EQ(reply.view().attributes().size(), 2U);
  EXPECT_EQ(reply.view().attributes()[1].integer(), 3600);
  EXPECT_TRUE(reply.view()[0].attributes().is_null());
}

TEST(reply_view, attributes_in_a_row_are_found_from_the_last_to_the_first) {
  const parsed reply("|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n|0\r\n+OK\r\n");
  const reply_view last = reply.view().attributes();
  EXPECT_EQ(last.size(), 0U);
  EXPECT_EQ(last.attributes()[0].text(), "b");
  EXPECT_EQ(last.attributes().attributes()[0].text(), "a");
  EXPECT_TRUE(last.attributes().attributes().attributes().is_null());
}

// --- The owning reply ------------------------------------------------------------------------------------------------

TEST(reply, is_null_by_default) {
  EXPECT_TRUE(reply().is_null());
  EXPECT_EQ(reply().size(), 0U);
  EXPECT_TRUE(reply().view().attributes().is_null());
  EXPECT_EQ(to_string(reply()), "(nil)");
}

class copied : public testing::TestWithParam<test::resp_vector> {};
INSTANTIATE_TEST_SUITE_P(reply, copied, testing::ValuesIn(test::valid_replies), test::name_of_vector);

TEST_P(copied, lives_without_the_bytes_it_was_read_from) {
  std::optional<parsed> original(GetParam().bytes);
  const reply owned(original->view());
  original->overwrite_bytes();
  original.reset();
  EXPECT_EQ(to_string(owned), GetParam().expected);
}

TEST_P(copied, equals_its_copies_and_what_was_moved_from_it) {
  const reply first = read(GetParam().bytes);
  reply second = first;
  EXPECT_EQ(first, second);
  const reply third = std::move(second);
  EXPECT_EQ(first, third);
  EXPECT_EQ(reply(third.view()), first);
}

TEST_P(copied, equals_no_other_vector) {
  const reply mine = read(GetParam().bytes);
  for (const test::resp_vector& other : test::valid_replies) {
    if (other.expected == GetParam().expected) continue;
    EXPECT_FALSE(mine == read(other.bytes)) << other.name;
  }
}

TEST(reply, keeps_only_the_texts_it_needs) {
  const std::string big(1 << 20, 'x');
  const parsed batch("*3\r\n$1048576\r\n" + big + "\r\n*2\r\n$2\r\nhi\r\n+you\r\n$2\r\nno\r\n");
  const reply part(batch.view()[1]);
  EXPECT_EQ(part[0].text(), "hi");
  EXPECT_EQ(part[1].text(), "you");
  // Texts stand behind each other in memory of the reply's own.
  EXPECT_EQ(part[0].text().data(), part.view().base());
  EXPECT_EQ(part[1].text().data(), part.view().base() + 2);
  EXPECT_EQ(part.view().nodes()->extent, 3U);
}

TEST(reply, keeps_the_attributes_of_its_root_and_of_what_is_inside) {
  const reply owned = read("|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n*1\r\n|1\r\n+c\r\n:3\r\n+x\r\n");
  EXPECT_EQ(to_string(owned.view().attributes()), "1| a => (integer) 1\n1| b => (integer) 2");
  EXPECT_EQ(to_string(owned[0].attributes()), "1| c => (integer) 3");
}

TEST(reply, of_an_element_keeps_the_attributes_of_that_element_alone) {
  const parsed whole("*2\r\n|1\r\n+a\r\n:1\r\n+x\r\n|1\r\n+b\r\n:2\r\n+y\r\n");
  EXPECT_EQ(to_string(reply(whole.view()[1])), "1| b => (integer) 2\ny");
}

TEST(reply, of_no_attributes_is_null) { EXPECT_TRUE(reply(read("+OK\r\n").view().attributes()).is_null()); }

TEST(reply, of_a_text_with_nul_bytes_keeps_them) {
  using namespace std::string_view_literals;
  EXPECT_EQ(read("$3\r\na\0b\r\n"sv).text(), "a\0b"sv);
}

TEST(reply, equality_tells_kinds_values_and_structure_apart) {
  EXPECT_EQ(read(":1\r\n"), read(":+01\r\n"));
  EXPECT_EQ(read("-E\r\n"), read("!1\r\nE\r\n"));
  EXPECT_FALSE(read("+a\r\n") == read("$1\r\na\r\n"));
  EXPECT_FALSE(read(":1\r\n") == read("#t\r\n"));
  EXPECT_FALSE(read(":1\r\n") == read(":2\r\n"));
  EXPECT_FALSE(read("*0\r\n") == read("~0\r\n"));
  EXPECT_FALSE(read("*2\r\n*1\r\n:1\r\n:2\r\n") == read("*2\r\n:1\r\n*1\r\n:2\r\n"));
  EXPECT_FALSE(read("*2\r\n*0\r\n:1\r\n") == read("*1\r\n*1\r\n:1\r\n"));
  EXPECT_FALSE(read("|0\r\n:1\r\n") == read(":1\r\n"));
  EXPECT_FALSE(read("*2\r\n+ab\r\n+c\r\n") == read("*2\r\n+a\r\n+bc\r\n"));
}

TEST(reply, is_used_wherever_a_view_is) {
  const reply owned = read("*1\r\n$2\r\nhi\r\n");
  const reply_view view = owned;
  EXPECT_EQ(view[0].text(), "hi");
  EXPECT_EQ(shown(owned), strings{"\"hi\""});
}

}  // namespace
}  // namespace redstart
