// SPDX-License-Identifier: MIT
// Detection processing queue: cameras produce, a worker consumes in batches until it is told to stop.
#include "redstart/client.hpp"
#include "support.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/describe.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;

// [detection
struct detection {
  int camera_id = 0;
  std::string image_path;
  std::string timestamp;
};
BOOST_DESCRIBE_STRUCT(detection, (), (camera_id, image_path, timestamp))
// ]

int detected = 0;

asio::awaitable<void> run_object_detection(const detection& seen) {
  detected += seen.camera_id;
  co_return;
}

// [producer
// Producer: add detection to queue
asio::awaitable<void> produce(redstart::client& redis, int camera_id) {
  const detection seen{camera_id, "/data/image.jpg", "2024-01-01T12:00:00"};
  co_await redis.add_to_queue("detections", seen);
}
// ]

// [consumer
// Consumer: process detections in batches, until cancelled. A cancelled wait takes nothing from the queue.
asio::awaitable<void> process_detections(redstart::client& redis) {
  try {
    for (;;) {
      const auto batch = co_await redis.get_batch_from_queue<detection>("detections", 32, 30s);
      for (const detection& seen : batch) co_await run_object_detection(seen);
    }
  } catch (const redstart::cancelled&) {
    // Told to stop while it waited.
  }
}
// ]

asio::awaitable<void> detection_processing() {
  const auto executor = co_await asio::this_coro::executor;
  redstart::client redis{executor, example::settings()};
  co_await redis.connect();
  co_await redis.clear_queue("detections");

  asio::cancellation_signal stop;
  bool stopped = false;
  asio::co_spawn(executor, process_detections(redis),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr) { stopped = true; }));
  for (int camera_id = 1; camera_id <= 100; ++camera_id) co_await produce(redis, camera_id);

  // The worker shares this thread; each look at Redis lets it go on.
  constexpr int all = 100 * 101 / 2;
  for (int looks = 0; detected < all && looks < 10'000; ++looks) co_await redis.get_queue_length("detections");
  example::check(detected == all, "every detection was processed once");

  stop.emit(asio::cancellation_type::terminal);
  for (int looks = 0; !stopped && looks < 10'000; ++looks) co_await redis.get_queue_length("detections");
  example::check(stopped, "the worker stops when it is told to");
  co_await redis.disconnect();
}

int main() { return example::run(detection_processing); }
