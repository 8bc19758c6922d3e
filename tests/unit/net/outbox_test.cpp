// SPDX-License-Identifier: MIT
#include "redstart/detail/outbox.hpp"

#include "redstart/detail/from_reply.hpp"
#include "redstart/detail/initiate.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redstart::detail {
namespace {

using numbers = std::vector<int>;

class outbox : public ::testing::Test {
 protected:
  // A handler that writes its number down.
  letter& noting(int number) {
    return calling([this, number] { opened.push_back(number); });
  }
  letter& calling(std::function<void()> what) {
    auto handler = [what = std::move(what), alive = alive](const std::exception_ptr&, int) { what(); };
    using call = bound_result<decltype(handler), int>;
    return *new call_letter<call>(call{std::move(handler), nullptr, 0});
  }
  [[nodiscard]] long left() const { return alive.use_count() - 1; }

  std::shared_ptr<int> alive = std::make_shared<int>();
  numbers opened;
  asio::io_context home;
  std::unique_ptr<asio::io_context> one = std::make_unique<asio::io_context>();
  asio::io_context other;
  struct : detail::outbox {
    asio::io_context& clients;
    void put(const asio::any_io_executor& to, letter& mail) { add(to, mail, clients.get_executor()); }
  } box{{}, home};
};

TEST_F(outbox, letters_of_one_executor_go_together_in_their_order) {
  for (int i = 0; i < 5; ++i) box.put(one->get_executor(), noting(i));
  EXPECT_EQ(one->poll(), 0U) << "sent before it was time";
  one->restart();
  box.send();
  EXPECT_EQ(one->poll(), 1U);
  EXPECT_EQ(opened, (numbers{0, 1, 2, 3, 4}));
  EXPECT_EQ(left(), 0);
}

TEST_F(outbox, every_executor_gets_its_own) {
  for (int i = 0; i < 6; ++i) box.put(i % 2 == 0 ? one->get_executor() : other.get_executor(), noting(i));
  box.send();
  one->poll();
  EXPECT_EQ(opened, (numbers{0, 2, 4}));
  other.poll();
  EXPECT_EQ(opened, (numbers{0, 2, 4, 1, 3, 5}));
}

TEST_F(outbox, more_executors_than_it_has_room_for_are_served_too) {
  std::vector<std::unique_ptr<asio::io_context>> many;
  for (int i = 0; i < 20; ++i) many.push_back(std::make_unique<asio::io_context>());
  for (int i = 0; i < 40; ++i) box.put(many[static_cast<std::size_t>(i) % 20]->get_executor(), noting(i));
  box.send();
  for (const auto& each : many) each->poll();
  EXPECT_EQ(opened.size(), 40U);
  EXPECT_EQ(left(), 0);
}

TEST_F(outbox, what_has_gathered_is_sent_before_it_becomes_much) {
  for (int i = 0; i < 1000; ++i) box.put(one->get_executor(), noting(i));
  EXPECT_GT(one->poll(), 1U);
  EXPECT_GT(opened.size(), 900U);
}

TEST_F(outbox, the_end_of_the_box_sends_what_is_in_it) {
  {
    detail::outbox inner;
    inner.add(one->get_executor(), noting(1), home.get_executor());
  }
  one->poll();
  EXPECT_EQ(opened, (numbers{1}));
}

// Whoever only waits for one answer runs its executor until that has come: `run()` must not return before.
TEST_F(outbox, an_executor_whose_answer_is_here_has_work_until_it_is_told) {
  struct : cancel_target {
    void cancel(void* /*op*/, std::uint64_t /*id*/) noexcept override {}
    std::shared_ptr<cancel_target> keep_alive() override { return nullptr; }
  } target;
  struct : operation_context {
    [[nodiscard]] std::string describe() const override { return "GET"; }
    [[nodiscard]] std::string advise(std::string_view /*error_text*/) const override { return {}; }
  } context;
  bool called = false;
  auto handler = asio::bind_executor(
      one->get_executor(), [&](const std::exception_ptr&, const std::optional<std::string>&) { called = true; });
  decode_optional_value<std::string> decode;
  const asio::any_io_executor at_home = home.get_executor();
  typed_completion_maker<decltype(handler), std::optional<std::string>, decltype(decode)> maker(handler, decode,
                                                                                                at_home);
  completion* const waiter = make_on_heap(maker, {target, nullptr, 1});
  reply_node nothing;
  nothing.kind = reply_kind::null;
  waiter->answer({&nothing, nullptr}, context, box);
  EXPECT_EQ(one->poll(), 0U);
  EXPECT_FALSE(one->stopped()) << "it ran out of work before its answer came";
  box.send();
  one->poll();
  EXPECT_TRUE(called);
  EXPECT_TRUE(one->stopped());
}

TEST_F(outbox, letters_may_outlive_the_clients_executor) {
  auto gone = std::make_unique<asio::io_context>();
  {
    const asio::any_io_executor strand = asio::make_strand(*gone);
    box.add(one->get_executor(), noting(1), strand);
    box.send();
  }
  gone.reset();
  one->poll();
  EXPECT_EQ(opened, (numbers{1}));
}

TEST_F(outbox, a_handler_that_throws_does_not_take_the_others_with_it) {
  box.put(one->get_executor(), noting(1));
  box.put(one->get_executor(), calling([] { throw std::runtime_error("of the user's"); }));
  box.put(one->get_executor(), noting(3));
  box.send();
  EXPECT_THROW(one->poll(), std::runtime_error);
  one->poll();
  EXPECT_EQ(opened, (numbers{1, 3}));
}

TEST_F(outbox, what_is_sent_later_comes_later_however_long_handlers_take) {
  for (int i = 0; i < 100; ++i) {
    box.put(one->get_executor(), noting(i));
    if (i % 7 == 0) box.send();
  }
  box.send();
  one->poll();
  numbers all(100);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(opened, all);
}

TEST_F(outbox, handlers_of_an_executor_that_goes_are_destroyed) {
  box.put(one->get_executor(), noting(1));
  box.put(one->get_executor(), noting(2));
  box.send();
  one.reset();
  EXPECT_EQ(left(), 0);
  EXPECT_EQ(opened, (numbers{}));
}

TEST_F(outbox, a_handler_may_fill_another_box_for_its_own_executor) {
  box.put(one->get_executor(), calling([this] {
            detail::outbox inner;
            inner.add(one->get_executor(), noting(2), home.get_executor());
            inner.send();
            opened.push_back(1);
          }));
  box.send();
  one->poll();
  EXPECT_EQ(opened, (numbers{2, 1})) << "an executor that is running runs it at once";
}

}  // namespace
}  // namespace redstart::detail
