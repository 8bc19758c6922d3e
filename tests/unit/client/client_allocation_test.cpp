// SPDX-License-Identifier: MIT
// What a GET costs a client on a real server in allocations.
#include "support/allocations.hpp"
#include "support/client_fixture.hpp"

namespace redstart::test {
namespace {

class steady_allocation : public ::testing::Test {
 protected:
  // In one call of run(), as programs do it: Asio's caches of memory belong to the call.
  void run(const std::function<asio::awaitable<void>(client&)>& work) {
    config settings;
    settings.url = server.unix_url();
    asio::io_context io;
    std::exception_ptr failure;
    bool ended = false;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
          client redis(io.get_executor(), settings);
          co_await redis.connect();
          co_await work(redis);
          co_await redis.disconnect();
        },
        [&](std::exception_ptr thrown) {
          failure = std::move(thrown);
          ended = true;
        });
    io.run_for(40s);
    ASSERT_TRUE(ended);
    if (failure) std::rethrow_exception(failure);
  }
  redis_server server;
};

// Of `width` coroutines that read at once: what is allocated in each of their rounds, once all are at it.
struct progress {
  int width;
  int running;
  int warm = 0;
  std::size_t before = 0;
  std::size_t made = 0;
};
constexpr int rounds = 500;

asio::awaitable<void> read_in_rounds(client& redis, progress& all) {
  constexpr int warm_up = 50;
  for (int i = 0; i < warm_up + rounds; ++i) {
    if (i == warm_up && ++all.warm == all.width) all.before = allocations();
    const auto value = co_await redis.get<std::string>("key");
    EXPECT_EQ(value, "value");
  }
  // The end of a coroutine is not the steady state any more.
  if (all.made == 0) all.made = allocations() - all.before;
  --all.running;
}

TEST_F(steady_allocation, a_get_allocates_nothing_of_its_own_what_is_allocated_is_for_a_turn_of_the_loop) {
  server.command({"SET", "key", "value"});
  for (const int width : {1, 64, 512}) {
    run([width](client& redis) -> asio::awaitable<void> {
      progress all{.width = width, .running = width};
      const auto executor = co_await asio::this_coro::executor;
      for (int i = 0; i < width; ++i) {
        asio::co_spawn(executor, read_in_rounds(redis, all), [](std::exception_ptr thrown) { EXPECT_FALSE(thrown); });
      }
      asio::steady_timer timer(executor);
      while (all.running > 0) {
        timer.expires_after(20ms);
        co_await timer.async_wait(asio::deferred);
      }
      std::printf("%d at once: %zu allocations in %d GETs\n", width, all.made, width * rounds);
      // Asio's: a strand over a type-erased executor asks that for its properties through the heap, and its memory for
      // handlers has two places. A read of many replies is one turn.
      constexpr std::size_t of_a_turn = 10;
      EXPECT_LE(all.made, of_a_turn * rounds);
    });
  }
}

}  // namespace
}  // namespace redstart::test
