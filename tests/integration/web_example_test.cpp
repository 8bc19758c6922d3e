// SPDX-License-Identifier: MIT
// The service of docs/web.md, as it stands in examples/, over real sockets.
#include "../../examples/support.hpp"
#include "redstart/client.hpp"
#include "redstart/web/http_error.hpp"
#include "redstart/web/redis.hpp"
#include "redstart/web/server.hpp"
#include "support/server.hpp"
#include "support/web_fixture.hpp"
#include "support/websocket_client.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/describe.hpp>

#include <vector>

// Its names are its own: everything that it includes stands above. That lambdas have no linkage would matter in a
// header.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wsubobject-linkage"
#endif
namespace web_service_example {
#define main example_main
#include "../../examples/web_service.cpp"  // NOLINT(bugprone-suspicious-include)
#undef main
}  // namespace web_service_example

namespace redstart::test {
namespace {

class web_example : public web_server_test {
 protected:
  web_example() {
    web_service_example::add_routes(app);
    app.on_startup([this]() -> asio::awaitable<void> {
      config settings;
      settings.url = redis.url();
      const auto executor = co_await asio::this_coro::executor;
      co_await web::init_redis(executor, settings);
    });
    app.on_shutdown([]() -> asio::awaitable<void> {
      const auto executor = co_await asio::this_coro::executor;
      co_await web::close_redis(executor);
    });
    serve();
  }
  ~web_example() override { end(); }

  // Until somebody hears it.
  bool publish(const std::string& text) {
    return eventually([&] { return redis.command({"PUBLISH", "camera_events", text}).integer > 0; });
  }

  redis_server redis;
};

TEST_F(web_example, clients_of_the_socket_get_what_is_published) {
  plain_websocket_client client(port());
  ASSERT_EQ(client.open("/ws"), 101u);
  ASSERT_TRUE(publish("one"));
  EXPECT_EQ(client.read(), "one");
  EXPECT_FALSE(client.close(boost::beast::websocket::close_code::normal));
  EXPECT_TRUE(connections_become(0));
}

TEST_F(web_example, a_socket_whose_subscription_has_ended_is_closed_and_not_mute) {
  plain_websocket_client client(port());
  ASSERT_EQ(client.open("/ws"), 101u);
  ASSERT_TRUE(publish("one"));
  EXPECT_EQ(client.read(), "one");
  redis.command({"ACL", "SETUSER", "default", "resetchannels"});
  EXPECT_EQ(client.read(), std::nullopt);
  EXPECT_EQ(client.closed_with(), 1013u);
}

}  // namespace
}  // namespace redstart::test
