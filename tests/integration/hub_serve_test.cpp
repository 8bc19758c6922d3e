// SPDX-License-Identifier: MIT
// A hub in this process: how it ends, whatever ends it.
#include "hub/serve.hpp"
#include "support/hub_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <stdexcept>

namespace redstart::test {
namespace {

class hub_serve : public hub_test {
 protected:
  // Serves until `at_log` ends that; what the hub threw in the end.
  std::string serve(const std::function<void(std::string_view)>& at_log) {
    hub::options with;
    with.hub = options;
    with.server.port = 0;
    with.redis_url = connection.url;
    std::string thrown;
    bool ended = false;
    asio::io_context loop;
    asio::co_spawn(loop, hub::serve(with, [&](log_level, std::string_view text) { at_log(text); }),
                   asio::bind_cancellation_slot(cancel.slot(), [&](const std::exception_ptr& problem) {
                     ended = true;
                     try {
                       if (problem) std::rethrow_exception(problem);
                     } catch (const std::exception& e) {
                       thrown = e.what();
                     }
                   }));
    loop.run_for(20s);
    EXPECT_TRUE(ended);
    EXPECT_TRUE(loop.stopped()) << "something of it still runs";
    return thrown;
  }
  std::int64_t connections() {
    const std::string info = server.command({"CLIENT", "LIST"}).text;
    std::int64_t count = 0;
    for (std::size_t at = info.find("name=redstart-hub"); at != std::string::npos; ++count) {
      at = info.find("name=redstart-hub", at + 1);
    }
    return count;
  }
  asio::cancellation_signal cancel;
};

TEST_F(hub_serve, being_cancelled_ends_it_in_order_as_a_signal_does) {
  bool listened = false;
  const std::string thrown = serve([&](std::string_view text) {
    if (!text.starts_with("listening on ")) return;
    listened = true;
    EXPECT_GT(connections(), 0);
    cancel.emit(asio::cancellation_type::terminal);
  });
  EXPECT_TRUE(listened);
  EXPECT_EQ(thrown, "");
  EXPECT_EQ(connections(), 0);
}

TEST_F(hub_serve, a_log_that_fails_does_not_end_it) {
  int lines = 0;
  const std::string thrown = serve([&](std::string_view text) {
    ++lines;
    if (text.starts_with("listening on ")) cancel.emit(asio::cancellation_type::terminal);
    throw std::runtime_error("disk full");
  });
  EXPECT_GT(lines, 0);
  EXPECT_EQ(thrown, "");
  EXPECT_EQ(connections(), 0);
}

}  // namespace
}  // namespace redstart::test
