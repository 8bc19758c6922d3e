// SPDX-License-Identifier: MIT
// WebSockets, over real sockets.
#include "redstart/error.hpp"
#include "redstart/web/http_error.hpp"
#include "redstart/web/websocket.hpp"
#include "support/web_fixture.hpp"
#include "support/websocket_client.hpp"

#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>

namespace redstart::test {
namespace {

using web::close_code;
using web::websocket;
using client_type = plain_websocket_client;

// What a program that broadcasts has: the sockets that are open now.
class audience {
 public:
  asio::awaitable<void> listen(websocket socket) {
    const auto mine = std::make_shared<websocket>(socket);
    {
      const std::lock_guard lock(mutex_);
      all_.insert(mine);
    }
    co_await socket.closed();
    const std::lock_guard lock(mutex_);
    all_.erase(mine);
  }
  int send(const std::shared_ptr<const std::string>& text) {
    const std::lock_guard lock(mutex_);
    int reached = 0;
    for (const auto& each : all_) reached += each->send(text) ? 1 : 0;
    return reached;
  }
  int send(std::string text) { return send(std::make_shared<const std::string>(std::move(text))); }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }
  std::shared_ptr<websocket> first() {
    const std::lock_guard lock(mutex_);
    return all_.empty() ? nullptr : *all_.begin();
  }

