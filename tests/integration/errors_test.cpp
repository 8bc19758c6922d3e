// SPDX-License-Identifier: MIT
// Each way to fail gives its own error, and one that says what to do.
#include "support/client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

namespace redstart::test {
namespace {

using asio::ip::tcp;
using ::testing::Test;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class errors : public loop_test {
 protected:
  config hasty(const std::string& url) {
    config settings;
    settings.url = url;
    settings.connect_attempts = 2;
    settings.connect_timeout = 500ms;
    settings.backoff_initial = 5ms;
    settings.timeout = 500ms;
    return settings;
  }
  /// The message of the `Error` that connecting ends with.
  template <class Error>
  std::string connect_error(const config& settings) {
    std::string message;
    run([&]() -> asio::awaitable<void> {
      client redis(io.get_executor(), settings);
      try {
        co_await redis.connect();
        ADD_FAILURE() << "connected";
      } catch (const Error& e) {
        message = e.what();
      }
    });
    return message;
  }
  /// The error that `work` ends with on a connected client.
  template <class Error>
  std::string operation_error(const config& settings, std::function<asio::awaitable<void>(client&)> work) {
    std::string message;
    run([&]() -> asio::awaitable<void> {
      client redis(io.get_executor(), settings);
      co_await redis.connect();
      try {
        co_await work(redis);
        ADD_FAILURE() << "no error";
      } catch (const Error& e) {
        message = e.what();
        maybe_applied = e.maybe_applied();
      }
      co_await redis.disconnect();
    });
    return message;
  }
  bool maybe_applied = false;
};

TEST_F(errors, before_connect_and_after_disconnect_operations_are_not_connected) {
  redis_server server;
  run([&]() -> asio::awaitable<void> {
    client redis(io.get_executor(), hasty(server.url()));
    EXPECT_THROW(co_await redis.get("k"), not_connected);
    EXPECT_THROW(co_await redis.get_from_queue("q", 1s), not_connected);
    EXPECT_THROW(co_await redis.exec("BLPOP", "q", 1), not_connected);
    EXPECT_THROW(co_await redis.subscribe("c"), not_connected);
    co_await redis.connect();
    co_await redis.connect();
    co_await redis.set("k", 1);
    co_await redis.disconnect();
    co_await redis.disconnect();
    EXPECT_THROW(co_await redis.get("k"), not_connected);
    EXPECT_THROW(co_await redis.get_from_queue("q", 1s), not_connected);
    co_await redis.connect();
    EXPECT_EQ(co_await redis.get<int>("k"), 1);
    co_await redis.disconnect();
  });
}

TEST_F(errors, a_wrong_password_is_said_at_once_and_not_shown) {
  redis_server server({.password = "right"});
  config settings = hasty("redis://:very-wrong@127.0.0.1:" + std::to_string(server.port()));
  settings.connect_attempts = 100;
  const std::string message = connect_error<connection_error>(settings);
  EXPECT_TRUE(contains(message, "WRONGPASS")) << message;
  EXPECT_TRUE(contains(message, "after 1 try")) << message;
  EXPECT_FALSE(contains(message, "very-wrong")) << message;
}

TEST_F(errors, a_missing_password_is_said) {
  redis_server server({.password = "right"});
  for (const int protocol : {2, 3}) {
    config settings = hasty(server.url());
    settings.protocol = protocol;
    const std::string message = connect_error<connection_error>(settings);
    EXPECT_TRUE(contains(message, "NOAUTH")) << message;
  }
}

TEST_F(errors, an_unknown_host_is_named) {
  const std::string message = connect_error<connection_error>(hasty("redis://no-such-host.invalid:6379"));
  EXPECT_TRUE(contains(message, "no-such-host.invalid")) << message;
  EXPECT_TRUE(contains(message, "after 2 tries")) << message;
}

TEST_F(errors, a_refused_port_says_how_often_and_how_long_was_tried) {
  const std::string url = "redis://127.0.0.1:" + std::to_string(free_port());
  const std::string message = connect_error<connection_error>(hasty(url));
  EXPECT_TRUE(contains(message, url)) << message;
  EXPECT_TRUE(contains(message, "after 2 tries in ")) << message;
  EXPECT_TRUE(contains(message, "refused")) << message;
}

TEST_F(errors, tls_to_a_plain_port_is_recognised) {
  redis_server server;
  const std::string message =
      connect_error<connection_error>(hasty("rediss://127.0.0.1:" + std::to_string(server.port())));
  EXPECT_TRUE(contains(message, "TLS")) << message;
}

TEST_F(errors, a_certificate_for_another_host_is_refused) {
  redis_server server({.tls = true, .server_certificate = test_certificates().other_host});
  config settings = hasty(server.tls_url());
  settings.tls.ca_file = test_certificates().ca_file;
  const std::string message = connect_error<connection_error>(settings);
  EXPECT_TRUE(contains(message, "localhost")) << message;
}

TEST_F(errors, a_server_that_never_answers_ends_the_attempt) {
  redis_server server;
  server.pause();
  const auto begin = std::chrono::steady_clock::now();
  const std::string message = connect_error<connection_error>(hasty(server.url()));
  server.resume();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
  EXPECT_TRUE(contains(message, "500 ms")) << message;
}

TEST_F(errors, maxclients_is_passed_on_with_advice) {
  redis_server server({.args = {"--maxclients", "1"}});
  run([&]() -> asio::awaitable<void> {
    client first(io.get_executor(), hasty(server.unix_url()));
    // The harness holds no connection until it is asked something.
    co_await first.connect();
    client second(io.get_executor(), hasty(server.unix_url()));
    try {
      co_await second.connect();
      ADD_FAILURE() << "connected";
    } catch (const connection_error& e) {
      EXPECT_TRUE(contains(e.what(), "max number of clients reached")) << e.what();
    }
    co_await first.disconnect();
  });
}

TEST_F(errors, a_full_disk_is_a_server_error_with_its_code) {
  redis_server server({.args = {"--dbfilename", "x"}});
  // A file that cannot be written makes the next save fail, and writes are refused from then on.
  server.command({"SET", "a", "b"});
  server.command({"CONFIG", "SET", "save", "1 1"});
  ASSERT_EQ(0, std::system(("mkdir " + server.folder() + "/x").c_str()));
  server.command({"BGSAVE"});
  const std::string message =
      operation_error<server_error>(hasty(server.url()), [&](client& redis) -> asio::awaitable<void> {
        for (int i = 0; i < 500; ++i) {
          co_await redis.set("k", i);
          co_await pause(10ms);
        }
      });
  EXPECT_TRUE(contains(message, "MISCONF")) << message;
  EXPECT_TRUE(contains(message, "disk")) << message;
  EXPECT_FALSE(maybe_applied);
}

TEST_F(errors, a_silent_server_releases_the_waiter_at_its_deadline) {
  redis_server server;
  config settings = hasty(server.url());
  settings.timeout = 200ms;
  std::chrono::steady_clock::duration spent{};
  const std::string message = operation_error<timeout_error>(settings, [&](client& redis) -> asio::awaitable<void> {
    server.pause();
    const auto begin = std::chrono::steady_clock::now();
    std::exception_ptr failure;
    try {
      co_await redis.set("k", "v");
    } catch (...) {
      failure = std::current_exception();
    }
    spent = std::chrono::steady_clock::now() - begin;
    server.resume();
    if (failure) std::rethrow_exception(failure);
  });
  EXPECT_TRUE(contains(message, "SET k")) << message;
  EXPECT_TRUE(contains(message, "200 ms")) << message;
  EXPECT_FALSE(contains(message, "\"v\"")) << message;
  EXPECT_TRUE(maybe_applied);
  EXPECT_GE(spent, 200ms);
  EXPECT_LT(spent, 300ms);
}

TEST_F(errors, the_timeout_of_a_call_goes_before_the_configured_one) {
  redis_server server;
  config settings = hasty(server.url());
  settings.timeout = 60s;
  operation_error<timeout_error>(settings, [&](client& redis) -> asio::awaitable<void> {
    server.pause();
    const call_options soon{.timeout = 30ms};
    std::exception_ptr failure;
    try {
      co_await redis.with(soon).get("k");
    } catch (...) {
      failure = std::current_exception();
    }
    server.resume();
    if (failure) std::rethrow_exception(failure);
  });
}

TEST_F(errors, more_operations_than_the_bound_are_overloaded) {
  redis_server server;
  config settings = hasty(server.url());
  settings.max_operations = 10;
  settings.timeout = 5s;
  run([&]() -> asio::awaitable<void> {
    client redis(io.get_executor(), settings);
    co_await redis.connect();
    int refused = 0;
    int answered = 0;
    for (int i = 0; i < 25; ++i) {
      redis.get("k")([&](std::exception_ptr failure, std::optional<json::value>) {
        if (!failure) {
          ++answered;
          return;
        }
        try {
          std::rethrow_exception(failure);
        } catch (const overloaded& e) {
          EXPECT_FALSE(e.maybe_applied());
          ++refused;
        } catch (const std::exception& e) {
          ADD_FAILURE() << e.what();
        }
      });
    }
    co_await until([&] { return refused + answered == 25; });
    EXPECT_EQ(refused, 15);
    co_await redis.disconnect();
  });
}

TEST_F(errors, more_waiting_pops_than_the_bound_are_overloaded) {
  redis_server server;
  config settings = hasty(server.url());
  settings.max_operations = 10;
  run([&]() -> asio::awaitable<void> {
    client redis(io.get_executor(), settings);
    co_await redis.connect();
    int refused = 0;
    int empty = 0;
    for (int i = 0; i < 25; ++i) {
      redis.get_from_queue("queue", 100ms)([&](std::exception_ptr failure, std::optional<json::value> element) {
        if (!failure) {
          EXPECT_FALSE(element);
          ++empty;
          return;
        }
        try {
          std::rethrow_exception(failure);
        } catch (const overloaded& e) {
          EXPECT_FALSE(e.maybe_applied());
          ++refused;
        } catch (const std::exception& e) {
          ADD_FAILURE() << e.what();
        }
      });
    }
    co_await until([&] { return refused + empty == 25; });
    EXPECT_EQ(refused, 15);
    co_await redis.disconnect();
  });
}

TEST_F(errors, a_peer_that_speaks_something_else_is_a_protocol_error) {
  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  start([](tcp::acceptor& listening) -> asio::awaitable<void> {
    for (int i = 0; i < 2; ++i) {
      tcp::socket peer = co_await listening.async_accept(asio::deferred);
      char buffer[1024];
      co_await peer.async_read_some(asio::buffer(buffer), asio::deferred);
      // Enough of a handshake, then nonsense for the first command.
      const std::string hello = "%1\r\n$5\r\nproto\r\n:3\r\n";
      co_await asio::async_write(peer, asio::buffer(hello), asio::deferred);
      boost::system::error_code ec;
      co_await peer.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, ec));
      const std::string nonsense = "HTTP/1.1 400 Bad Request\r\n\r\n";
      co_await asio::async_write(peer, asio::buffer(nonsense), asio::redirect_error(asio::use_awaitable, ec));
      if (i == 0) co_await peer.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, ec));
    }
  }(acceptor));
  config settings = hasty("redis://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  const std::string message = operation_error<protocol_error>(
      settings, [](client& redis) -> asio::awaitable<void> { co_await redis.set("k", 1); });
  EXPECT_TRUE(contains(message, "SET k")) << message;
}

