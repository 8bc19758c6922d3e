// SPDX-License-Identifier: MIT
#include "core/error_reply.hpp"

#include <gtest/gtest.h>

#include <string>

namespace redstart::core {
namespace {

// Texts as servers send them.
constexpr std::string_view wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
constexpr std::string_view loading = "LOADING Redis is loading the dataset in memory";
constexpr std::string_view read_only = "READONLY You can't write against a read only replica.";
constexpr std::string_view max_clients = "ERR max number of clients reached";
constexpr std::string_view no_auth = "NOAUTH Authentication required.";
constexpr std::string_view wrong_pass = "WRONGPASS invalid username-password pair or user is disabled.";

TEST(error_reply, code_is_the_first_word_in_capitals) {
  EXPECT_EQ(error_code(wrong_type), "WRONGTYPE");
  EXPECT_EQ(error_code(max_clients), "ERR");
  EXPECT_EQ(error_code("NOAUTH"), "NOAUTH");
  EXPECT_EQ(error_code("MY_CODE2 from a script"), "MY_CODE2");
}

TEST(error_reply, text_without_a_code_counts_as_err) {
  EXPECT_EQ(error_code(""), "ERR");
  EXPECT_EQ(error_code(" "), "ERR");
  EXPECT_EQ(error_code(" WRONGTYPE"), "ERR");
  EXPECT_EQ(error_code("Operation against a key"), "ERR");
  EXPECT_EQ(error_code("unknown command"), "ERR");
  EXPECT_EQ(error_code("42 is not a code"), "ERR");
  EXPECT_EQ(error_code("NOAUTH: required"), "ERR");
}

TEST(error_reply, refusals_before_execution_are_known) {
  for (std::string_view text :
       {loading, read_only, std::string_view("BUSY Redis is busy running a script. You can only call SCRIPT KILL"),
        std::string_view("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
        std::string_view("TRYAGAIN Multiple keys request during rehashing of slot"),
        std::string_view("CLUSTERDOWN The cluster is down")}) {
    EXPECT_TRUE(refused_before_execution(text)) << text;
  }
}

TEST(error_reply, other_errors_are_no_reason_to_send_again) {
  for (std::string_view text :
       {wrong_type, max_clients, no_auth, std::string_view("BUSYKEY Target key name already exists."),
        std::string_view("BUSYGROUP Consumer Group name already exists"),
        std::string_view("MISCONF Redis is configured"),
        std::string_view("OOM command not allowed when used memory > 'maxmemory'."), std::string_view("UNBLOCKED"),
        std::string_view("EXECABORT Transaction discarded because of previous errors."),
        std::string_view("ERR the word LOADING in the middle"), std::string_view("loading"), std::string_view("")}) {
    EXPECT_FALSE(refused_before_execution(text)) << text;
  }
}

TEST(error_reply, login_that_cannot_succeed_is_hopeless) {
  for (std::string_view text :
       {no_auth, wrong_pass, std::string_view("NOPERM this user has no permissions to run the 'select' command"),
        std::string_view("ERR DB index is out of range"), std::string_view("ERR invalid DB index"),
        std::string_view("ERR invalid password"), std::string_view("ERR Client sent AUTH, but no password is set"),
        std::string_view("ERR AUTH <password> called without any password configured for the default user. Are you "
                         "sure your configuration is correct?"),
        std::string_view("ERR wrong number of arguments for 'auth' command"),
        std::string_view("ERR Client names cannot contain spaces, newlines or special characters."),
        std::string_view("DENIED Redis is running in protected mode because protected mode is enabled")}) {
    EXPECT_TRUE(hopeless_login(text)) << text;
  }
}

TEST(error_reply, login_that_may_succeed_later_is_not_hopeless) {
  for (std::string_view text : {loading, max_clients, std::string_view("ERR internal error"),
                                std::string_view("MASTERDOWN Link with MASTER is down"), std::string_view("")}) {
    EXPECT_FALSE(hopeless_login(text)) << text;
  }
}

TEST(error_reply, server_without_hello_is_recognised) {
  EXPECT_TRUE(hello_unsupported("ERR unknown command `HELLO`, with args beginning with: `3`, "));
  EXPECT_TRUE(hello_unsupported("ERR unknown command 'HELLO'"));
  EXPECT_TRUE(hello_unsupported("ERR Unknown Command"));
  EXPECT_TRUE(hello_unsupported("NOPROTO unsupported protocol version"));
  EXPECT_TRUE(hello_unsupported("NOPROTO sorry, this protocol version is not supported."));
  EXPECT_TRUE(hello_unsupported("ERR unsupported command HELLO"));
  for (std::string_view text : {loading, max_clients, no_auth, wrong_pass, std::string_view("ERR syntax error")}) {
    EXPECT_FALSE(hello_unsupported(text)) << text;
  }
}

TEST(error_reply, common_errors_come_with_advice) {
  const auto mentions = [](std::string_view text, std::string_view word) {
    return advice(text).find(word) != std::string_view::npos;
  };
  EXPECT_TRUE(mentions("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to", "disk"));
  EXPECT_TRUE(mentions("OOM command not allowed when used memory > 'maxmemory'.", "maxmemory"));
  EXPECT_TRUE(mentions(no_auth, "REDIS_PASSWORD"));
  EXPECT_TRUE(mentions(wrong_pass, "password"));
  EXPECT_TRUE(mentions(wrong_type, "TYPE"));
  EXPECT_TRUE(mentions("NOSCRIPT No matching script. Please use EVAL.", "EVAL"));
  EXPECT_TRUE(mentions(read_only, "primary"));
  EXPECT_TRUE(mentions(loading, "try again"));
  EXPECT_TRUE(mentions(max_clients, "maxclients"));
  EXPECT_TRUE(mentions("NOPERM this user has no permissions to access one of the keys", "ACL"));
  EXPECT_TRUE(mentions("MOVED 3999 127.0.0.1:6381", "cluster"));
  EXPECT_TRUE(mentions("ASK 3999 127.0.0.1:6381", "cluster"));
  EXPECT_TRUE(mentions("ERR DB index is out of range", "databases"));
  EXPECT_TRUE(mentions("ERR unknown command 'FOO', with args beginning with: ", "version"));
}

TEST(error_reply, every_refusal_that_is_retried_comes_with_advice) {
  for (std::string_view code : {"LOADING", "BUSY", "READONLY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN"}) {
    EXPECT_FALSE(advice(code).empty()) << code;
  }
}

TEST(error_reply, unknown_errors_come_without_advice) {
  EXPECT_TRUE(advice("ERR syntax error").empty());
  EXPECT_TRUE(advice("MYSCRIPT said no").empty());
  EXPECT_TRUE(advice("").empty());
  EXPECT_TRUE(advice("ERR the DB of MISCONF").empty()) << "a code counts only at the beginning";
}

}  // namespace
}  // namespace redstart::core
