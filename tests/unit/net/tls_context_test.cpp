// SPDX-License-Identifier: MIT
// Options of TLS that cannot be used are refused with their name, the file and the reason.
#ifdef REDSTART_TLS

#include "net/tls_context.hpp"

#include "redstart/error.hpp"
#include "support/asio_test.hpp"
#include "support/certificates.hpp"
#include "support/scratch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <cstdio>
#include <fstream>
#include <memory>

namespace redstart::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class tls_context : public ::testing::Test {
 protected:
  boost::asio::ssl::context make(const tls_config& tls) { return net::make_tls_context(tls, authorities); }
  std::string refusal(const tls_config& tls) {
    return message_of<config_error>([&] { make(tls); });
  }

  [[nodiscard]] std::string garbage_file() const {
    std::ofstream(folder.file("garbage.pem")) << "hunter2, which is no certificate\n";
    return folder.file("garbage.pem");
  }

  // The client's key, behind a passphrase.
  [[nodiscard]] std::string encrypted_key() const {
    const auto open = [](const std::string& path, const char* mode) {
      return std::unique_ptr<std::FILE, int (*)(std::FILE*)>(std::fopen(path.c_str(), mode), &std::fclose);
    };
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        PEM_read_PrivateKey(open(test_certificates().client.key, "r").get(), nullptr, nullptr, nullptr),
        &EVP_PKEY_free);
    const std::string passphrase = "hunter2";
    EXPECT_EQ(PEM_write_PrivateKey(open(folder.file("encrypted.key"), "w").get(), key.get(), EVP_aes_256_cbc(),
                                   reinterpret_cast<const unsigned char*>(passphrase.data()),
                                   static_cast<int>(passphrase.size()), nullptr, nullptr),
              1);
    return folder.file("encrypted.key");
  }

  const scratch_folder folder;
  net::system_authorities authorities;
};

TEST_F(tls_context, usable_options_are_accepted) {
  const certificates& made = test_certificates();
  EXPECT_NO_THROW(make({}));
  EXPECT_NO_THROW(make({.ca_file = made.ca_file, .certificate_file = made.client.file, .key_file = made.client.key}));
}

TEST_F(tls_context, missing_authority_file_is_named) {
  EXPECT_THAT(refusal({.ca_file = "/nowhere/ca.crt"}), AllOf(HasSubstr("tls.ca_file"), HasSubstr("REDIS_TLS_CA_FILE"),
                                                             HasSubstr("/nowhere/ca.crt"), HasSubstr("No such file")));
}

TEST_F(tls_context, authority_file_without_certificate_is_refused_without_its_content) {
  EXPECT_THAT(refusal({.ca_file = garbage_file()}),
              AllOf(HasSubstr("tls.ca_file"), HasSubstr("PEM"), Not(HasSubstr("hunter2"))));
}

TEST_F(tls_context, authority_file_is_not_read_when_nothing_is_verified) {
  EXPECT_NO_THROW(make({.ca_file = "/nowhere/ca.crt", .verify = false}));
}

TEST_F(tls_context, authorities_of_the_system_are_read_once_and_shared) {
  auto first = make({});
  auto second = make({});
  EXPECT_EQ(SSL_CTX_get_cert_store(first.native_handle()), authorities.store());
  EXPECT_EQ(SSL_CTX_get_cert_store(second.native_handle()), authorities.store());
}

TEST_F(tls_context, authority_file_replaces_the_systems) {
  auto made = make({.ca_file = test_certificates().ca_file});
  EXPECT_NE(SSL_CTX_get_cert_store(made.native_handle()), authorities.store());
}

TEST_F(tls_context, folder_in_place_of_a_file_is_refused) {
  const certificates& made = test_certificates();
  EXPECT_THAT(refusal({.certificate_file = folder.path().string(), .key_file = made.client.key}),
              HasSubstr("tls.certificate_file"));
}

TEST_F(tls_context, certificate_and_key_come_together) {
  const certificates& made = test_certificates();
  EXPECT_THAT(refusal({.certificate_file = made.client.file}), HasSubstr("both or neither"));
  EXPECT_THAT(refusal({.key_file = made.client.key}), HasSubstr("both or neither"));
}

TEST_F(tls_context, missing_certificate_file_is_named) {
  EXPECT_THAT(refusal({.certificate_file = "/nowhere/client.crt", .key_file = test_certificates().client.key}),
              AllOf(HasSubstr("tls.certificate_file"), HasSubstr("/nowhere/client.crt"), HasSubstr("No such file")));
}

TEST_F(tls_context, missing_key_file_is_named) {
  EXPECT_THAT(refusal({.certificate_file = test_certificates().client.file, .key_file = "/nowhere/client.key"}),
              AllOf(HasSubstr("tls.key_file"), HasSubstr("/nowhere/client.key"), HasSubstr("No such file")));
}

TEST_F(tls_context, key_of_another_certificate_is_refused) {
  const certificates& made = test_certificates();
  EXPECT_THAT(refusal({.certificate_file = made.client.file, .key_file = made.server.key}),
              AllOf(HasSubstr("tls.key_file"), HasSubstr("not the key of the certificate")));
}

TEST_F(tls_context, file_without_a_key_is_refused_without_its_content) {
  EXPECT_THAT(refusal({.certificate_file = test_certificates().client.file, .key_file = garbage_file()}),
              AllOf(HasSubstr("tls.key_file"), HasSubstr("PEM"), Not(HasSubstr("hunter2"))));
}

// OpenSSL would ask at the terminal, and block the program that has none.
TEST_F(tls_context, passphrase_is_never_asked_for) {
  const certificates& made = test_certificates();
  EXPECT_THAT(refusal({.certificate_file = made.client.file, .key_file = encrypted_key()}),
              AllOf(HasSubstr("tls.key_file"), HasSubstr("passphrase")));
}

TEST_F(tls_context, what_cannot_be_a_name_is_refused_rather_than_left_unchecked) {
  auto context = make({});
  const std::unique_ptr<SSL, decltype(&SSL_free)> session(SSL_new(context.native_handle()), &SSL_free);
  const std::string holds_zero("a\0b", 3);
  for (const std::string& name : {std::string(), std::string("."), holds_zero, std::string(300, 'a')}) {
    EXPECT_THAT(message_of<config_error>([&] { net::expect_name(session.get(), name); }), HasSubstr("tls.server_name"));
  }
}

}  // namespace
}  // namespace redstart::test

#endif