TEST_F(errors, a_cancelled_operation_is_cancelled_and_the_next_reply_intact) {
  redis_server server;
  run([&]() -> asio::awaitable<void> {
    client redis(io.get_executor(), hasty(server.url()));
    co_await redis.connect();
    co_await redis.set("a", "a");
    co_await redis.set("b", "b");
    bool told = false;
    server.pause();
    asio::cancellation_signal stop;
    redis.get<std::string>("a")(asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr failure, auto) {
      told = true;
      EXPECT_THROW(std::rethrow_exception(failure), cancelled);
    }));
    co_await pause(5ms);
    stop.emit(asio::cancellation_type::total);
    co_await until([&] { return told; }, 1s);
    server.resume();
    EXPECT_EQ(co_await redis.get<std::string>("b"), "b");
    co_await redis.disconnect();
  });
}

TEST_F(errors, a_destroyed_client_cancels_what_is_waiting) {
  redis_server server;
  run([&]() -> asio::awaitable<void> {
    auto redis = std::make_unique<client>(io.get_executor(), hasty(server.url()));
    co_await redis->connect();
    int cancelled_ones = 0;
    const auto count = [&](std::exception_ptr failure, auto) {
      try {
        if (failure) std::rethrow_exception(failure);
      } catch (const cancelled&) {
        ++cancelled_ones;
      } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
      }
    };
    server.pause();
    redis->get("a")(count);
    redis->get_from_queue("q", 60s)(count);
    redis->exec("BLPOP", "q", 60)([&](std::exception_ptr failure, reply) { count(failure, 0); });
    co_await pause(20ms);
    redis.reset();
    co_await until([&] { return cancelled_ones == 3; }, 5s);
    server.resume();
  });
}

