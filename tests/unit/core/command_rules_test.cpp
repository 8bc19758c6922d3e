// SPDX-License-Identifier: MIT
#include "core/command_rules.hpp"

#include "core/command_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace redstart::core {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// Splits at spaces, so that command lines read as such.
std::vector<std::string_view> line(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

bool is_read(std::string_view text) { return core::is_read(line(text)); }
bool blocks(std::string_view text) { return core::blocks(line(text)); }
std::optional<milliseconds> block_time(std::string_view text) { return core::block_time(line(text)); }
std::optional<std::string_view> refusal(std::string_view text) { return core::refusal(line(text)); }

// --- is_read ------------------------------------------------------------------------------------------------------

TEST(command_rules, reads_may_be_sent_twice) {
  for (const char* text : {"GET a",          "get a",       "MGET a b",
                           "LRANGE q 0 -1",  "LLEN q",      "EXISTS a b",
                           "TTL a",          "SCAN 0",      "XREAD STREAMS s 0",
                           "XINFO STREAM s", "DBSIZE",      "PING",
                           "ECHO hi",        "TIME",        "INFO server",
                           "CONFIG GET *",   "client list", "PUBSUB NUMSUB c",
                           "MEMORY USAGE a", "COMMAND",     "ROLE"}) {
    EXPECT_TRUE(is_read(text)) << text;
  }
}

TEST(command_rules, effects_are_never_repeated) {
  for (const char* text : {"SET a 1",
                           "INCR a",
                           "DEL a",
                           "RPUSH q 1",
                           "LPOP q",
                           "BLPOP q 0",
                           "GETDEL a",
                           "GETEX a",
                           "GETSET a b",
                           "EXPIRE a 1",
                           "PUBLISH c m",
                           "SPUBLISH c m",
                           "EVAL x 0",
                           "EVALSHA x 0",
                           "FCALL f 0",
                           "XADD s * a b",
                           "XREADGROUP GROUP g c STREAMS s >",
                           "SORT a STORE b",
                           "CONFIG SET a b",
                           "CONFIG RESETSTAT",
                           "CONFIG",
                           "CLIENT KILL ID 1",
                           "CLIENT UNBLOCK 1",
                           "FLUSHALL",
                           "SLOWLOG RESET",
                           "SCRIPT FLUSH",
                           "WAIT 1 100",
                           "MULTI",
                           "EXEC",
                           "SUBSCRIBE c",
                           "ACL LOG RESET",
                           "LATENCY RESET"}) {
    EXPECT_FALSE(is_read(text)) << text;
  }
}

TEST(command_rules, unknown_command_counts_as_an_effect) {
  EXPECT_FALSE(is_read("JSON.GET a"));
  EXPECT_FALSE(is_read("GETX a"));
  EXPECT_FALSE(is_read("CONFIG FROBNICATE"));
  EXPECT_FALSE(is_read(""));
}

TEST(command_rules, no_write_of_the_server_counts_as_a_read) {
  for (const command_info& row : all_commands()) {
    const bool has_effect = row.has(command_flags::write | command_flags::connection_state);
    EXPECT_FALSE(has_effect && is_read(row.name)) << row.name;
  }
}

// --- blocks and block_time ----------------------------------------------------------------------------------------

// For every command that may block, how it is written with a time of one and a half seconds, and with none.
const std::map<std::string_view, std::pair<std::string, std::string>> blocking_lines = {
    {"BLPOP", {"BLPOP q1 q2 1.5", "BLPOP q1 q2 0"}},
    {"BRPOP", {"BRPOP q 1.5", "BRPOP q 0"}},
    {"BRPOPLPUSH", {"BRPOPLPUSH q r 1.5", "BRPOPLPUSH q r 0"}},
    {"BLMOVE", {"BLMOVE q r LEFT RIGHT 1.5", "BLMOVE q r LEFT RIGHT 0"}},
    {"BLMPOP", {"BLMPOP 1.5 2 q r LEFT COUNT 10", "BLMPOP 0 2 q r LEFT COUNT 10"}},
    {"BZMPOP", {"BZMPOP 1.5 1 z MIN", "BZMPOP 0 1 z MIN"}},
    {"BZPOPMAX", {"BZPOPMAX z 1.5", "BZPOPMAX z 0"}},
    {"BZPOPMIN", {"BZPOPMIN z y 1.5", "BZPOPMIN z y 0"}},
    {"XREAD", {"XREAD COUNT 2 BLOCK 1500 STREAMS s t 0 0", "XREAD BLOCK 0 STREAMS s $"}},
    {"XREADGROUP", {"XREADGROUP GROUP g c BLOCK 1500 NOACK STREAMS s >", "XREADGROUP GROUP g c BLOCK 0 STREAMS s >"}},
    {"WAIT", {"WAIT 1 1500", "WAIT 1 0"}},
    {"WAITAOF", {"WAITAOF 1 0 1500", "WAITAOF 1 0 0"}},
};

TEST(command_rules, time_of_every_blocking_command_is_read_from_its_arguments) {
  for (const command_info& row : all_commands()) {
    if (!row.has(command_flags::blocking)) continue;
    ASSERT_TRUE(blocking_lines.contains(row.name)) << row.name << " blocks: give it a line here and a rule";
  }
  for (const auto& [name, lines] : blocking_lines) {
    ASSERT_NE(find_command(name), nullptr) << name;
    EXPECT_TRUE(blocks(lines.first)) << name;
    EXPECT_TRUE(blocks(lines.second)) << name;
    EXPECT_EQ(block_time(lines.first), 1500ms) << name;
    EXPECT_EQ(block_time(lines.second), 0ms) << name;
  }
}

TEST(command_rules, other_commands_do_not_block) {
  for (const command_info& row : all_commands()) {
    if (row.has(command_flags::blocking)) continue;
    EXPECT_FALSE(blocks(row.name)) << row.name;
    EXPECT_EQ(block_time(std::string(row.name) + " 1 2 3"), std::nullopt) << row.name;
  }
  EXPECT_FALSE(blocks("LPOP q"));
  EXPECT_FALSE(blocks("NO_SUCH_COMMAND 5"));
  EXPECT_FALSE(blocks(""));
  EXPECT_EQ(block_time(""), std::nullopt);
}

TEST(command_rules, stream_reads_block_only_with_the_block_option) {
  EXPECT_TRUE(blocks("xread block 5 streams s 0"));
  EXPECT_TRUE(blocks("XREADGROUP GROUP g c COUNT 1 BLOCK 5 STREAMS s >"));
  EXPECT_FALSE(blocks("XREAD STREAMS s 0"));
  EXPECT_FALSE(blocks("XREAD COUNT 5 STREAMS s 0"));
  EXPECT_EQ(block_time("XREAD COUNT 5 STREAMS s 0"), std::nullopt);
}

TEST(command_rules, block_as_a_name_is_not_the_option) {
  EXPECT_FALSE(blocks("XREAD STREAMS BLOCK 0"));
  EXPECT_FALSE(blocks("XREADGROUP GROUP BLOCK 7 STREAMS s >"));
  EXPECT_FALSE(blocks("XREADGROUP GROUP g BLOCK STREAMS s >"));
  EXPECT_FALSE(blocks("XREADGROUP GROUP g STREAMS NOACK STREAMS BLOCK >"));
  EXPECT_EQ(block_time("XREADGROUP GROUP BLOCK 7 BLOCK 8 STREAMS BLOCK 9"), 8ms);
}

TEST(command_rules, last_block_option_counts) { EXPECT_EQ(block_time("XREAD BLOCK 5 BLOCK 7 STREAMS s 0"), 7ms); }

TEST(command_rules, fractions_are_rounded_up_so_that_none_becomes_for_ever) {
  EXPECT_EQ(block_time("BLPOP q 0.0001"), 1ms);
  EXPECT_EQ(block_time("BLPOP q 0.0015"), 2ms);
  EXPECT_EQ(block_time("BLPOP q .25"), 250ms);
  EXPECT_EQ(block_time("BLPOP q 1e3"), 1000s);
  EXPECT_EQ(block_time("BLPOP q 0.0"), 0ms);
}

TEST(command_rules, time_that_the_server_refuses_is_none) {
  for (const char* text : {"BLPOP q", "BLPOP", "BLPOP q -1", "BLPOP q x", "BLPOP q 1x", "BLPOP q inf", "BLPOP q nan",
                           "BLPOP q 1e300", "BLPOP q 9e15", "WAIT 1 1.5", "WAIT 1 -1", "WAIT 1 99999999999999999999",
                           "XREAD BLOCK x STREAMS s 0", "XREAD BLOCK", "XREAD", "BLMPOP", "BLMPOP x 1 q LEFT"}) {
    EXPECT_EQ(block_time(text), std::nullopt) << text;
  }
  const std::vector<std::string_view> empty_time{"BLPOP", "q", ""};
  EXPECT_EQ(core::block_time(empty_time), std::nullopt);
}

// --- refusal ------------------------------------------------------------------------------------------------------

TEST(command_rules, commands_that_change_the_connection_are_refused) {
  for (const char* text : {"SUBSCRIBE c",
                           "psubscribe c",
                           "SSUBSCRIBE c",
                           "UNSUBSCRIBE",
                           "PUNSUBSCRIBE",
                           "SUNSUBSCRIBE",
                           "MONITOR",
                           "SELECT 1",
                           "AUTH p",
                           "HELLO 3",
                           "RESET",
                           "quit",
                           "MULTI",
                           "EXEC",
                           "DISCARD",
                           "WATCH a",
                           "UNWATCH",
                           "CLIENT REPLY OFF",
                           "client tracking on",
                           "CLIENT SETNAME a",
                           "CLIENT CACHING yes",
                           "CLIENT NO-EVICT on",
                           "CLIENT NO-TOUCH on",
                           "ASKING",
                           "READONLY",
                           "READWRITE",
                           "SYNC",
                           "PSYNC ? -1",
                           "REPLCONF ACK 0",
                           "SCRIPT DEBUG YES"}) {
    EXPECT_TRUE(refusal(text)) << text;
  }
}

TEST(command_rules, everything_else_may_be_sent) {
  for (const char* text : {"GET a", "SET a 1", "BLPOP q 0", "PUBLISH c m", "CLIENT ID", "CLIENT INFO", "CLIENT LIST",
                           "CLIENT UNBLOCK 1", "CLIENT", "CONFIG SET a b", "EVAL x 0", "SCRIPT LOAD x",
                           "PUBSUB CHANNELS", "PING", "SHUTDOWN", "NO_SUCH_COMMAND", "GET SUBSCRIBE"}) {
    EXPECT_FALSE(refusal(text)) << text;
  }
  EXPECT_FALSE(core::refusal({}));
}

TEST(command_rules, every_refused_command_has_its_reason) {
  std::size_t refused = 0;
  for (const command_info& row : all_commands()) {
    if (!row.has(command_flags::connection_state)) continue;
    ++refused;
    ASSERT_TRUE(refusal(row.name)) << row.name;
    EXPECT_GT(refusal(row.name)->size(), 20U) << row.name;
  }
  EXPECT_EQ(refused, 30U);
}

TEST(command_rules, refusal_says_what_to_use_instead) {
  EXPECT_NE(refusal("SUBSCRIBE c")->find("client::subscribe"), std::string_view::npos);
  EXPECT_NE(refusal("WATCH a")->find("transaction"), std::string_view::npos);
  EXPECT_NE(refusal("SELECT 1")->find("URL"), std::string_view::npos);
  EXPECT_NE(refusal("CLIENT SETNAME a")->find("client_name"), std::string_view::npos);
}

}  // namespace
}  // namespace redstart::core
