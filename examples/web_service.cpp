// SPDX-License-Identifier: MIT
// A web service: what FastAPI's users look for, one piece after the other. docs/web.md explains it.
#include "redstart/client.hpp"
#include "redstart/web/http_error.hpp"
#include "redstart/web/redis.hpp"
#include "redstart/web/server.hpp"
#include "support.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/describe.hpp>

#include <vector>

namespace asio = boost::asio;
namespace web = redstart::web;

struct detection {
  int camera_id = 0;
  std::string timestamp;
  std::vector<std::string> objects;
};
BOOST_DESCRIBE_STRUCT(detection, (), (camera_id, timestamp, objects))

// [parameters
struct page {
  std::size_t length = 0;
  std::vector<detection> items;
};
BOOST_DESCRIBE_STRUCT(page, (), (length, items))

// GET /queues/detections?start=0&end=9
asio::awaitable<page> look(web::path<std::string, "name"> name, web::query<int, "start", 0> start,
                           web::query<int, "end", 9> end, redstart::client& redis) {
  page found;
  found.length = co_await redis.get_queue_length(*name);
  found.items = co_await redis.peek_queue<detection>(*name, start, end);
  co_return found;
}
// ]

// [depends
struct user {
  std::string name;
};

// A provider: handlers with a parameter `user` get what it returns. It may take parameters as handlers do.
asio::awaitable<user> current_user(web::header<"Authorization", std::optional<std::string>> token,
                                   redstart::client& redis) {
  if (!*token) throw web::http_error(web::http::status::unauthorized, "log in first");
  const auto name = co_await redis.get<std::string>("session:" + **token);
  if (!name) throw web::http_error(web::http::status::unauthorized, "this session has ended");
  co_return user{*name};
}

std::string who_am_i(const user& asking) { return asking.name; }

void add_user_routes(web::application& app) {
  app.provide(current_user);
  app.get("/me", who_am_i);
}
// ]

// [errors
asio::awaitable<detection> next_detection(redstart::client& redis) {
  const auto next = co_await redis.get_from_queue<detection>("detections");
  if (!next) throw web::http_error(web::http::status::not_found, "nothing is queued");
  co_return *next;
}
// ]

// [responses
asio::awaitable<web::response> create(detection seen, redstart::client& redis) {
  co_await redis.add_to_queue("detections", seen);
  co_return web::response::json(seen, web::http::status::created).with("Location", "/queues/detections");
}
// ]

// [websocket
asio::awaitable<void> forward(redstart::subscription& from, web::websocket to) {
  try {
    for (;;) {
      const redstart::message next = co_await from.next();
      if (next.is_message()) to.send(next.payload);
    }
  } catch (const redstart::error&) {
    // An open socket that will never say anything again would look like peace.
    to.close(web::close_code::try_again_later, "there will be no more events");
  }
}

// Every client of /ws gets every message of the channel, until it closes the connection. For many clients let them
// share one subscription, as the hub in apps/hub does.
asio::awaitable<void> live(web::websocket socket, redstart::client& redis) {
  using namespace asio::experimental::awaitable_operators;
  auto events = co_await redis.subscribe("camera_events");
  co_await (forward(events, socket) || socket.closed());
}
// ]

// [overrides
asio::awaitable<std::string> ask_as_somebody_else(web::application& app) {
  app.override_provider([] { return user{"test"}; });
  const web::request asked(web::http::verb::get, "/me");
  const web::response answer = co_await app.handle(asked);
  co_return answer.body;
}
// ]

void add_routes(web::application& app) {
  app.get("/queues/{name}", look);
  app.get("/next", next_detection);
  app.post("/detections", create);
  app.websocket_route("/ws", live);
  add_user_routes(app);
}

asio::awaitable<void> service() {
  const auto executor = co_await asio::this_coro::executor;
  co_await web::init_redis(executor, example::settings());
  web::application app;
  add_routes(app);

  const auto answer = [](const char* what, const web::response& got, unsigned status, std::string_view body) {
    std::cout << what << ": " << static_cast<unsigned>(got.status) << ' ' << got.body << '\n';
    example::check(static_cast<unsigned>(got.status) == status, what);
    example::check(got.body.find(body) != std::string::npos, what);
  };
  const web::request create_one(web::http::verb::post, "/detections",
                                R"({"camera_id": 1, "timestamp": "2024-01-01T12:00:00", "objects": ["person"]})");
  const web::response created = co_await app.handle(create_one);
  answer("create", created, 201, "person");
  const web::request wrong(web::http::verb::post, "/detections", R"({"camera_id": "one"})");
  const web::response refused = co_await app.handle(wrong);
  answer("a wrong type", refused, 422, R"("loc":["body","camera_id"])");
  const web::request look_at(web::http::verb::get, "/queues/detections?end=0");
  const web::response looked = co_await app.handle(look_at);
  answer("look", looked, 200, R"({"length":1,"items":[{"camera_id":1)");
  const web::request take(web::http::verb::get, "/next");
  const web::response taken = co_await app.handle(take);
  answer("take", taken, 200, "person");
  const web::response nothing = co_await app.handle(take);
  answer("take from an empty queue", nothing, 404, "nothing is queued");
  const web::request me(web::http::verb::get, "/me");
  const web::response nobody = co_await app.handle(me);
  answer("without a session", nobody, 401, "log in first");
  const std::string name = co_await ask_as_somebody_else(app);
  example::check(name == "test", "an overridden provider");
  co_await web::close_redis(executor);
}

// [main
int serve_forever() {
  asio::io_context context;
  web::application app;
  add_routes(app);
  app.on_startup([&]() -> asio::awaitable<void> { co_await web::init_redis(context.get_executor()); });
  app.on_shutdown([&]() -> asio::awaitable<void> { co_await web::close_redis(context.get_executor()); });
  auto done = asio::co_spawn(context, web::serve(app), asio::use_future);
  context.run();
  done.get();
  return 0;
}
// ]

// With `--serve` it listens on port 8080; without, it shows what it does and ends.
int main(int count, char** words) {
  if (count > 1 && std::string_view(words[1]) == "--serve") return serve_forever();
  return example::run(service);
}
