// SPDX-License-Identifier: MIT
#include "net/resolve.hpp"

#include "redstart/error.hpp"
#include "support/asio_test.hpp"

#include <gmock/gmock.h>

namespace redstart::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const tcp::endpoint loopback(asio::ip::make_address("127.0.0.1"), 6379);

class resolve : public asio_test {
 protected:
  std::vector<tcp::endpoint> look_up(const std::string& host, clock::duration limit) {
    std::vector<tcp::endpoint> found;
    run([&]() -> asio::awaitable<void> { found = co_await net::resolve(on, host, 6379, clock::now() + limit); });
    return found;
  }
};

TEST_F(resolve, address_needs_no_look_up) {
  EXPECT_THAT(look_up("127.0.0.1", 0ms), ::testing::ElementsAre(loopback));
  EXPECT_THAT(look_up("::1", 0ms), ::testing::ElementsAre(tcp::endpoint(asio::ip::make_address("::1"), 6379)));
}

TEST_F(resolve, name_gives_its_addresses_with_the_port) {
  EXPECT_THAT(look_up("localhost", 10s), ::testing::Contains(loopback));
}

TEST_F(resolve, name_that_does_not_exist_is_named) {
  // Top-level domain reserved for this by RFC 2606; it holds a space too, so that no resolver is asked over the
  // network.
  EXPECT_THAT(message_of<connection_error>([&] { look_up("no host.invalid", 15s); }),
              AllOf(HasSubstr("cannot resolve the name no host.invalid"), Not(HasSubstr("6379"))));
}

TEST_F(resolve, look_up_that_outlives_its_caller_is_left_to_end_by_itself) {
  for (int round = 0; round < 20; ++round) {
    // The look-up and the time-out race, and either may win.
    try {
      look_up("localhost", 0ms);
    } catch (const timeout_error& e) {
      EXPECT_THAT(e.what(), HasSubstr("the name localhost was not resolved"));
    }
    // What it finds arrives now, when nobody waits for it any more.
    io.restart();
    io.run_for(10s);
  }
}

}  // namespace
}  // namespace redstart::test