 private:
  std::mutex mutex_;
  std::set<std::shared_ptr<websocket>> all_;
};

class web_socket : public web_server_test {
 protected:
  web_socket() {
    app.websocket_route("/echo", [](websocket socket) -> asio::awaitable<void> {
      for (;;) {
        auto text = co_await socket.read();
        if (!text) co_return;
        socket.send(std::move(*text));
      }
    });
    app.websocket_route("/listen", [this](websocket socket) -> asio::awaitable<void> { co_await room.listen(socket); });
    app.websocket_route("/goodbye", [](websocket socket) -> asio::awaitable<void> {
      for (int i = 0; i < 5; ++i) socket.send(std::string(100'000, static_cast<char>('a' + i)));
      co_return;
    });
    app.websocket_route("/fail/{how}",
                        [](websocket socket, web::path<std::string, "how"> how) -> asio::awaitable<void> {
                          (void)co_await socket.read();
                          if (*how == "redis") throw connection_error("redis is away");
                          throw std::runtime_error("password=hunter2");
                        });
    app.get("/text", [] { return "text"; });
  }
  ~web_socket() override { end(); }

  bool sockets_become(std::size_t count) {
    return eventually([&] { return server().figures().websockets == count; });
  }

  audience room;
};

TEST_F(web_socket, echoes_in_order) {
  serve();
  client_type client(port());
  ASSERT_EQ(client.open("/echo"), 101u);
  for (int i = 0; i < 100; ++i) {
    ASSERT_FALSE(client.send("message " + std::to_string(i)));
    ASSERT_EQ(client.read(), "message " + std::to_string(i));
  }
  ASSERT_FALSE(client.send(""));
  EXPECT_EQ(client.read(), "");
  EXPECT_FALSE(client.close(boost::beast::websocket::close_code::normal));
  EXPECT_TRUE(connections_become(0));
  EXPECT_TRUE(sockets_become(0));
}

TEST_F(web_socket, large_and_fragmented_messages_come_whole) {
  serve({.max_message_bytes = 1'000'000});
  client_type client(port());
  ASSERT_EQ(client.open("/echo"), 101u);
  client.socket().auto_fragment(true);
  client.socket().write_buffer_bytes(100);
  const std::string large(300'000, 'x');
  ASSERT_FALSE(client.send(large));
  EXPECT_EQ(client.read(), large);
}

TEST_F(web_socket, what_a_handler_sent_last_arrives_before_the_end) {
  serve();
  client_type client(port());
  ASSERT_EQ(client.open("/goodbye"), 101u);
  for (int i = 0; i < 5; ++i) ASSERT_EQ(client.read(), std::string(100'000, static_cast<char>('a' + i)));
  EXPECT_EQ(client.read(), std::nullopt);
  EXPECT_EQ(client.closed_with(), 1000u);
  EXPECT_TRUE(connections_become(0));
}

TEST_F(web_socket, broadcasts_from_another_thread_reach_everybody_in_order) {
  serve({}, 2);
  std::vector<std::unique_ptr<client_type>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<client_type>(port()));
    ASSERT_EQ(clients.back()->open("/listen"), 101u);
  }
  ASSERT_TRUE(eventually([&] { return room.size() == 10; }));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(room.send(std::to_string(i)), 10);
  for (const auto& each : clients) {
    for (int i = 0; i < 200; ++i) ASSERT_EQ(each->read(), std::to_string(i));
  }
}

TEST_F(web_socket, broadcasts_from_several_threads_lose_nothing) {
  serve({}, 2);
  client_type client(port());
  ASSERT_EQ(client.open("/listen"), 101u);
  ASSERT_TRUE(eventually([&] { return room.size() == 1; }));
  std::vector<std::thread> threads;
  for (char name : {'a', 'b', 'c'}) {
    threads.emplace_back([this, name] {
      for (int i = 0; i < 300; ++i) ASSERT_EQ(room.send(name + std::to_string(i)), 1);
    });
  }
  std::array<int, 3> next{};
  for (int i = 0; i < 900; ++i) {
    const auto text = client.read();
    ASSERT_TRUE(text);
    int& due = next[static_cast<std::size_t>(text->front() - 'a')];
    ASSERT_EQ(text->substr(1), std::to_string(due++)) << "each thread's own order stays";
  }
  for (auto& each : threads) each.join();
}

TEST_F(web_socket, a_slow_client_is_dropped_and_told_why_and_disturbs_nobody) {
  serve({.max_websocket_backlog = 200'000}, 2);
  client_type slow(port());
  client_type quick(port());
  ASSERT_EQ(slow.open("/listen"), 101u);
  ASSERT_EQ(quick.open("/listen"), 101u);
  ASSERT_TRUE(eventually([&] { return room.size() == 2; }));
  const auto text = std::make_shared<const std::string>(10'000, 'x');
  int sent = 0;
  std::size_t shared_most = 0;
  while (room.send(text) == 2) {
    ASSERT_LT(++sent, 10'000);
    ASSERT_EQ(quick.read(), *text);
    shared_most = std::max(shared_most, static_cast<std::size_t>(text.use_count()));
  }
  EXPECT_LE(shared_most, 50u) << "no more than the bound waits";
  EXPECT_EQ(quick.read(), *text);
  EXPECT_TRUE(eventually([&] { return text.use_count() <= 3; })) << "what waited was dropped";
  int got = 0;
  while (slow.read()) ++got;
  EXPECT_LE(got, sent);
  EXPECT_EQ(slow.closed_with(), 1013u);
  EXPECT_NE(slow.reason().find("too slow"), std::string::npos) << slow.reason();
  EXPECT_TRUE(eventually([&] { return room.size() == 1; }));
  EXPECT_EQ(room.send("still"), 1);
  EXPECT_EQ(quick.read(), "still");
}

TEST_F(web_socket, many_empty_messages_are_bounded_too) {
  serve({.max_websocket_backlog = 100'000});
  client_type slow(port());
  ASSERT_EQ(slow.open("/listen"), 101u);
  ASSERT_TRUE(eventually([&] { return room.size() == 1; }));
  const auto socket = room.first();
  gate blocked;
  gate held;
  gate ended;  // the gates are not looked at any more
  asio::post(io(), [&] {
    blocked.open();
    while (!held.is_open()) std::this_thread::sleep_for(1ms);  // nothing is written meanwhile
    ended.open();
  });
  ASSERT_TRUE(eventually([&] { return blocked.is_open(); }));
  int taken = 0;
  while (taken < 100'000 && socket->send("")) ++taken;
  held.open();
  ASSERT_TRUE(eventually([&] { return ended.is_open(); }));
  EXPECT_LE(taken, 2000);
}

TEST_F(web_socket, a_slow_client_that_never_reads_again_is_cut) {
  serve({.max_websocket_backlog = 200'000});
  client_type slow(port());
  ASSERT_EQ(slow.open("/listen"), 101u);
  ASSERT_TRUE(eventually([&] { return room.size() == 1; }));
  const auto text = std::make_shared<const std::string>(100'000, 'x');
  for (int i = 0; i < 10'000 && room.send(text) == 1; ++i) {
  }
  EXPECT_TRUE(connections_become(0));
}

TEST_F(web_socket, one_message_larger_than_the_bound_is_taken) {
  serve({.max_websocket_backlog = 100});
  client_type client(port());
  ASSERT_EQ(client.open("/listen"), 101u);
  ASSERT_TRUE(eventually([&] { return room.size() == 1; }));
  EXPECT_EQ(room.send(std::string(100'000, 'x')), 1);
  EXPECT_EQ(client.read()->size(), 100'000u);
}

TEST_F(web_socket, a_message_that_is_too_big_closes_with_1009) {
  serve({.max_message_bytes = 1000});
  client_type client(port());
  ASSERT_EQ(client.open("/echo"), 101u);
  ASSERT_FALSE(client.send(std::string(1000, 'x')));
  EXPECT_EQ(client.read()->size(), 1000u);
  ASSERT_FALSE(client.send(std::string(1001, 'x')));
  EXPECT_EQ(client.read(), std::nullopt);
  EXPECT_EQ(client.closed_with(), 1009u);
  EXPECT_TRUE(connections_become(0));
}

// https://www.rfc-editor.org/rfc/rfc6455#section-8.1
TEST_F(web_socket, text_that_is_not_utf8_closes_with_1007) {
  serve();
  for (const std::string bad : {"\xff\xfe", "cut \xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    client_type client(port());
    ASSERT_EQ(client.open("/echo"), 101u);
    (void)client.send(bad);
    EXPECT_EQ(client.read(), std::nullopt) << testing::PrintToString(bad);
    EXPECT_EQ(client.closed_with(), 1007u) << testing::PrintToString(bad);
  }
  EXPECT_TRUE(connections_become(0));
}

TEST_F(web_socket, a_character_may_be_cut_by_frames_and_not_by_the_message) {
  serve();
  client_type client(port());
  ASSERT_EQ(client.open("/echo"), 101u);
  const auto send = [&client](bool last, std::string_view part) {
    return client.run([&](auto done) {
      client.socket().async_write_some(
          last, asio::buffer(part.data(), part.size()),
          [done](const boost::system::error_code& failure, std::size_t) { done(failure); });
    });
  };
  ASSERT_FALSE(send(false, "\xe2\x82"));
  ASSERT_FALSE(send(true, "\xac"));
  EXPECT_EQ(client.read(), "€");
  ASSERT_FALSE(send(false, "\xe2\x82"));
  (void)send(true, "");
  EXPECT_EQ(client.read(), std::nullopt);
  EXPECT_EQ(client.closed_with(), 1007u);
}

TEST_F(web_socket, a_handler_that_throws_closes_with_1011_and_tells_only_the_log) {
  serve();
  client_type client(port());
  ASSERT_EQ(client.open("/fail/badly"), 101u);
  ASSERT_FALSE(client.send("go"));
  EXPECT_EQ(client.read(), std::nullopt);
  EXPECT_EQ(client.closed_with(), 1011u);
  EXPECT_EQ(client.reason(), "");
  EXPECT_TRUE(was_logged("hunter2"));
}

TEST_F(web_socket, a_handler_that_lost_redis_closes_with_1013) {
  serve();
  client_type client(port());
  ASSERT_EQ(client.open("/fail/redis"), 101u);
  ASSERT_FALSE(client.send("go"));
  EXPECT_EQ(client.read(), std::nullopt);
  EXPECT_EQ(client.closed_with(), 1013u);
}

TEST_F(web_socket, what_refuses_before_the_socket_is_open_is_a_plain_answer) {
  app.provide([](web::header<"Authorization", std::optional<std::string>> token) -> std::shared_ptr<int> {
    if (!token->has_value()) throw web::http_error(http::status::unauthorized, "a token, please");
    return std::make_shared<int>(1);
  });
  app.websocket_route("/private", [](websocket socket, int*, std::shared_ptr<int>) -> asio::awaitable<void> {
    socket.send("welcome");
    co_return;
  });
  serve();
  client_type stranger(port());
  EXPECT_EQ(stranger.open("/private"), 401u);
  EXPECT_EQ(server().figures().websockets, 0u);
  client_type known(port());
  ASSERT_EQ(known.open("/private", {{"Authorization", "Bearer x"}}), 101u);
  EXPECT_EQ(known.read(), "welcome");
  client_type lost(port());
  EXPECT_EQ(lost.open("/none"), 404u);
  client_type other(port());
  EXPECT_EQ(other.open("/text"), 200u) << "an upgrade may be ignored";
}

TEST_F(web_socket, a_plain_answer_leaves_the_connection_open) {
  app.websocket_route("/private", [](websocket) -> asio::awaitable<void> { co_return; });
  serve();
  auto client = connect();
  const auto refused = client.get("/private");
  EXPECT_EQ(refused.status, 426);
  EXPECT_EQ(refused.header("upgrade"), "websocket");
  EXPECT_EQ(refused.header("connection"), "upgrade");
  EXPECT_EQ(client.get("/text").body, "text");
}

TEST_F(web_socket, parameters_that_do_not_fit_close_the_socket_they_are_read_for) {
  app.websocket_route("/numbered/{n}", [](websocket, web::path<int, "n">) -> asio::awaitable<void> { co_return; });
  serve();
  client_type client(port());
  const unsigned status = client.open("/numbered/x");
  EXPECT_EQ(status, 422u);
}

TEST_F(web_socket, handshakes_that_are_none_are_refused) {
  serve();
  const auto ask = [&](const std::string& more) {
    return connect()
        .ask("GET /echo HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + more + "\r\n")
        .status;
  };
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  EXPECT_EQ(ask(key + "Sec-WebSocket-Version: 13\r\n"), 101);
  EXPECT_EQ(ask("Sec-WebSocket-Version: 13\r\n"), 400);
  EXPECT_EQ(ask(key + "Sec-WebSocket-Version: 12\r\n"), 426);
  EXPECT_EQ(ask(key), 400);
  EXPECT_TRUE(connections_become(0));
  EXPECT_TRUE(sockets_become(0));
}

TEST_F(web_socket, what_is_sent_before_the_socket_is_open_is_refused_not_lost) {
  serve();
  auto client = connect();
  client.send(
      "GET /echo HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nGET /echo HTTP/1.1\r\nHost: hub\r\n\r\n");
  const auto answer = client.read();
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_EQ(client.read_all(), "") << "what stood behind it was read as a request";
}

TEST_F(web_socket, pages_of_other_sites_cannot_open_one) {
  serve({.allowed_origins = {"https://panel.example"}});
  EXPECT_EQ(client_type(port()).open("/echo", {{"Origin", "http://evil.example"}}), 403u);
  EXPECT_EQ(client_type(port()).open("/echo", {{"Origin", "null"}}), 403u);
  EXPECT_EQ(client_type(port()).open("/echo", {{"Origin", "http://hub"}}), 403u) << "DNS rebinding";
  EXPECT_EQ(client_type(port()).open("/echo", {{"Origin", "https://panel.example"}}), 101u);
  EXPECT_EQ(client_type(port()).open("/echo"), 101u);
}

TEST_F(web_socket, clients_that_vanish_end_their_handlers) {
  serve();
  for (int i = 0; i < 20; ++i) {
    client_type client(port());
    ASSERT_EQ(client.open("/listen"), 101u);
    ASSERT_TRUE(eventually([&] { return room.size() == 1; }));
    client.vanish();
    ASSERT_TRUE(eventually([&] { return room.size() == 0; }));
  }
  EXPECT_TRUE(connections_become(0));
  EXPECT_TRUE(sockets_become(0));
}

TEST_F(web_socket, a_client_that_vanishes_amid_a_broadcast_harms_nobody) {
  serve({}, 2);
  std::vector<std::unique_ptr<client_type>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<client_type>(port()));
    ASSERT_EQ(clients.back()->open("/listen"), 101u);
  }
  ASSERT_TRUE(eventually([&] { return room.size() == 10; }));
  std::atomic<bool> over{false};
  std::thread sender([&] {
    while (!over) {
      room.send("tick");
      std::this_thread::sleep_for(1ms);
    }
  });
  for (std::size_t i = 1; i < clients.size(); ++i) clients[i]->vanish();
  EXPECT_TRUE(eventually([&] { return room.size() == 1; }));
  EXPECT_EQ(clients.front()->read(), "tick");
  over = true;
  sender.join();
}

TEST_F(web_socket, pings_of_a_client_are_answered) {
  serve();
  client_type client(port());
  ASSERT_EQ(client.open("/echo"), 101u);
  int pongs = 0;
  client.socket().control_callback([&pongs](boost::beast::websocket::frame_type kind, boost::beast::string_view) {
    if (kind == boost::beast::websocket::frame_type::pong) ++pongs;
  });
  ASSERT_FALSE(client.ping());
  ASSERT_FALSE(client.send("after"));
  EXPECT_EQ(client.read(), "after");
  EXPECT_EQ(pongs, 1);
}

TEST_F(web_socket, a_silent_client_gets_a_ping_and_stays_as_long_as_it_answers) {
  serve({.ping_interval = 1s});
  client_type client(port());
  ASSERT_EQ(client.open("/listen"), 101u);
  ASSERT_TRUE(eventually([&] { return room.size() == 1; }));
  std::thread later([this] {
    std::this_thread::sleep_for(3500ms);
    room.send("still there");
  });
  EXPECT_EQ(client.read(), "still there");
  EXPECT_GE(client.pings, 2);
  later.join();
}

TEST_F(web_socket, a_silent_client_that_answers_no_ping_is_closed) {
  serve({.ping_interval = 1s});
  client_type client(port());
  ASSERT_EQ(client.open("/listen"), 101u);
  ASSERT_TRUE(eventually([&] { return room.size() == 1; }));
  EXPECT_TRUE(connections_become(0)) << "it reads nothing, so it answers nothing";
  EXPECT_EQ(room.size(), 0u);
}

TEST_F(web_socket, stopping_tells_clients_that_the_server_goes_away) {
  serve();
  client_type client(port());
  ASSERT_EQ(client.open("/listen"), 101u);
  ASSERT_TRUE(eventually([&] { return room.size() == 1; }));
  auto stopped = stop();
  EXPECT_EQ(client.read(), std::nullopt);
  EXPECT_EQ(client.closed_with(), 1001u);
  stopped.get();
  EXPECT_EQ(room.size(), 0u);
}

TEST_F(web_socket, stopping_cuts_clients_that_do_not_take_their_leave_and_handlers_that_do_not_end) {
  std::atomic<bool> ended{false};
  app.websocket_route("/deaf", [&ended](websocket) -> asio::awaitable<void> {
    struct mark {
      std::atomic<bool>& at;
      ~mark() { at = true; }
    } const at_end{ended};
    asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
    co_await timer.async_wait(asio::use_awaitable);
  });
  serve({.drain_timeout = 200ms});
  client_type deaf(port());
  ASSERT_EQ(deaf.open("/deaf"), 101u);
  client_type silent(port());
  ASSERT_EQ(silent.open("/listen"), 101u);
  ASSERT_TRUE(sockets_become(2));
  stop().get();
  EXPECT_TRUE(ended);
  EXPECT_EQ(server().figures().connections, 0u);
  end();
}

TEST_F(web_socket, closing_from_another_thread_tells_the_code_and_the_reason) {
  serve({}, 2);
  client_type client(port());
  ASSERT_EQ(client.open("/listen"), 101u);
  ASSERT_TRUE(eventually([&] { return room.size() == 1; }));
  const auto socket = room.first();
  EXPECT_TRUE(socket->is_open());
  EXPECT_TRUE(socket->send("last words"));
  socket->close(close_code::policy, std::string(500, 'r'));
  socket->close(close_code::normal, "again");
  EXPECT_FALSE(socket->is_open());
  EXPECT_FALSE(socket->send("too late"));
  EXPECT_EQ(client.read(), "last words");
  EXPECT_EQ(client.read(), std::nullopt);
  EXPECT_EQ(client.closed_with(), 1008u);
  EXPECT_EQ(client.reason(), std::string(123, 'r'));
}

TEST_F(web_socket, a_handle_may_outlive_its_connection) {
  std::shared_ptr<websocket> kept;
  serve();
  {
    client_type client(port());
    ASSERT_EQ(client.open("/listen"), 101u);
    ASSERT_TRUE(eventually([&] { return room.size() == 1; }));
    kept = room.first();
  }
  EXPECT_TRUE(connections_become(0));
  EXPECT_FALSE(kept->is_open());
  EXPECT_FALSE(kept->send("nobody"));
  kept->close();
  kept.reset();
  end();
}

TEST_F(web_socket, hundreds_of_sockets_on_two_threads_come_and_go) {
  serve({}, 2);
  std::atomic<bool> over{false};
  std::thread sender([&] {
    while (!over) {
      room.send("tick");
      std::this_thread::sleep_for(200us);
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 40; ++i) {
        client_type client(port());
        ASSERT_EQ(client.open("/listen"), 101u);
        for (int n = 0; n < 3; ++n) ASSERT_EQ(client.read(), "tick");
        if ((i + t) % 3 == 0) client.vanish();
        if ((i + t) % 3 == 1) (void)client.close(boost::beast::websocket::close_code::normal);
        if (i % 10 == 0) {
          ASSERT_EQ(connect().get("/text").body, "text");
        }
      }
    });
  }
  for (auto& each : threads) each.join();
  over = true;
  sender.join();
  EXPECT_TRUE(connections_become(0));
  EXPECT_EQ(room.size(), 0u);
}

}  // namespace
}  // namespace redstart::test
