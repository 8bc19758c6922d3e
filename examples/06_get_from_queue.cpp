// SPDX-License-Identifier: MIT
// Get from queue: wait for an element, or take what is there.
#include "redstart/client.hpp"
#include "support.hpp"

#include <boost/describe.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;

struct detection {
  int camera_id = 0;
  std::vector<std::string> objects;
};
BOOST_DESCRIBE_STRUCT(detection, (), (camera_id, objects))

int processed = 0;
void process_detection(const detection& seen) { processed += seen.camera_id; }

asio::awaitable<void> get_from_queue() {
  redstart::client redis{co_await asio::this_coro::executor, example::settings()};
  co_await redis.connect();
  co_await redis.clear_queue("detections");
  const std::vector<detection> seen{{1, {"person"}}, {2, {"car"}}, {3, {"dog"}}, {4, {"cat"}}};
  co_await redis.add_to_queue("detections", redstart::each(seen));

  // [get
  // Wait up to five seconds; empty when nothing came
  std::optional<detection> item = co_await redis.get_from_queue<detection>("detections", 5s);
  if (item) process_detection(*item);

  // Without a time it returns at once
  item = co_await redis.get_from_queue<detection>("detections");

  // Up to 100 at once: what is there, waiting only when nothing is
  std::vector<detection> batch = co_await redis.get_batch_from_queue<detection>("detections", 100, 5s);
  // ]
  example::check(processed == 1, "the first detection was processed");
  example::check(item && item->camera_id == 2, "the second one comes next");
  example::check(batch.size() == 2 && batch[1].objects.at(0) == "cat", "the batch holds the rest, in order");

  item = co_await redis.get_from_queue<detection>("detections", 50ms);
  example::check(!item, "an empty queue gives nothing when the time is over");
  co_await redis.disconnect();
}

int main() { return example::run(get_from_queue); }
