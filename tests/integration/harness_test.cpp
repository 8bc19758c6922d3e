// SPDX-License-Identifier: MIT
// The harness that every other integration test stands on.
#include "support/certificates.hpp"
#include "support/raw_client.hpp"
#include "support/server.hpp"
#include "support/waiting.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace redstart::test {
namespace {

using namespace std::chrono_literals;

TEST(redis_server, answers_on_its_socket_and_its_port) {
  redis_server server;
  EXPECT_EQ(server.command({"INCR", "x"}).integer, 1);
  EXPECT_EQ(raw_client::to_port(server.port()).command({"INCR", "x"}).integer, 2);
  EXPECT_EQ(raw_client::to_unix(server.socket_path()).command({"GET", "x"}).text, "2");
  EXPECT_EQ(server.url(), "redis://127.0.0.1:" + std::to_string(server.port()));
}

TEST(redis_server, answers_of_every_type_are_read) {
  redis_server server;
  EXPECT_EQ(server.command({"SET", "x", "a\r\nb"}), (answer{.type = '+', .text = "OK"}));
  EXPECT_EQ(server.command({"GET", "x"}), (answer{.type = '$', .text = "a\r\nb"}));
  EXPECT_EQ(server.command({"GET", "y"}), (answer{.type = '$', .null = true}));
  EXPECT_EQ(server.command({"NONSENSE"}).type, '-');
  const auto list = server.command({"EVAL", "return {1, {'a', false}}", "0"});
  ASSERT_EQ(list.items.size(), 2U);
  EXPECT_EQ(list.items[0].integer, 1);
  ASSERT_EQ(list.items[1].items.size(), 2U);
  EXPECT_EQ(list.items[1].items[0].text, "a");
  EXPECT_TRUE(list.items[1].items[1].null);
}

TEST(redis_server, restart_keeps_port_and_socket_and_forgets_data) {
  redis_server server;
  const auto port = server.port();
  const auto socket = server.socket_path();
  server.command({"SET", "x", "1"});
  server.stop();
  EXPECT_THROW(raw_client::to_port(port), std::runtime_error);
  EXPECT_THROW(server.command({"PING"}), std::runtime_error);
  server.start();
  EXPECT_EQ(server.port(), port);
  EXPECT_EQ(server.socket_path(), socket);
  EXPECT_TRUE(server.command({"GET", "x"}).null);
  EXPECT_EQ(raw_client::to_port(port).command({"PING"}).text, "PONG");
}

TEST(redis_server, restart_after_kill) {
  redis_server server;
  auto before = raw_client::to_port(server.port());
  const auto pid = server.pid();
  server.kill();
  EXPECT_NE(::kill(pid, 0), 0);
  EXPECT_THROW(before.command({"PING"}), std::runtime_error);
  server.start();
  EXPECT_EQ(server.command({"PING"}).text, "PONG");
}

TEST(redis_server, appended_data_survives_a_kill) {
  redis_server server({.args = {"--appendonly", "yes", "--appendfsync", "always"}});
  server.command({"SET", "x", "1"});
  server.kill();
  server.start();
  EXPECT_EQ(server.command({"GET", "x"}).text, "1");
}

TEST(redis_server, paused_server_accepts_but_does_not_answer_until_resumed) {
  redis_server server;
  server.pause();
  auto client = raw_client::to_port(server.port(), 100ms);
  EXPECT_THROW(client.command({"PING"}), std::runtime_error);
  server.resume();
  EXPECT_EQ(server.command({"PING"}).text, "PONG");
}

TEST(redis_server, paused_server_is_ended_like_any_other) {
  redis_server server;
  server.pause();
  const auto begin = std::chrono::steady_clock::now();
  server.kill();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST(redis_server, password_is_asked_of_strangers_only) {
  redis_server server({.password = "secret"});
  EXPECT_EQ(raw_client::to_port(server.port()).command({"PING"}).type, '-');
  EXPECT_EQ(server.command({"PING"}).text, "PONG");
}

TEST(redis_server, two_servers_do_not_meet) {
  redis_server one;
  redis_server two;
  EXPECT_NE(one.port(), two.port());
  one.command({"SET", "x", "1"});
  EXPECT_TRUE(two.command({"GET", "x"}).null);
}

TEST(redis_server, start_that_fails_shows_the_servers_log) {
  try {
    redis_server server({.args = {"--no-such-option", "1"}});
    FAIL() << "started";
  } catch (const std::runtime_error& failure) {
    EXPECT_NE(std::string(failure.what()).find("no-such-option"), std::string::npos) << failure.what();
  }
}

TEST(redis_server, nothing_is_left_behind) {
  std::string folder;
  pid_t pid = 0;
  {
    const redis_server server;
    folder = server.folder();
    pid = server.pid();
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_NE(::kill(pid, 0), 0);
}

// Asks for a PING over TLS; returns the answer, or why the handshake failed.
std::string ping_over_tls(std::uint16_t port, const std::string& host, const std::string& ca_file,
                          const certificate* client = nullptr) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (client != nullptr) {
    SSL_CTX_use_certificate_chain_file(context, client->file.c_str());
    SSL_CTX_use_PrivateKey_file(context, client->key.c_str(), SSL_FILETYPE_PEM);
  }
  BIO* stream = BIO_new_ssl_connect(context);
  SSL* ssl = nullptr;
  BIO_get_ssl(stream, &ssl);
  SSL_set1_host(ssl, host.c_str());
  BIO_set_conn_hostname(stream, ("127.0.0.1:" + std::to_string(port)).c_str());
  std::string result;
  if (BIO_do_handshake(stream) == 1 && BIO_puts(stream, "PING\r\n") > 0) {
    char bytes[64];
    const int size = BIO_read(stream, bytes, sizeof bytes);
    result = size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : "closed";
  } else {
    result = X509_verify_cert_error_string(SSL_get_verify_result(ssl));
  }
  BIO_free_all(stream);
  SSL_CTX_free(context);
  ERR_clear_error();
  return result;
}

TEST(certificates, good_one_is_accepted) {
  const redis_server server({.tls = true});
  EXPECT_EQ(ping_over_tls(server.tls_port(), "localhost", test_certificates().ca_file), "+PONG\r\n");
}

TEST(certificates, each_bad_one_is_refused_for_its_own_reason) {
  const auto& all = test_certificates();
  const redis_server good({.tls = true});
  EXPECT_NE(ping_over_tls(good.tls_port(), "localhost", all.other_ca_file), "+PONG\r\n");
  const redis_server expired({.tls = true, .server_certificate = all.expired});
  EXPECT_EQ(ping_over_tls(expired.tls_port(), "localhost", all.ca_file), "certificate has expired");
  const redis_server other({.tls = true, .server_certificate = all.other_host});
  EXPECT_EQ(ping_over_tls(other.tls_port(), "localhost", all.ca_file), "hostname mismatch");
}

TEST(certificates, client_certificate_is_required_when_asked_for) {
  const auto& all = test_certificates();
  const redis_server server({.tls = true, .require_client_certificate = true});
  EXPECT_NE(ping_over_tls(server.tls_port(), "localhost", all.ca_file), "+PONG\r\n");
  EXPECT_EQ(ping_over_tls(server.tls_port(), "localhost", all.ca_file, &all.client), "+PONG\r\n");
}

}  // namespace
}  // namespace redstart::test
