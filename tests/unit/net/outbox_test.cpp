// SPDX-License-Identifier: MIT
#include "redstart/detail/outbox.hpp"

#include "redstart/detail/initiate.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
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
    return *new call_letter<call>(call{std::move(handler), nullptr, 0}, home.get_executor());
  }
  [[nodiscard]] long left() const { return alive.use_count() - 1; }

  std::shared_ptr<int> alive = std::make_shared<int>();
  numbers opened;
  asio::io_context home;
  std::unique_ptr<asio::io_context> one = std::make_unique<asio::io_context>();
  asio::io_context other;
  detail::outbox box;
};

TEST_F(outbox, letters_of_one_executor_go_together_in_their_order) {
  for (int i = 0; i < 5; ++i) box.add(one->get_executor(), noting(i));
  EXPECT_EQ(one->poll(), 0U) << "sent before it was time";
  one->restart();
  box.send();
  EXPECT_EQ(one->poll(), 1U);
  EXPECT_EQ(opened, (numbers{0, 1, 2, 3, 4}));
  EXPECT_EQ(left(), 0);
}

TEST_F(outbox, every_executor_gets_its_own) {
  for (int i = 0; i < 6; ++i) box.add(i % 2 == 0 ? one->get_executor() : other.get_executor(), noting(i));
  box.send();
  one->poll();
  EXPECT_EQ(opened, (numbers{0, 2, 4}));
  other.poll();
  EXPECT_EQ(opened, (numbers{0, 2, 4, 1, 3, 5}));
}

TEST_F(outbox, more_executors_than_it_has_room_for_are_served_too) {
  std::vector<std::unique_ptr<asio::io_context>> many;
  for (int i = 0; i < 20; ++i) many.push_back(std::make_unique<asio::io_context>());
  for (int i = 0; i < 40; ++i) box.add(many[static_cast<std::size_t>(i) % 20]->get_executor(), noting(i));
  box.send();
  for (const auto& each : many) each->poll();
  EXPECT_EQ(opened.size(), 40U);
  EXPECT_EQ(left(), 0);
}

TEST_F(outbox, what_has_gathered_is_sent_before_it_becomes_much) {
  for (int i = 0; i < 1000; ++i) box.add(one->get_executor(), noting(i));
  EXPECT_GT(one->poll(), 1U);
  EXPECT_GT(opened.size(), 900U);
}

TEST_F(outbox, the_end_of_the_box_sends_what_is_in_it) {
  {
    detail::outbox inner;
    inner.add(one->get_executor(), noting(1));
  }
  one->poll();
  EXPECT_EQ(opened, (numbers{1}));
}

TEST_F(outbox, an_executor_with_letters_has_work) {
  asio::any_io_executor to =
      asio::prefer(asio::any_io_executor(one->get_executor()), asio::execution::outstanding_work.tracked);
  box.add(to, noting(1));
  to = asio::any_io_executor();
  EXPECT_EQ(one->poll(), 0U);
  EXPECT_FALSE(one->stopped()) << "it ran out of work before its letters came";
  box.send();
  one->poll();
  EXPECT_EQ(opened, (numbers{1}));
}

TEST_F(outbox, a_handler_that_throws_does_not_take_the_others_with_it) {
  box.add(one->get_executor(), noting(1));
  box.add(one->get_executor(), calling([] { throw std::runtime_error("of the user's"); }));
  box.add(one->get_executor(), noting(3));
  box.send();
  EXPECT_THROW(one->poll(), std::runtime_error);
  one->poll();
  EXPECT_EQ(opened, (numbers{1, 3}));
}

TEST_F(outbox, handlers_that_take_their_time_leave_the_rest_to_other_threads) {
  using clock = std::chrono::steady_clock;
  box.add(one->get_executor(), calling([] {
            const auto end = clock::now() + std::chrono::milliseconds(1);
            while (clock::now() < end) {
            }
          }));
  box.add(one->get_executor(), noting(2));
  box.add(one->get_executor(), noting(3));
  box.send();
  EXPECT_EQ(one->poll_one(), 1U);
  EXPECT_EQ(opened, (numbers{})) << "it could have run elsewhere";
  EXPECT_EQ(one->poll(), 2U) << "each for itself";
  EXPECT_EQ(opened, (numbers{2, 3}));
}

TEST_F(outbox, handlers_of_an_executor_that_goes_are_destroyed) {
  box.add(one->get_executor(), noting(1));
  box.add(one->get_executor(), noting(2));
  box.send();
  one.reset();
  EXPECT_EQ(left(), 0);
  EXPECT_EQ(opened, (numbers{}));
}

TEST_F(outbox, a_handler_may_fill_another_box_for_its_own_executor) {
  box.add(one->get_executor(), calling([this] {
            detail::outbox inner;
            inner.add(one->get_executor(), noting(2));
            inner.send();
            opened.push_back(1);
          }));
  box.send();
  one->poll();
  EXPECT_EQ(opened, (numbers{2, 1})) << "an executor that is running runs it at once";
}

}  // namespace
}  // namespace redstart::detail
