// SPDX-License-Identifier: MIT
// Queue management: look without taking, count, clear.
#include "redstart/client.hpp"
#include "support.hpp"

namespace asio = boost::asio;

asio::awaitable<void> queue_management() {
  redstart::client redis{co_await asio::this_coro::executor, example::settings()};
  co_await redis.connect();
  co_await redis.clear_queue("detections");
  const std::vector<int> cameras{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  co_await redis.add_to_queue("detections", redstart::each(cameras));

  // [manage
  // Get queue length
  const std::size_t length = co_await redis.get_queue_length("detections");

  // Peek at items without removing
  const auto first_ten = co_await redis.peek_queue<int>("detections", 0, 9);
  const auto last_two = co_await redis.peek_queue<int>("detections", -2, -1);

  // Clear queue
  const bool had_some = co_await redis.clear_queue("detections");
  // ]
  example::check(length == 12, "twelve are queued");
  example::check(first_ten.size() == 10 && first_ten.back() == 10, "both ends of a range are included");
  example::check(last_two.size() == 2 && last_two.front() == 11, "negative indexes count from the end");
  example::check(had_some, "there was something to clear");
  example::check(co_await redis.get_queue_length("detections") == 0, "a cleared queue is empty");
  co_await redis.disconnect();
}

int main() { return example::run(queue_management); }
