// SPDX-License-Identifier: MIT
// Who is trusted in a TLS handshake, and how a handshake that fails is explained.
#ifdef REDSTART_TLS

#include "net/tls_stream.hpp"
#include "redstart/error.hpp"
#include "support/asio_test.hpp"
#include "support/tls_server.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include <optional>

namespace redstart::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

tls_config trusting() { return {.ca_file = test_certificates().ca_file}; }

tls_config with_certificate(const certificate& pair) {
  return {.ca_file = test_certificates().ca_file, .certificate_file = pair.file, .key_file = pair.key};
}

class tls_handshake : public asio_test {
 protected:
  asio::awaitable<net::socket_stream::socket> connect_to(tcp::endpoint address) {
    net::socket_stream::socket socket(on);
    const asio::generic::stream_protocol::endpoint target(address);
    co_await socket.async_connect(target, asio::use_awaitable);
    co_return socket;
  }

  // What the server saw of one connection.
  struct seen {
    error_code failure;
    std::string asked_name;
    std::string client;
  };

  // Serves one connection: after the handshake, sends back what it reads until the end.
  asio::awaitable<void> echo_once(tls_server& server, seen& result) {
    const auto accepted = co_await server.accept(result.failure);
    if (const char* name = SSL_get_servername(accepted->native_handle(), TLSEXT_NAMETYPE_host_name)) {
      result.asked_name = name;
    }
    result.client = client_of(accepted->native_handle());
    std::array<char, 1024> bytes{};
    for (error_code ec = result.failure; !ec;) {
      const auto count =
          co_await accepted->async_read_some(asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, ec));
      if (!ec) co_await asio::async_write(*accepted, asio::buffer(bytes.data(), count), asio::use_awaitable);
    }
  }

  static std::string client_of(const SSL* session) {
    const X509* certificate = SSL_get0_peer_certificate(session);
    std::array<char, 64> name{};
    if (certificate == nullptr) return {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(), name.size());
    return name.data();
  }

  // Connects, shakes hands, sends "ping" and gives back the answer; the end of reading instead when there is none.
  std::string exchange(const tls_server_options& options, const tls_config& tls, const std::string& name) {
    tls_server server(on, options);
    start(echo_once(server, server_saw));
    std::string answer;
    const auto exchange_once = [&]() -> asio::awaitable<void> {
      const auto io_stream = net::make_tls_stream(on, co_await connect_to(server.address()), tls, name, authorities);
      co_await io_stream->handshake();
      error_code ec;
      EXPECT_EQ(io_stream->try_write("ping", ec), 4U);
      std::array<char, 16> bytes{};
      const auto count = co_await io_stream->read_some(asio::buffer(bytes), ec);
      answer = ec ? ec.message() : std::string(bytes.data(), count);
    };
    try {
      run(exchange_once);
    } catch (...) {
      poll();  // the server's part in it
      throw;
    }
    poll();
    return answer;
  }

  std::string refusal(const tls_server_options& options, const tls_config& tls, const std::string& name) {
    return message_of<connection_error>([&] { exchange(options, tls, name); });
  }

  // The handshake's failure with a server that does `behave` with its end of the plain socket.
  template <class Behaviour>
  std::string refusal_by(Behaviour behave) {
    tcp::acceptor acceptor(on, {asio::ip::make_address("127.0.0.1"), 0});
    std::optional<tcp::socket> peer;
    return message_of<connection_error>([&] {
      run([&]() -> asio::awaitable<void> {
        auto socket = co_await connect_to(acceptor.local_endpoint());
        peer = co_await acceptor.async_accept(asio::use_awaitable);
        const auto io_stream = net::make_tls_stream(on, std::move(socket), trusting(), "localhost", authorities);
        behave(*peer, *io_stream);
        co_await io_stream->handshake();
      });
    });
  }

  seen server_saw;
  net::system_authorities authorities;
};

// --- Whom we trust ---------------------------------------------------------------------------------------------------

TEST_F(tls_handshake, certificate_for_the_host_is_accepted) {
  EXPECT_EQ(exchange({}, trusting(), "localhost"), "ping");
  EXPECT_FALSE(server_saw.failure) << server_saw.failure.message();
}

TEST_F(tls_handshake, certificate_for_another_host_is_refused) {
  const tls_server_options other{.identity = test_certificates().other_host};
  EXPECT_THAT(refusal(other, trusting(), "localhost"),
              AllOf(HasSubstr("not for localhost"), HasSubstr("tls.server_name")));
  EXPECT_TRUE(server_saw.failure) << "the server must learn that it was refused";
}

TEST_F(tls_handshake, certificate_is_checked_against_the_given_name_not_the_address) {
  EXPECT_EQ(exchange({.identity = test_certificates().other_host}, trusting(), "other.example"), "ping");
}

TEST_F(tls_handshake, name_may_end_in_a_dot) {
  EXPECT_EQ(exchange({}, trusting(), "localhost."), "ping");
  EXPECT_EQ(server_saw.asked_name, "localhost");
}

TEST_F(tls_handshake, addresses_are_found_in_the_certificate) {
  EXPECT_EQ(exchange({}, trusting(), "127.0.0.1"), "ping");
  EXPECT_EQ(exchange({}, trusting(), "::1"), "ping");
}

