// SPDX-License-Identifier: MIT
// One allocation after the other fails between a caller and a reply: when an operation is started, when its reply is
// decoded into the user's type, when its handler is called, posted or sent to another executor, and when an error is
// put into words. Without any I/O: the test plays the lane.
//
// What Asio itself does not survive has no place here: a strand whose scheduling finds no memory stays locked for ever,
// and a coroutine whose completion finds none is destroyed. A whole client is therefore not driven in this way.
#include "core/operation.hpp"
#include "redstart/codec.hpp"
#include "redstart/detail/from_reply.hpp"
#include "redstart/detail/initiate.hpp"
#include "redstart/error.hpp"
#include "support/allocations.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/describe/class.hpp>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redstart::detail {
namespace {

using test::sheltered;

struct detection {
  std::string place;
  std::vector<std::string> objects;
  bool operator==(const detection&) const = default;
};
BOOST_DESCRIBE_STRUCT(detection, (), (place, objects))

const detection seen{"a place with a name that is longer than any small string", {"person", "a car of some colour"}};
const std::string text_of_seen = R"({"place":")" + seen.place + R"(","objects":["person","a car of some colour"]})";

struct long_context final : operation_context {
  [[nodiscard]] std::string describe() const override { return "GET a key that is too long for a small string"; }
  [[nodiscard]] std::string advise(std::string_view) const override { return "an advice that is longer than that too"; }
};

// A lane of one operation: completes it when it is told to.
class one_operation final : public cancel_target, public std::enable_shared_from_this<one_operation> {
 public:
  void submit(completion_maker& maker) { waiter = make_within(storage, maker, {*this, this, 1}); }
  void cancel(void*, std::uint64_t) noexcept override {
    if (waiter && waiter->try_fail(std::make_exception_ptr(std::bad_alloc()))) waiter = nullptr;
  }
  std::shared_ptr<cancel_target> keep_alive() override { return shared_from_this(); }

  completion* waiter = nullptr;

 private:
  alignas(std::max_align_t) std::byte storage[core::operation::storage_size];
};

// What the handler was called with.
struct told {
  int times = 0;
  std::optional<detection> value;
  std::exception_ptr failure;
};

enum class ending { answer, error_reply, misfit, fail_in_loop, fail_in_call, cancel };

class play {
 public:
  using result = std::optional<detection>;

  // The handler runs on `home`, or on `other` when it is `away`.
  play(bool away, bool big) : away_(away), big_(big) {}

  void run(ending how) {
    auto handler = [this](std::exception_ptr failure, result value) {
      const sheltered own;
      ++heard.times;
      heard.failure = std::move(failure);
      heard.value = std::move(value);
    };
    if (big_) {
      // Too big for the operation's own storage.
      begin([handler, ballast = std::array<char, 500>()](std::exception_ptr failure, result value) mutable {
        ballast[0] = 1;
        handler(std::move(failure), std::move(value));
      });
    } else {
      begin(handler);
    }
    if (!operation->waiter) return;
    end(how);
    if (operation->waiter) std::exchange(operation->waiter, nullptr)->fail({}, completion_site::loop);
  }

  template <class Handler>
  void begin(Handler handler) {
    if (away_) {
      start(asio::bind_executor(other.get_executor(), asio::bind_cancellation_slot(stop.slot(), std::move(handler))));
    } else {
      start(asio::bind_cancellation_slot(stop.slot(), std::move(handler)));
    }
  }
  template <class Handler>
  void start(Handler handler) {
    decode_optional_value<detection> decode;
    typed_completion_maker<Handler, result, decode_optional_value<detection>> maker(handler, decode, home_executor);
    try {
      maker.start([this](completion_maker& with) { operation->submit(with); });
    } catch (const std::bad_alloc&) {
      threw = true;
    }
  }
  void end(ending how) {
    reply_node node;
    node.kind = how == ending::error_reply ? reply_kind::error : reply_kind::bulk_string;
    const std::string_view bytes = how == ending::answer        ? std::string_view(text_of_seen)
                                   : how == ending::error_reply ? "WRONGTYPE what Redis says, at length"
                                                                : "no JSON of that type at all";
    node.size = bytes.size();
    outbox letters;
    switch (how) {
      case ending::answer:
      case ending::error_reply:
      case ending::misfit:
        return std::exchange(operation->waiter, nullptr)->answer({&node, bytes.data()}, long_context(), letters);
      case ending::fail_in_loop:
        return std::exchange(operation->waiter, nullptr)->fail(lost(), completion_site::loop);
      case ending::fail_in_call:
        return std::exchange(operation->waiter, nullptr)->fail(lost(), completion_site::caller);
      case ending::cancel:
        return stop.emit(asio::cancellation_type::terminal);
    }
  }
  static std::exception_ptr lost() {
    const sheltered own;
    return std::make_exception_ptr(connection_error("lost, in words that are too long for a small string"));
  }
  void poll() {
    const sheltered own;
    for (int turns = 0; turns < 3; ++turns) {
      home.restart();
      home.poll();
      other.restart();
      other.poll();
    }
  }

  asio::cancellation_signal stop;
  asio::io_context home;
  asio::io_context other;
  const asio::any_io_executor home_executor{home.get_executor()};
  std::shared_ptr<one_operation> operation = std::make_shared<one_operation>();
  told heard;
  bool threw = false;

 private:
  bool away_;
  bool big_;
};

class completion_allocation : public ::testing::TestWithParam<ending> {};

TEST_P(completion_allocation, whichever_fails_the_handler_is_called_once_with_what_is_true) {
  std::size_t tried = 0;
  for (const bool away : {false, true}) {
    for (const bool big : {false, true}) {
      bool failed = true;
      for (std::size_t first = 1; failed; ++first, ++tried) {
        SCOPED_TRACE((away ? "away, " : "home, ") + std::string(big ? "big, " : "small, ") + std::to_string(first));
        const std::ptrdiff_t live = test::live_blocks();
        {
          play one(away, big);
          const std::size_t before = test::failed_allocations();
          {
            const test::failing_allocations failing(first);
            one.run(GetParam());
          }
          one.poll();
          failed = test::failed_allocations() != before;
          // A single failure leaves memory to post with.
          EXPECT_FALSE(one.threw);
          EXPECT_EQ(one.heard.times, 1);
          if (!failed) {
            EXPECT_EQ(one.heard.failure == nullptr, GetParam() == ending::answer);
          }
          if (!one.heard.failure && GetParam() != ending::cancel) {
            EXPECT_EQ(one.heard.value, GetParam() == ending::answer ? std::optional(seen) : std::nullopt);
          }
          if (one.heard.failure) {
            EXPECT_EQ(one.heard.value, std::nullopt) << "no value beside a failure";
          }
        }
        EXPECT_EQ(test::live_blocks(), live);
        if (HasFailure()) return;
      }
    }
  }
  EXPECT_GT(tried, 4U) << "nothing was made to fail";
}

// When nothing is left at all, the call that starts an operation throws, and an operation that was started either tells
// its handler or destroys it: it is not left waiting.
TEST_P(completion_allocation, without_any_memory_nothing_is_left_behind_and_nothing_is_told_twice) {
  for (const bool away : {false, true}) {
    for (std::size_t first = 1; first < 40; ++first) {
      SCOPED_TRACE((away ? "away, " : "home, ") + std::to_string(first));
      const std::ptrdiff_t live = test::live_blocks();
      {
        play one(away, false);
        {
          const test::failing_allocations failing(first, 1000);
          one.run(GetParam());
        }
        const bool waits_on = one.operation->waiter != nullptr;
        EXPECT_FALSE(waits_on);
        try {
          one.poll();
        } catch (const std::bad_alloc&) {
          // The handler could not be called, and its executor's owner hears of it.
          EXPECT_EQ(one.heard.times, 0);
        }
        EXPECT_LE(one.heard.times, 1);
        if (one.threw) {
          EXPECT_EQ(one.heard.times, 0) << "what throws was not started";
        }
      }
      EXPECT_EQ(test::live_blocks(), live);
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(endings, completion_allocation,
                         ::testing::Values(ending::answer, ending::error_reply, ending::misfit, ending::fail_in_loop,
                                           ending::fail_in_call, ending::cancel));

}  // namespace
}  // namespace redstart::detail
