// SPDX-License-Identifier: MIT
#include "resp/encoder.hpp"

#include "resp/reader.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace redstart::resp {
namespace {

using arguments = std::vector<std::string_view>;
using namespace std::string_view_literals;

// Encodes between two guard bytes and checks that exactly encoded_size() bytes were written.
std::string encoded(const arguments& args) {
  const std::size_t size = encoded_size(args);
  std::string buffer(size + 2, '\xee');
  char* const end = encode(buffer.data() + 1, args);
  EXPECT_EQ(static_cast<std::size_t>(end - buffer.data()), size + 1);
  EXPECT_EQ(buffer.front(), '\xee');
  EXPECT_EQ(buffer.back(), '\xee');
  return buffer.substr(1, size);
}

std::vector<std::string> read_back(std::string_view bytes) {
  reader reading;
  std::vector<reply_node> nodes;
  EXPECT_EQ(reading.read(bytes, nodes), read_status::complete);
  EXPECT_EQ(reading.consumed(), bytes.size());
  std::vector<std::string> texts;
  for (const reply_view child : reply_view(nodes.data(), bytes.data())) {
    EXPECT_EQ(child.kind(), reply_kind::bulk_string);
    texts.emplace_back(child.text());
  }
  return texts;
}

TEST(resp_encoder, a_command_is_an_array_of_bulk_strings) {
  EXPECT_EQ(encoded({"GET", "key"}), "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
  EXPECT_EQ(encoded({"PING"}), "*1\r\n$4\r\nPING\r\n");
}

TEST(resp_encoder, an_empty_argument_is_an_argument) {
  EXPECT_EQ(encoded({"SET", "k", ""}), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
  EXPECT_EQ(encoded({"ECHO", std::string_view()}), "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n");
}

TEST(resp_encoder, bytes_of_any_value_are_sent_as_they_are) {
  EXPECT_EQ(encoded({"SET", "a\0\r\n$1"sv, "\xff"}), "*3\r\n$3\r\nSET\r\n$6\r\na\0\r\n$1\r\n$1\r\n\xff\r\n"sv);
}

TEST(resp_encoder, an_argument_cannot_become_another_command) {
  const std::string injected = "x\r\n*1\r\n$8\r\nFLUSHALL\r\n";
  EXPECT_EQ(read_back(encoded({"SET", "k", injected})), (std::vector<std::string>{"SET", "k", injected}));
}

TEST(resp_encoder, no_arguments_are_an_empty_array) { EXPECT_EQ(encoded({}), "*0\r\n"); }

TEST(resp_encoder, lengths_are_right_where_they_gain_a_digit) {
  for (const std::size_t size :
       {9U, 10U, 11U, 99U, 100U, 101U, 999U, 1000U, 9999U, 10000U, 99999U, 100000U, 1000000U}) {
    const std::string value(size, 'v');
    EXPECT_EQ(encoded({value}), "*1\r\n$" + std::to_string(size) + "\r\n" + value + "\r\n");
  }
}

TEST(resp_encoder, counts_are_right_where_they_gain_a_digit) {
  for (const std::size_t count : {9U, 10U, 99U, 100U, 1000U}) {
    std::string expected = "*" + std::to_string(count) + "\r\n";
    for (std::size_t i = 0; i < count; ++i) expected += "$1\r\na\r\n";
    EXPECT_EQ(encoded(arguments(count, "a")), expected);
  }
}

TEST(resp_encoder, commands_follow_each_other_without_a_gap) {
  const arguments first{"GET", "a"};
  const arguments second{"DEL", "b"};
  std::string buffer(encoded_size(first) + encoded_size(second), '\0');
  const char* const end = encode(encode(buffer.data(), first), second);
  EXPECT_EQ(end, buffer.data() + buffer.size());
  EXPECT_EQ(buffer, encoded(first) + encoded(second));
}

TEST(resp_encoder, what_is_encoded_is_read_back) {
  std::mt19937 random(20240103);  // NOLINT(cert-msc51-cpp): a failure must come again
  for (int round = 0; round < 2'000; ++round) {
    std::vector<std::string> args(1 + random() % 12);
    for (std::string& arg : args) {
      arg.resize(random() % (round % 10 == 0 ? 2'000 : 30));
      for (char& byte : arg) byte = static_cast<char>(random() % 256);
    }
    ASSERT_EQ(read_back(encoded(arguments(args.begin(), args.end()))), args) << round;
  }
}

}  // namespace
}  // namespace redstart::resp
