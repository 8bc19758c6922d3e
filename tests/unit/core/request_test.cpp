// SPDX-License-Identifier: MIT
#include "redstart/detail/request.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace redstart::detail {
namespace {

using args = std::vector<std::string_view>;

const std::string get_k = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
const std::string incr_k = "*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n";

std::string encoded_set(const std::string& value) {
  return "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
}

// Its bytes are within the object itself.
bool is_inline(const request& r) {
  const auto object = reinterpret_cast<std::uintptr_t>(&r);
  const auto bytes = reinterpret_cast<std::uintptr_t>(r.bytes().data());
  return bytes >= object && bytes < object + sizeof r;
}

static_assert(!std::is_copy_constructible_v<request> && std::is_nothrow_move_constructible_v<request> &&
              std::is_nothrow_move_assignable_v<request>);

TEST(request, an_empty_request_asks_for_nothing) {
  const request r{};
  EXPECT_EQ(r.bytes(), "");
  EXPECT_EQ(r.replies(), 0U);
  EXPECT_EQ(r.first_command_bytes(), 0U);
  EXPECT_EQ(r.first_argument(), "");
  EXPECT_EQ(r.description(), "");
}

TEST(request, a_command_is_encoded_when_it_is_made) {
  request r;
  {
    std::string key = "k";
    r = request(true, {"GET", key});
    key = "other";
  }
  EXPECT_EQ(r.bytes(), get_k);
  EXPECT_EQ(r.replies(), 1U);
  EXPECT_EQ(r.first_command_bytes(), get_k.size());
  EXPECT_TRUE(r.repeatable());
}

TEST(request, commands_of_any_length_are_kept_whole) {
  // Around the size that is kept in place, and far beyond.
  for (std::size_t size = 0; size < 300; ++size) {
    const std::string value(size, 'v');
    const request r(false, {"SET", "k", value});
    ASSERT_EQ(r.bytes(), encoded_set(value));
  }
  const std::string large(1 << 20, 'v');
  EXPECT_EQ(request(false, {"SET", "k", large}).bytes(), encoded_set(large));
}

TEST(request, short_commands_need_no_memory_of_their_own) {
  EXPECT_TRUE(is_inline(request(true, {"GET", "camera:1:status"})));
  EXPECT_FALSE(is_inline(request(false, {"SET", "k", std::string(200, 'v')})));
}

TEST(request, values_are_bytes) {
  const std::string value("\0\r\n$3\xff", 7);
  EXPECT_EQ(request(false, {"SET", "k", value}).bytes(), encoded_set(value));
}

TEST(request, commands_are_appended_behind_each_other) {
  request r;
  std::string expected;
  for (std::uint32_t i = 1; i <= 200; ++i) {
    r.add(args{"GET", "k"}, true);
    expected += get_k;
    ASSERT_EQ(r.bytes(), expected);
    ASSERT_EQ(r.replies(), i);
    ASSERT_EQ(r.first_command_bytes(), get_k.size());
  }
}

TEST(request, a_large_command_behind_a_small_one_is_kept_whole) {
  const std::string value(5000, 'v');
  request r(true, {"GET", "k"});
  r.add(args{"SET", "k", value}, false);
  r.add(args{"GET", "k"}, true);
  EXPECT_EQ(r.bytes(), get_k + encoded_set(value) + get_k);
  EXPECT_EQ(r.replies(), 3U);
}

TEST(request, it_is_repeatable_when_all_of_its_commands_are) {
  request r;
  r.add(args{"GET", "k"}, true);
  EXPECT_TRUE(r.repeatable());
  r.add(args{"INCR", "k"}, false);
  EXPECT_FALSE(r.repeatable());
  r.add(args{"GET", "k"}, true);
  EXPECT_FALSE(r.repeatable());
  r.declare_repeatable();
  EXPECT_TRUE(r.repeatable());
}

TEST(request, an_atomic_one_has_run_only_when_its_last_byte_was_sent) {
  request r;
  r.add(args{"MULTI"}, false);
  r.add(args{"INCR", "k"}, false);
  r.add(args{"EXEC"}, false);
  EXPECT_LT(r.first_command_bytes(), r.bytes().size());
  r.declare_atomic();
  EXPECT_EQ(r.first_command_bytes(), r.bytes().size());
}

// --- Moving ----------------------------------------------------------------------------------------------------------

TEST(request, moving_takes_everything_and_leaves_an_empty_request) {
  for (const std::size_t size : {1U, 500U}) {
    request from(false, {"SET", "k", std::string(size, 'v')});
    from.add(args{"GET", "k"}, true);
    const std::string bytes(from.bytes());
    const std::size_t first = from.first_command_bytes();

    request to(std::move(from));
    EXPECT_EQ(to.bytes(), bytes);
    EXPECT_EQ(to.replies(), 2U);
    EXPECT_EQ(to.first_command_bytes(), first);
    EXPECT_FALSE(to.repeatable());

    // NOLINTBEGIN(bugprone-use-after-move): the state is documented
    EXPECT_EQ(from.bytes(), "");
    EXPECT_EQ(from.replies(), 0U);
    EXPECT_TRUE(from.repeatable());
    from.add(args{"INCR", "k"}, false);
    EXPECT_EQ(from.bytes(), incr_k);
    EXPECT_EQ(from.first_command_bytes(), incr_k.size());
    EXPECT_TRUE(is_inline(from));
    // NOLINTEND(bugprone-use-after-move)
    EXPECT_EQ(to.bytes(), bytes);
  }
}

TEST(request, assigning_replaces_what_was_there_whatever_their_sizes) {
  const std::string small = "v";
  const std::string large(500, 'v');
  for (const std::string& left : {small, large}) {
    for (const std::string& right : {small, large}) {
      request to(false, {"SET", "k", left});
      request from(false, {"SET", "k", right});
      to = std::move(from);
      EXPECT_EQ(to.bytes(), encoded_set(right));
      to.add(args{"GET", "k"}, true);
      EXPECT_EQ(to.bytes(), encoded_set(right) + get_k);
    }
  }
}

TEST(request, assigning_to_itself_changes_nothing) {
  for (const std::size_t size : {1U, 500U}) {
    const std::string value(size, 'v');
    request r(false, {"SET", "k", value});
    request& same = r;
    r = std::move(same);
    EXPECT_EQ(r.bytes(), encoded_set(value));
    EXPECT_EQ(r.replies(), 1U);
  }
}

// --- What is shown of it ---------------------------------------------------------------------------------------------

TEST(request, the_first_argument_is_that_of_the_first_command) {
  EXPECT_EQ(request(true, {"GET", "camera:1"}).first_argument(), "camera:1");
  EXPECT_EQ(request(true, {"PING"}).first_argument(), "");
  EXPECT_EQ(request(true, {"ECHO", ""}).first_argument(), "");
  EXPECT_EQ(request(false, {"SET", "a\r\nb", "v"}).first_argument(), "a\r\nb");
  const std::string large(100'000, 'k');
  EXPECT_EQ(request(true, {"GET", large}).first_argument(), large);
  request several(true, {"PING"});
  several.add(args{"GET", "k"}, true);
  EXPECT_EQ(several.first_argument(), "") << "not an argument of the second";
}

TEST(request, a_description_names_the_command_and_its_key) {
  EXPECT_EQ(request(true, {"GET", "camera:1:status"}).description(), "GET camera:1:status");
  EXPECT_EQ(request(true, {"get", "k"}).description(), "get k");
  EXPECT_EQ(request(true, {"PING"}).description(), "PING");
}

TEST(request, a_description_never_shows_a_value) {
  EXPECT_EQ(request(false, {"SET", "key", "secret"}).description(), "SET key");
  EXPECT_EQ(request(false, {"HSET", "key", "password", "secret"}).description(), "HSET key");
  EXPECT_EQ(request(false, {"RPUSH", "queue", "secret"}).description(), "RPUSH queue");
}

TEST(request, a_description_never_shows_an_argument_that_is_not_a_key) {
  const args secrets[] = {{"AUTH", "secret"},
                          {"auth", "secret"},
                          {"AUTH", "user", "secret"},
                          {"HELLO", "3", "AUTH", "user", "secret"},
                          {"CONFIG", "SET", "requirepass", "secret"},
                          {"ACL", "SETUSER", "user", ">secret"},
                          {"MIGRATE", "host", "6379", "secret", "0", "100"},
                          {"EVAL", "return 'secret'", "0"},
                          {"PUBLISH", "secret", "secret"},
                          {"ECHO", "secret"},
                          {"NO.SUCH.COMMAND", "secret"}};
  for (const args& command : secrets) {
    EXPECT_EQ(request(false, command).description(), command.front()) << command.front();
  }
}

TEST(request, a_description_counts_the_commands_it_does_not_show) {
  request r(false, {"SET", "a", "secret"});
  r.add(args{"SET", "b", "secret"}, false);
  EXPECT_EQ(r.description(), "SET a and 1 more");
  r.add(args{"SET", "c", "secret"}, false);
  EXPECT_EQ(r.description(), "SET a and 2 more");
}

TEST(request, a_description_is_one_line_of_text_whatever_the_key) {
  EXPECT_EQ(request(true, {"GET", std::string_view("a\r\nb\0c\x1b[31m\x7f", 12)}).description(), "GET a??b?c?[31m?");
  EXPECT_EQ(request(true, {"GET", "caméra"}).description(), "GET caméra");
  EXPECT_EQ(request(true, {"GET", std::string(64, 'k')}).description(), "GET " + std::string(64, 'k'));
  EXPECT_EQ(request(true, {"GET", std::string(65, 'k')}).description(), "GET " + std::string(64, 'k') + "...");
}

TEST(request, a_description_shows_one_word_of_the_name) {
  // A whole command line given as the name is a common mistake.
  EXPECT_EQ(request(false, {"AUTH secret"}).description(), "AUTH");
  EXPECT_EQ(request(false, {"SET\r\nkey secret"}).description(), "SET");
  EXPECT_EQ(request(false, {"a\x1b"}).description(), "a?");
  EXPECT_EQ(request(false, {std::string(1000, 'n')}).description(), std::string(64, 'n') + "...");
  EXPECT_EQ(request(false, {""}).description(), "");
}

}  // namespace
}  // namespace redstart::detail
