// SPDX-License-Identifier: MIT
#include "redstart/web/redis.hpp"
#include "support/client_fixture.hpp"

namespace redstart::test {
namespace {

class web : public loop_test {
 protected:
  void SetUp() override { settings.url = server.url(); }
  redis_server server;
  config settings;
};

TEST_F(web, handlers_share_the_client_between_startup_and_shutdown) {
  run([this]() -> asio::awaitable<void> {
    EXPECT_EQ(redstart::web::get_redis_optional(), nullptr);
    EXPECT_THROW((void)redstart::web::get_redis(), not_connected);

    co_await redstart::web::init_redis(io.get_executor(), settings);
    const auto redis = redstart::web::get_redis();
    EXPECT_EQ(redis, redstart::web::get_redis_optional());
    EXPECT_EQ(co_await redis->add_to_queue("events_queue", "event"), 1u);

    co_await redstart::web::init_redis(io.get_executor(), settings);
    EXPECT_EQ(redis, redstart::web::get_redis());

    co_await redstart::web::close_redis(io.get_executor());
    EXPECT_EQ(redstart::web::get_redis_optional(), nullptr);
    EXPECT_THROW(co_await redis->get("key"), not_connected);
    co_await redstart::web::close_redis(io.get_executor());
  });
}

TEST_F(web, concurrent_first_calls_make_one_client) {
  run([this]() -> asio::awaitable<void> {
    for (int i = 0; i < 10; ++i) {
      start([](asio::io_context& on, const config& with) -> asio::awaitable<void> {
        co_await redstart::web::init_redis(on.get_executor(), with);
      }(io, settings));
    }
    co_await all_done();
    const std::string clients = server.command({"CLIENT", "LIST", "TYPE", "normal"}).text;
    std::size_t count = 0;
    for (std::size_t at = clients.find("name=redstart"); at != std::string::npos;
         at = clients.find("name=redstart", at + 1)) {
      ++count;
    }
    EXPECT_EQ(count, 1u) << clients;
    co_await redstart::web::close_redis(io.get_executor());
  });
}

TEST_F(web, a_failed_start_can_be_tried_again) {
  run([this]() -> asio::awaitable<void> {
    config nowhere;
    nowhere.url = "redis://127.0.0.1:" + std::to_string(free_port());
    nowhere.connect_attempts = 1;
    EXPECT_THROW(co_await redstart::web::init_redis(io.get_executor(), nowhere), connection_error);
    EXPECT_EQ(redstart::web::get_redis_optional(), nullptr);
    co_await redstart::web::init_redis(io.get_executor(), settings);
    EXPECT_NE(redstart::web::get_redis_optional(), nullptr);
    co_await redstart::web::close_redis(io.get_executor());
  });
}

}  // namespace
}  // namespace redstart::test