TEST_F(errors, commands_that_would_change_the_shared_connection_are_refused_with_advice) {
  redis_server server;
  run([&]() -> asio::awaitable<void> {
    client redis(io.get_executor(), hasty(server.url()));
    co_await redis.connect();
    for (const char* name : {"SUBSCRIBE", "SELECT", "MULTI", "MONITOR", "AUTH"}) {
      try {
        (void)redis.exec(name, "x");
        ADD_FAILURE() << name;
      } catch (const error& e) {
        EXPECT_TRUE(contains(e.what(), name)) << e.what();
      }
    }
    co_await redis.disconnect();
  });
}

TEST_F(errors, an_unreachable_server_is_unhealthy_and_says_why) {
  redis_server server;
  run([&]() -> asio::awaitable<void> {
    client redis(io.get_executor(), hasty(server.url()));
    health before = co_await redis.health_check();
    EXPECT_EQ(before.status, "unhealthy");
    EXPECT_FALSE(before.connected);
    EXPECT_TRUE(contains(before.reason, "not connected")) << before.reason;
    co_await redis.connect();
    const health up = co_await redis.health_check();
    EXPECT_TRUE(up.healthy()) << up.reason;
    EXPECT_TRUE(up.connected);
    EXPECT_FALSE(up.redis_version.empty());
    EXPECT_EQ(up.role, "master");
    EXPECT_GT(up.latency.count(), 0);
    EXPECT_EQ(up.lanes.connected, 1u);
    server.kill();
    const health down = co_await redis.health_check();
    EXPECT_EQ(down.status, "unhealthy");
    EXPECT_FALSE(down.reason.empty());
    co_await redis.disconnect();
  });
}

}  // namespace
}  // namespace redstart::test
