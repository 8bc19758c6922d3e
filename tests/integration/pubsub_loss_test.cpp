// SPDX-License-Identifier: MIT
// What subscribers see of connections that are lost and servers that misbehave.
#include "redstart/error.hpp"
#include "support/pubsub_fixture.hpp"

#include <boost/asio/write.hpp>

namespace redstart::test {
namespace {

class pubsub_losses : public pubsub {};
class pubsub_loss_protocols : public pubsub_protocols {};
INSTANTIATE_TEST_SUITE_P(resp, pubsub_loss_protocols, ::testing::Values(2, 3));

TEST_P(pubsub_loss_protocols, every_cut_is_told_once_and_messages_after_it_arrive) {
  constexpr int cuts = 20;
  run([&]() -> asio::awaitable<void> {
    subscription one = co_await subscribe(list("a", "b"), list("p*"));
    subscription other = co_await subscribe(list("a"));
    for (int i = 0; i < cuts; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      cut();
      for (subscription* each : {&one, &other}) {
        const message notice = co_await each->next();
        EXPECT_EQ(notice.kind, kind_type::gap);
        EXPECT_GT(notice.outage, 0ms);
        EXPECT_LE(notice.outage, std::chrono::steady_clock::now() - begin + 2ms);
      }
      // Told means restored: from here on nothing is missing.
      EXPECT_EQ(publish("a", std::to_string(i)), 1);
      EXPECT_EQ(publish("pattern", std::to_string(i)), 1);
      EXPECT_EQ(co_await payload_of_next(one), std::to_string(i));
      EXPECT_EQ(co_await payload_of_next(one), std::to_string(i));
      EXPECT_EQ(co_await payload_of_next(other), std::to_string(i));
    }
    EXPECT_EQ(connections(), 1);
  });
}

TEST_P(pubsub_loss_protocols, a_silent_connection_is_asked_and_lives) {
  options->health_check_interval = 20ms;
  make();
  run([&]() -> asio::awaitable<void> {
    subscription events = co_await subscribe(list("a"));
    const auto pings = [&] {
      const std::string text = server->command({"INFO", "commandstats"}).text;
      const auto at = text.find("cmdstat_ping:calls=");
      return at == std::string::npos ? 0 : std::stoi(text.substr(at + 19));
    };
    const int before = pings();
    EXPECT_TRUE(co_await becomes([&] { return pings() >= before + 3; }));
    publish("a", "x");
    EXPECT_EQ(co_await payload_of_next(events), "x");  // and no gap before it
  });
}

TEST_F(pubsub_losses, messages_after_a_restart_of_the_server_arrive_behind_the_gap) {
  redis_server own;
  connect_to(own);
  run([&]() -> asio::awaitable<void> {
    subscription events = co_await subscribe(list("a"));
    publish("a", "before");
    EXPECT_EQ(co_await payload_of_next(events), "before");
    own.stop();
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(co_await becomes([&] { return !events.is_open(); }, 100ms));
    own.start();
    EXPECT_TRUE(co_await becomes([&] { return subscribers("a") == 1; }));
    publish("a", "after");
    const message notice = co_await events.next();
    EXPECT_EQ(notice.kind, kind_type::gap);
    EXPECT_GE(notice.outage, 90ms);
    EXPECT_LE(notice.outage, std::chrono::steady_clock::now() - begin + 2ms);
    EXPECT_EQ(co_await payload_of_next(events), "after");
  });
}

TEST_F(pubsub_losses, a_subscription_made_after_the_loss_is_told_of_no_gap) {
  redis_server own;
  connect_to(own);
  run([&]() -> asio::awaitable<void> {
    subscription old = co_await subscribe(list("a"));
    own.stop();
    // The loss is noticed when this fails, because there is nothing that it could be confirmed on.
    co_await failure_of<connection_error>([&] { return service->subscribe({.channels = {"b"}}, 100ms); });
    std::optional<subscription> fresh;
    start([&]() -> asio::awaitable<void> { fresh = co_await subscribe(list("a")); });
    EXPECT_FALSE(co_await becomes([&] { return fresh.has_value(); }, 20ms));
    own.start();
    EXPECT_TRUE(co_await becomes([&] { return fresh.has_value(); }));
    publish("a", "1");
    EXPECT_EQ((co_await old.next()).kind, kind_type::gap);
    EXPECT_EQ(co_await payload_of_next(old), "1");
    EXPECT_EQ(co_await payload_of_next(*fresh), "1");
  });
}

TEST_F(pubsub_losses, many_names_are_resubscribed_in_pieces) {
  run([&]() -> asio::awaitable<void> {
    std::vector<std::string> names;
    for (int i = 0; i < 2500; ++i) names.push_back("channel:" + std::to_string(i));
    subscription events = co_await subscribe(names);
    cut();
    EXPECT_EQ((co_await events.next()).kind, kind_type::gap);
    for (const char* name : {"channel:0", "channel:1250", "channel:2499"}) {
      EXPECT_EQ(publish(name, name), 1);
      EXPECT_EQ(co_await payload_of_next(events), name);
    }
  });
}

TEST_F(pubsub_losses, a_peer_that_falls_silent_is_found_and_replaced) {
  redis_server own;
  connect_to(own, 3, own.url());
  options->health_check_interval = 30ms;
  options->liveness_timeout = 100ms;
  options->connection.dial.timeout = 100ms;
  make();
  run([&]() -> asio::awaitable<void> {
    subscription events = co_await subscribe(list("a"));
    own.pause();
    asio::steady_timer pause(on, 400ms);
    co_await pause.async_wait(asio::use_awaitable);
    own.resume();
    const message notice = co_await events.next();
    EXPECT_EQ(notice.kind, kind_type::gap);
    EXPECT_GT(notice.outage, 100ms);
    publish("a", "x");
    EXPECT_EQ(co_await payload_of_next(events), "x");
  });
}

// --- A server that breaks the rules ----------------------------------------------------------------------------------

// Logs everybody in, confirms the channel "a", then says `bytes` to its first client and publishes to every later one.
class rude_server {
 public:
  rude_server(net::strand on, std::string bytes)
      : on_(std::move(on)), acceptor_(on_, {asio::ip::make_address("127.0.0.1"), 0}), bytes_(std::move(bytes)) {
    asio::co_spawn(on_, serve(), asio::detached);
  }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
  int clients() const { return clients_; }

