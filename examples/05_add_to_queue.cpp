// SPDX-License-Identifier: MIT
// Add to queue: structs and JSON are written as JSON, texts as they are.
#include "redstart/client.hpp"
#include "support.hpp"

#include <boost/describe.hpp>

namespace asio = boost::asio;
namespace json = boost::json;

// [detection
struct detection {
  int camera_id = 0;
  std::string timestamp;
  std::vector<std::string> objects;
};
BOOST_DESCRIBE_STRUCT(detection, (), (camera_id, timestamp, objects))
// ]

asio::awaitable<void> add_to_queue() {
  redstart::client redis{co_await asio::this_coro::executor, example::settings()};
  co_await redis.connect();
  co_await redis.del("detections", "logs");

  // [add
  // Add a struct (written as JSON)
  const detection seen{1, "2024-01-01T12:00:00", {"person", "car"}};
  co_await redis.add_to_queue("detections", seen);

  // Add JSON without a struct
  const json::object free_form{{"camera_id", 2}, {"timestamp", "2024-01-01T12:00:01"}, {"objects", {"dog"}}};
  co_await redis.add_to_queue("detections", free_form);

  // Add a string, byte for byte
  co_await redis.add_to_queue("logs", "System started");

  // Add many with one command; the queue's new length comes back
  const std::vector<detection> burst{{3, "2024-01-01T12:00:02", {"cat"}}, {3, "2024-01-01T12:00:03", {}}};
  const std::size_t length = co_await redis.add_to_queue("detections", redstart::each(burst));
  // ]
  example::check(length == 4, "four detections are queued");

  const auto raw = co_await redis.peek_queue<std::string>("detections", 0, 0);
  example::check(raw.at(0) == R"({"camera_id":1,"timestamp":"2024-01-01T12:00:00","objects":["person","car"]})",
                 "a detection is compact JSON, but it is " + raw.at(0));
  const auto logged = co_await redis.peek_queue<std::string>("logs");
  example::check(logged.at(0) == "System started", "a text is stored as it is");
  co_await redis.del("detections", "logs");
  co_await redis.disconnect();
}

int main() { return example::run(add_to_queue); }
