// SPDX-License-Identifier: MIT
#include "client/listeners.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace redstart::detail {
namespace {

using kind = core::subscription_kind;

class listener_index_test : public ::testing::Test {
 protected:
  std::shared_ptr<listener> make(std::vector<std::string> channels, std::vector<std::string> patterns = {}) {
    auto made = std::make_shared<listener>(on);
    made->state = std::make_shared<subscription_state>(io.get_executor(), subscription_options(), "s",
                                                       std::weak_ptr<subscription_owner>());
    made->names = {std::move(channels), std::move(patterns)};
    index.add(made);
    return made;
  }

  asio::io_context io;
  net::strand on{asio::any_io_executor(io.get_executor())};
  listener_index index;
};

TEST_F(listener_index_test, holders_are_found_by_kind_and_name) {
  const auto one = make({"a", "b"}, {"a"});
  const auto two = make({"b"});
  EXPECT_EQ(index.holders(kind::channel, "a"), std::vector{one});
  EXPECT_EQ(index.holders(kind::channel, "b"), (std::vector{one, two}));
  EXPECT_EQ(index.holders(kind::pattern, "a"), std::vector{one});
  EXPECT_TRUE(index.holders(kind::pattern, "b").empty());
  EXPECT_TRUE(index.holders(kind::shard, "a").empty());
  EXPECT_EQ(index.find(two->state.get()), two);
  EXPECT_EQ(index.find(nullptr), nullptr);
}

TEST_F(listener_index_test, removing_one_holder_leaves_the_others) {
  const auto one = make({"a", "b"}, {"p*"});
  const auto two = make({"a"});
  index.remove(*one);
  EXPECT_EQ(index.holders(kind::channel, "a"), std::vector{two});
  EXPECT_TRUE(index.holders(kind::channel, "b").empty());
  EXPECT_TRUE(index.holders(kind::pattern, "p*").empty());
  EXPECT_EQ(index.find(one->state.get()), nullptr);
  EXPECT_EQ(index.all().size(), 1u);
  index.remove(*one);
  EXPECT_EQ(index.all().size(), 1u);
}

TEST_F(listener_index_test, a_listener_that_only_the_index_holds_can_be_removed_by_reference) {
  const listener* alone = make({"a"}).get();
  index.remove(*alone);
  EXPECT_TRUE(index.all().empty());
  EXPECT_TRUE(index.holders(kind::channel, "a").empty());
}

TEST_F(listener_index_test, a_name_taken_away_leaves_the_listener_and_its_other_names) {
  const auto one = make({"a", "b"});
  index.remove_name(kind::channel, "a", *one);
  index.remove_name(kind::channel, "unknown", *one);
  index.remove_name(kind::pattern, "b", *one);
  EXPECT_TRUE(index.holders(kind::channel, "a").empty());
  EXPECT_EQ(index.holders(kind::channel, "b"), std::vector{one});
  EXPECT_EQ(index.find(one->state.get()), one);
}

}  // namespace
}  // namespace redstart::detail