 private:
  asio::awaitable<void> serve() {
    for (;;) {
      tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
      co_await say(socket, "PING", "+PONG\r\n");
      co_await say(socket, "SUBSCRIBE", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
      std::string last = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n";
      if (clients_++ == 0) last.insert(0, bytes_);
      co_await asio::async_write(socket, asio::buffer(last), asio::use_awaitable);
      sockets_.push_back(std::move(socket));
    }
  }
  static asio::awaitable<void> say(tcp::socket& to, std::string_view after, std::string_view answer) {
    std::string heard;
    while (heard.find(after) == std::string::npos || !heard.ends_with("\r\n")) {
      char some[512];
      const std::size_t count = co_await to.async_read_some(asio::buffer(some), asio::use_awaitable);
      heard.append(some, count);
    }
    co_await asio::async_write(to, asio::buffer(answer), asio::use_awaitable);
  }

  net::strand on_;
  tcp::acceptor acceptor_;
  std::string bytes_;
  int clients_ = 0;
  std::vector<tcp::socket> sockets_;
};

TEST_F(pubsub_losses, what_is_no_answer_and_no_message_ends_the_connection_and_is_told_as_a_gap) {
  for (const char* bytes : {"bogus\r\n", "+OK\r\n", "-ERR out of the blue\r\n", ":1\r\n", "*1\r\n$3\r\nfoo\r\n",
                            "*3\r\n$9\r\nsubscribe\r\n$1\r\nz\r\n:1\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n",
                            "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n"}) {
    SCOPED_TRACE(bytes);
    rude_server rude(on, bytes);
    options = options_for(io.get_executor(), rude.url(), 2);
    options->connection.login.client_name.clear();
    make();
    run([&]() -> asio::awaitable<void> {
      subscription events = co_await subscribe(list("a"));
      EXPECT_EQ((co_await events.next()).kind, kind_type::gap);
      EXPECT_EQ(co_await payload_of_next(events), "x");
      EXPECT_EQ(rude.clients(), 2);
      service->close();
      co_await service->closed();
    });
  }
}

TEST_F(pubsub_losses, what_may_be_ignored_is_ignored) {
  for (const char* bytes :
       {">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n", ">1\r\n$7\r\nunknown\r\n",
        "*3\r\n$7\r\nmessage\r\n$1\r\nz\r\n$1\r\ny\r\n", "*4\r\n$8\r\npmessage\r\n$1\r\na\r\n$1\r\na\r\n$1\r\ny\r\n"}) {
    SCOPED_TRACE(bytes);
    rude_server rude(on, bytes);
    options = options_for(io.get_executor(), rude.url(), 2);
    options->connection.login.client_name.clear();
    make();
    run([&]() -> asio::awaitable<void> {
      subscription events = co_await subscribe(list("a"));
      EXPECT_EQ(co_await payload_of_next(events), "x");
      EXPECT_EQ(rude.clients(), 1);
      service->close();
      co_await service->closed();
    });
  }
}

}  // namespace
}  // namespace redstart::test