TEST_F(tls_handshake, certificate_without_the_address_is_refused) {
  EXPECT_THAT(refusal({}, trusting(), "127.0.0.2"), HasSubstr("not for 127.0.0.2"));
  EXPECT_THAT(refusal({}, trusting(), "::2"), HasSubstr("not for ::2"));
}

TEST_F(tls_handshake, names_are_sent_as_sni_and_addresses_are_not) {
  exchange({}, trusting(), "localhost");
  EXPECT_EQ(server_saw.asked_name, "localhost");
  server_saw = {};
  exchange({}, trusting(), "127.0.0.1");
  EXPECT_EQ(server_saw.asked_name, "");
}

TEST_F(tls_handshake, expired_certificate_is_refused) {
  const tls_server_options expired{.identity = test_certificates().expired};
  EXPECT_THAT(refusal(expired, trusting(), "localhost"), HasSubstr("has expired"));
}

TEST_F(tls_handshake, certificate_of_an_unknown_authority_is_refused) {
  const tls_config other{.ca_file = test_certificates().other_ca_file};
  EXPECT_THAT(refusal({}, other, "localhost"), AllOf(HasSubstr("no authority trusted"), HasSubstr("tls.ca_file")));
}

TEST_F(tls_handshake, only_the_authorities_of_the_system_are_trusted_by_default) {
  EXPECT_THAT(refusal({}, {}, "localhost"), AllOf(HasSubstr("no authority trusted"), HasSubstr("tls.ca_file")));
}

TEST_F(tls_handshake, any_certificate_is_accepted_when_told_not_to_verify) {
  const tls_config careless{.verify = false};
  EXPECT_EQ(exchange({.identity = test_certificates().expired}, careless, "localhost"), "ping");
  EXPECT_EQ(exchange({.identity = test_certificates().other_host}, careless, "localhost"), "ping");
}

// --- Whom the server trusts ------------------------------------------------------------------------------------------

TEST_F(tls_handshake, client_certificate_is_shown_to_a_server_that_asks) {
  const tls_server_options strict{.require_client_certificate = true};
  EXPECT_EQ(exchange(strict, with_certificate(test_certificates().client), "localhost"), "ping");
  EXPECT_EQ(server_saw.client, "client");
}

TEST_F(tls_handshake, missing_client_certificate_is_explained_by_the_handshake_of_tls_1_2) {
  const tls_server_options strict{.require_client_certificate = true, .newest_version = TLS1_2_VERSION};
  EXPECT_THAT(refusal(strict, trusting(), "localhost"), HasSubstr("asks for a client certificate"));
}

TEST_F(tls_handshake, missing_client_certificate_is_explained_by_the_first_read_of_tls_1_3) {
  const tls_server_options strict{.require_client_certificate = true};
  EXPECT_THAT(exchange(strict, trusting(), "localhost"),
              AllOf(HasSubstr("asks for a client certificate"), HasSubstr("tls.certificate_file")));
}

TEST_F(tls_handshake, refused_client_certificate_is_explained) {
  const tls_server_options strict{.require_client_certificate = true, .newest_version = TLS1_2_VERSION};
  EXPECT_THAT(refusal(strict, with_certificate(test_certificates().expired), "localhost"),
              AllOf(HasSubstr("refused the client certificate"), HasSubstr("expired")));
  const tls_server_options newer{.require_client_certificate = true};
  EXPECT_THAT(exchange(newer, with_certificate(test_certificates().expired), "localhost"),
              HasSubstr("refused the client certificate"));
}

// --- What is no TLS at all -------------------------------------------------------------------------------------------

TEST_F(tls_handshake, plain_text_in_answer_is_explained) {
  const auto text = refusal_by([](tcp::socket& peer, net::tls_stream&) {
    asio::write(peer, asio::buffer(std::string("-ERR Protocol error: unbalanced quotes in request\r\n")));
  });
  EXPECT_THAT(text, AllOf(HasSubstr("does not speak TLS"), HasSubstr("plain redis:// port")));
}

TEST_F(tls_handshake, closed_connection_is_explained) {
  const auto text = refusal_by([](tcp::socket& peer, net::tls_stream&) { peer.close(); });
  EXPECT_THAT(text, HasSubstr("closed the connection during the TLS handshake"));
}

TEST_F(tls_handshake, silent_server_is_explained_when_the_caller_gives_up) {
  const auto text =
      refusal_by([this](tcp::socket&, net::tls_stream& waiting) { asio::post(on, [&waiting] { waiting.close(); }); });
  EXPECT_THAT(text, AllOf(HasSubstr("was not answered"), HasSubstr("plain redis:// port")));
}

TEST_F(tls_handshake, versions_before_1_2_are_refused) {
  EXPECT_THAT(refusal({.newest_version = TLS1_1_VERSION}, trusting(), "localhost"), HasSubstr("1.2 and newer"));
}

TEST_F(tls_handshake, version_1_2_is_accepted) {
  EXPECT_EQ(exchange({.newest_version = TLS1_2_VERSION}, trusting(), "localhost"), "ping");
}

}  // namespace
}  // namespace redstart::test

#endif
