// SPDX-License-Identifier: MIT
#include "embedded/find_server.hpp"

#include "redstart/error.hpp"
#include "support/scratch.hpp"

#include <gtest/gtest.h>

#include <map>

namespace redstart::embedded {
namespace {

using test::scratch_folder;

std::string find_with(const std::map<std::string, std::string>& variables) {
  return find_server([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(find_server, redis_is_preferred_to_valkey_wherever_they_stand_on_path) {
  const scratch_folder first;
  const scratch_folder second;
  const auto valkey = first.script("valkey-server", "");
  EXPECT_EQ(find_with({{"PATH", first.path().string() + ":" + second.path().string()}}), valkey);
  const auto redis = second.script("redis-server", "");
  EXPECT_EQ(find_with({{"PATH", first.path().string() + ":" + second.path().string()}}), redis);
}

TEST(find_server, variable_wins_over_path) {
  const scratch_folder folder;
  folder.script("redis-server", "");
  const auto other = folder.script("other", "");
  EXPECT_EQ(find_with({{"PATH", folder.path()}, {"REDSTART_SERVER", other}}), other);
  EXPECT_EQ(find_with({{"PATH", folder.path()}, {"REDSTART_SERVER", "other"}}), other)
      << "a name is looked for on PATH";
}

TEST(find_server, empty_variable_counts_as_not_set) {
  const scratch_folder folder;
  const auto redis = folder.script("redis-server", "");
  EXPECT_EQ(find_with({{"PATH", folder.path()}, {"REDSTART_SERVER", ""}}), redis);
}

TEST(find_server, variable_that_cannot_be_used_does_not_fall_back_silently) {
  const scratch_folder folder;
  folder.script("redis-server", "");
  EXPECT_THROW(find_with({{"PATH", folder.path()}, {"REDSTART_SERVER", "nonsense"}}), config_error);
  EXPECT_THROW(find_with({{"PATH", folder.path()}, {"REDSTART_SERVER", folder.file("nonsense")}}), config_error);
  EXPECT_THROW(find_with({{"PATH", folder.path()}, {"REDSTART_SERVER", folder.path()}}), config_error) << "a folder";
}

TEST(find_server, folders_and_files_that_cannot_run_are_passed_over) {
  const scratch_folder first;
  const scratch_folder second;
  std::filesystem::create_directory(first.file("redis-server"));
  std::ofstream(second.file("redis-server")) << "x";
  const std::string path = first.path().string() + ":" + second.path().string();
  EXPECT_THROW(find_with({{"PATH", path}}), config_error);
  std::filesystem::permissions(second.file("redis-server"), std::filesystem::perms::owner_all);
  EXPECT_EQ(find_with({{"PATH", path}}), second.file("redis-server"));
}

TEST(find_server, current_folder_is_not_searched_for_empty_entries) {
  const scratch_folder folder;
  folder.script("redis-server", "");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  EXPECT_THROW(find_with({{"PATH", "::/nowhere:"}}), config_error);
  EXPECT_THROW(find_with({{"PATH", ""}}), config_error);
  EXPECT_THROW(find_with({}), config_error);
  std::filesystem::current_path(before);
}

}  // namespace
}  // namespace redstart::embedded
