// SPDX-License-Identifier: MIT
#include "core/command_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

namespace redstart::core {
namespace {

using enum command_flags::flag;

std::string name_of(const command_info* command) { return command == nullptr ? "(none)" : std::string(command->name); }

TEST(command_table, every_row_is_found_by_its_own_name) {
  for (const command_info& row : all_commands()) EXPECT_EQ(find_command(row.name), &row) << row.name;
}

TEST(command_table, every_row_is_found_in_small_letters) {
  for (const command_info& row : all_commands()) {
    std::string small(row.name);
    std::transform(small.begin(), small.end(), small.begin(),
                   [](char c) { return static_cast<char>(std::tolower(c)); });
    EXPECT_EQ(find_command(small), &row) << small;
  }
}

TEST(command_table, every_subcommand_is_found_by_its_two_words) {
  std::size_t subcommands = 0;
  for (const command_info& row : all_commands()) {
    const std::size_t space = row.name.find(' ');
    if (space == std::string_view::npos) continue;
    ++subcommands;
    const std::string_view first = row.name.substr(0, space);
    EXPECT_EQ(find_command(first, row.name.substr(space + 1)), &row) << row.name;
    ASSERT_NE(find_command(first), nullptr) << first;
    EXPECT_TRUE(find_command(first)->has(container)) << first;
  }
  EXPECT_GT(subcommands, 100U);
}

TEST(command_table, rows_are_sorted_and_unique) {
  const auto before = [](const command_info& left, const command_info& right) { return left.name < right.name; };
  const auto rows = all_commands();
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end(), before));
  std::set<std::string_view> names;
  for (const command_info& row : rows) EXPECT_TRUE(names.insert(row.name).second) << row.name;
  EXPECT_GT(rows.size(), 300U);
}

TEST(command_table, unknown_names_are_not_found) {
  for (std::string_view name :
       {"", " ", "GE", "GETT", "GET ", " GET", "G\0T", "CONFIG  GET", "CONFIG GE", "CONFIG GET X"}) {
    EXPECT_EQ(find_command(name), nullptr) << name;
  }
  EXPECT_EQ(find_command("NO_SUCH", "GET"), nullptr);
  EXPECT_EQ(find_command(std::string(100000, 'x')), nullptr);
}

TEST(command_table, first_argument_counts_only_for_commands_with_subcommands) {
  EXPECT_EQ(name_of(find_command("GET", "GET")), "GET");
  EXPECT_EQ(name_of(find_command("config", "get")), "CONFIG GET");
  EXPECT_EQ(name_of(find_command("Client", "iNfO")), "CLIENT INFO");
  EXPECT_EQ(name_of(find_command("CONFIG", "no such")), "CONFIG");
  EXPECT_EQ(name_of(find_command("CONFIG", "")), "CONFIG");
  EXPECT_EQ(name_of(find_command("COMMAND", "COUNT")), "COMMAND COUNT");
}

TEST(command_table, command_line_is_found_by_as_many_words_as_it_has) {
  using args = std::vector<std::string_view>;
  EXPECT_EQ(find_command(args{}), nullptr);
  EXPECT_EQ(name_of(find_command(args{"PING"})), "PING");
  EXPECT_EQ(name_of(find_command(args{"CONFIG"})), "CONFIG");
  EXPECT_EQ(name_of(find_command(args{"CONFIG", "SET", "a", "b"})), "CONFIG SET");
}

TEST(command_table, every_command_is_a_read_or_a_write_or_neither) {
  for (const command_info& row : all_commands()) {
    EXPECT_FALSE(row.has(read_only) && row.has(write)) << row.name;
    EXPECT_FALSE(row.has(harmless) && row.has(read_only | write)) << row.name << " needs no judgement of ours";
    EXPECT_FALSE(row.has(harmless) && row.has(connection_state)) << row.name;
  }
}

TEST(command_table, flags_are_the_servers) {
  EXPECT_TRUE(find_command("GET")->has(read_only));
  EXPECT_FALSE(find_command("GET")->has(write | blocking | container | pubsub));
  EXPECT_TRUE(find_command("LPOP")->has(write));
  EXPECT_TRUE(find_command("GETEX")->has(write)) << "it may change the TTL";
  EXPECT_TRUE(find_command("BLPOP")->has(blocking));
  EXPECT_TRUE(find_command("XREAD")->has(blocking));
  EXPECT_TRUE(find_command("EVAL")->has(movable_keys));
  EXPECT_TRUE(find_command("SUBSCRIBE")->has(pubsub));
  EXPECT_TRUE(find_command("EVAL")->has(no_script));
  EXPECT_TRUE(find_command("WAIT")->has(blocking)) << "by our judgement";
}

TEST(command_table, key_positions_are_the_servers) {
  struct expectation {
    std::string_view name;
    int first, last, step;
  };
  for (const auto& [name, first, last, step] : std::to_array<expectation>({{"GET", 1, 1, 1},
                                                                           {"MGET", 1, -1, 1},
                                                                           {"MSET", 1, -1, 2},
                                                                           {"BLPOP", 1, -2, 1},
                                                                           {"BITOP", 2, -1, 1},
                                                                           {"OBJECT ENCODING", 2, 2, 1},
                                                                           {"PING", 0, 0, 0}})) {
    const command_info* command = find_command(name);
    ASSERT_NE(command, nullptr) << name;
    EXPECT_EQ(command->first_key, first) << name;
    EXPECT_EQ(command->last_key, last) << name;
    EXPECT_EQ(command->key_step, step) << name;
  }
}

TEST(command_table, names_compare_without_case_but_as_a_whole) {
  EXPECT_TRUE(equal_ignoring_case("block", "BLOCK"));
  EXPECT_TRUE(equal_ignoring_case("", ""));
  EXPECT_FALSE(equal_ignoring_case("block", "BLOCKS"));
  EXPECT_FALSE(equal_ignoring_case("[", "{")) << "only letters have a case";
}

}  // namespace
}  // namespace redstart::core
