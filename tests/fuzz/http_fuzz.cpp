// SPDX-License-Identifier: MIT
// A connection of the web server, from bytes to handlers and back: whatever comes is answered or refused, never with
// 500, and the same however it is cut. The input is what a client sends; then it closes.
#include "fuzz/fuzz.hpp"
#include "redstart/web/application.hpp"
#include "web/http_connection.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <charconv>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

namespace redstart::fuzz {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = web::http;
namespace json = boost::json;
using boost::system::error_code;

// --- The application -------------------------------------------------------------------------------------------------

enum class level { idle, armed, alarm };
BOOST_DESCRIBE_ENUM(level, idle, armed, alarm)

struct box {
  float left = 0;
  std::uint8_t width = 0;
};
BOOST_DESCRIBE_STRUCT(box, (), (left, width))

struct event {
  int camera_id = 0;
  std::string kind;
  std::optional<level> state;
  std::variant<double, std::string, std::vector<box>> detail;
  std::map<std::string, box> boxes;
};
BOOST_DESCRIBE_STRUCT(event, (), (camera_id, kind, state, detail, boxes))

struct token {
  std::string text;
};

// Handlers give back what they were given, so that what cannot be written again is found.
json::object look_up(const web::path<int, "id">& id, const web::query<int, "limit", 50>& limit,
                     const web::query<std::optional<std::string>, "kind">& kind,
                     const web::header<"X-Mode", std::string, web::fixed_string("none")>& mode) {
  json::object made;
  made["id"] = *id;
  made["limit"] = *limit;
  made["kind"] = kind->value_or("any");
  made["mode"] = *mode;
  return made;
}

std::vector<std::string> look_at_request(const web::request& asked) {
  return {std::to_string(asked.segments().size()), std::to_string(asked.query("a").value_or("").size()),
          std::to_string(asked.header("X-Mode").value_or("").size())};
}

asio::awaitable<void> echo(web::websocket socket) {
  for (;;) {
    const auto message = co_await socket.read();
    if (!message) co_return;
    socket.send(*message);
  }
}

void set_up(web::application& app) {
  app.get("/", [] { return std::string("text: root"); });
  app.get("/cameras/{id}", look_up);
  app.put("/cameras/{id}/{state}", [](const web::path<std::string, "id">& id, const web::path<level, "state">& state) {
    return std::pair<std::string, level>(*id, *state);
  });
  app.del("/numbers/{real}", [](const web::path<double, "real">& real, const web::query<bool, "flag">& flag,
                                const web::query<std::uint8_t, "small">& small) {
    return std::tuple<double, bool, std::uint8_t>(*real, *flag, *small);
  });
  app.get("/files/{rest...}", [](const web::path<std::string, "rest">& rest) { return std::vector{*rest}; });
  app.post("/events", [](const event& posted) { return posted; });
  app.post("/lists", [](const std::vector<std::optional<double>>& posted) { return posted; });
  app.post("/values", [](json::value posted) { return web::response::json(posted, http::status::created); });
  app.get("/request", look_at_request);
  app.provide([](const web::header<"Authorization">& value) { return token{*value}; });
  app.get("/private", [](const token& shown) { return std::vector{shown.text}; });
  app.websocket_route("/socket", echo);
}

// --- The connection --------------------------------------------------------------------------------------------------

// A stream that reads an input in pieces, then its end, and keeps what is written.
class wire {
 public:
  struct state {
    std::string_view input;
    std::vector<std::size_t> ends;
    std::size_t at = 0;
    bool closed = false;
    std::string written{};
  };
  using executor_type = asio::any_io_executor;

  wire(executor_type executor, std::shared_ptr<state> on) : executor_(std::move(executor)), state_(std::move(on)) {}

  [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }
  void close(error_code& failure) {
    state_->closed = true;
    failure = {};
  }
  static void shutdown(asio::socket_base::shutdown_type /*which*/, error_code& failure) { failure = {}; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return start(std::forward<Token>(token), [buffers](state& on, error_code& failure) {
      while (!on.ends.empty() && on.ends.front() <= on.at) on.ends.erase(on.ends.begin());
      const std::size_t end = on.ends.empty() ? on.at : on.ends.front();
      const std::size_t size = asio::buffer_copy(buffers, asio::buffer(on.input.data() + on.at, end - on.at));
      if (size == 0 && asio::buffer_size(buffers) != 0) failure = asio::error::eof;
      on.at += size;
      return size;
    });
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return start(std::forward<Token>(token), [buffers](state& on, error_code& /*failure*/) {
      const std::size_t begin = on.written.size();
      on.written.resize(begin + asio::buffer_size(buffers));
      return asio::buffer_copy(asio::buffer(on.written.data() + begin, on.written.size() - begin), buffers);
    });
  }

 private:
  // Nothing completes within the call, as with sockets.
  template <class Token, class Do>
  auto start(Token&& token, Do&& act) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, auto doing) {
          error_code failure = state_->closed ? error_code(asio::error::bad_descriptor) : error_code();
          const std::size_t size = failure ? 0 : doing(*state_, failure);
          const auto executor = asio::get_associated_executor(handler, executor_);
          asio::post(executor,
                     [handler = std::move(handler), failure, size]() mutable { std::move(handler)(failure, size); });
        },
        token, std::forward<Do>(act));
  }

  executor_type executor_;
  std::shared_ptr<state> state_;
};

// How Beast ends the connection under a WebSocket.
template <class Handler>
void async_teardown(beast::role_type /*role*/, wire& stream, Handler&& handler) {
  error_code failure;
  stream.close(failure);
  asio::post(stream.get_executor(),
             [handler = std::forward<Handler>(handler), failure]() mutable { std::move(handler)(failure); });
}
void beast_close_socket(wire& stream) {
  error_code ignored;
  stream.close(ignored);
}
[[maybe_unused]] void teardown(beast::role_type /*role*/, wire& stream, error_code& failure) { stream.close(failure); }

// What the application saw of a request.
struct seen {
  http::verb method;
  std::string target;
  std::string body;
  http::status status;

  bool operator==(const seen&) const = default;
};

class server {
 public:
  server() {
    set_up(app_);
    app_.on_response([this](const web::request& asked, std::string_view, http::status status, auto) {
      seen_.push_back({asked.method(), std::string(asked.target()), asked.body(), status});
    });
    app_.log_to([this](log_level, std::string_view line) { logged_ = line; });
    app_.check();
  }

  // What is written to a client that sends `input`.
  std::string serve(std::string_view input, std::vector<std::size_t> ends) {
    const auto state = std::make_shared<wire::state>(input, std::move(ends));
    const auto context = std::shared_ptr<web::detail::connection_context>(new web::detail::connection_context{
        .served = app_,
        .settings = settings(),
        .limits = web::peer_limits({.max_connections = 9, .max_connections_per_peer = 9}),
        .loopback_only = true,
    });
    require(context->limits.enter("peer"), "there is room for one connection");
    using connection = web::detail::http_connection<wire>;
    auto served = std::make_shared<connection>(wire(io_.get_executor(), state), context, "peer", false);
    await(served->run(), "a connection ends");
    served.reset();
    require(context->limits.connections() == 0 && context->websockets == 0, "a connection that ended is not counted");
    return std::move(state->written);
  }

  // Without a parser before it, which would refuse much.
  void handle(http::verb method, std::string_view target, std::string_view body) {
    std::optional<web::request> asked;
    try {
      asked.emplace(method, target, std::string(body));
    } catch (const web::http_error& refused) {
      require(refused.status() == http::status::bad_request, "a target that is none is refused as such");
      return;
    }
    (void)app_.is_websocket(*asked);
    std::optional<web::response> made;
    const auto answer = [&]() -> asio::awaitable<void> {
      auto response = co_await app_.handle(*asked);
      made = std::move(response);
    };
    await(answer(), "a request is answered");
    check_status(static_cast<unsigned>(made->status));
    seen_.clear();
  }

  void check_status(unsigned status) const {
    require(status >= 200 && status <= 599, "a status is one of a response");
    require(status != 500, "no input is the fault of the server", logged_);
  }

  std::vector<seen> take_seen() { return std::exchange(seen_, {}); }

 private:
  static web::server_config settings() {
    web::server_config small;
    small.max_header_bytes = 512;
    small.max_body_bytes = 256;
    small.max_message_bytes = 64;
    small.max_websocket_backlog = 256;
    return small;
  }

  void await(asio::awaitable<void> work, std::string_view rule) {
    bool done = false;
    std::exception_ptr problem;
    asio::co_spawn(io_, std::move(work), [&](std::exception_ptr thrown) {
      problem = std::move(thrown);
      done = true;
    });
    io_.restart();
    io_.poll();
    require(done, rule);
    require(!problem, "nothing is thrown");
  }

  asio::io_context io_{1};
  web::application app_;
  std::vector<seen> seen_;
  std::string logged_;
};

// --- What was written ------------------------------------------------------------------------------------------------

constexpr std::string_view interim = "HTTP/1.1 100 Continue\r\n\r\n";

// One response off the front; what follows a switch to WebSockets is not looked at.
void take_response(const server& from, std::string_view& written) {
  if (written.starts_with(interim)) return written.remove_prefix(interim.size());
  http::response_parser<http::empty_body> parser;
  parser.skip(true);
  error_code failure;
  const std::size_t head = parser.put(asio::buffer(written.data(), written.size()), failure);
  require(!failure && parser.is_header_done(), "what is written is HTTP", written);
  written.remove_prefix(head);
  const auto& made = parser.get();
  if (made.result() == http::status::switching_protocols) return written.remove_prefix(written.size());
  from.check_status(made.result_int());
  require(made.has_content_length() || made.result() == http::status::no_content, "a response says where it ends");
  std::size_t size = 0;
  const auto said = made[http::field::content_length];
  std::from_chars(said.data(), said.data() + said.size(), size);
  // The answer to a HEAD has none.
  if (written.empty() || written.starts_with("HTTP/1.1 ")) return;
  require(size <= written.size(), "a response is written whole");
  if (made[http::field::content_type] == "application/json") {
    json::value parsed;
    std::string why;
    require(redstart::detail::parse_json(written.substr(0, size), parsed, &why), "what is called JSON is JSON", why);
  }
  written.remove_prefix(size);
}

// Without what may differ: the second, and whether a client that would wait for it is told to go on.
std::string comparable(std::string text) {
  constexpr std::string_view name = "\r\nDate: ";
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    text.erase(at + name.size(), text.find('\r', at + name.size()) - at - name.size());
  }
  for (std::size_t at = text.find(interim); at != std::string::npos; at = text.find(interim)) {
    text.erase(at, interim.size());
  }
  return text;
}

// Behind each of `characters`.
std::vector<std::size_t> cuts_behind(std::string_view characters, std::string_view input) {
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; at != input.size(); ++at) {
    if (characters.find(input[at]) != std::string_view::npos) ends.push_back(at + 1);
  }
  ends.push_back(input.size());
  return ends;
}

// Who opens a WebSocket has to wait for the answer: there it matters how the input is cut.
bool opens_websocket(std::string_view written) {
  return written.find(" 101 Switching") != std::string_view::npos ||
         written.find("waits for the answer") != std::string_view::npos;
}

void serve_whole_and_cut(server& serving, std::string_view input) {
  const std::string whole = serving.serve(input, {input.size()});
  const auto seen_whole = serving.take_seen();
  for (std::string_view rest = whole; !rest.empty();) take_response(serving, rest);
  // Line by line, which also lets a WebSocket begin behind its head; within the ends of lines, too; anywhere.
  for (const auto& ends : {cuts_behind("\n", input), cuts_behind("\r\n", input), cuts(input.size(), hash_of(input))}) {
    const std::string cut = serving.serve(input, ends);
    const auto seen_cut = serving.take_seen();
    for (std::string_view rest = cut; !rest.empty();) take_response(serving, rest);
    if (opens_websocket(whole) || opens_websocket(cut)) continue;
    require(seen_cut == seen_whole, "the application sees the same, however the input is cut");
    require(comparable(cut) == comparable(whole), "the client sees the same, however the input is cut", cut);
  }
}

// Without a connection before it, which would refuse much.
void handle_alone(server& serving, std::string_view input) {
  const std::string_view target = input.substr(0, input.find('\n'));
  const std::string_view body = input.substr(std::min(input.size(), target.size() + 1));
  serving.handle(http::verb::get, target, body);
  serving.handle(http::verb::post, target, body);
}

}  // namespace
}  // namespace redstart::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redstart::fuzz;
  static server serving;
  serve_whole_and_cut(serving, text_of(data, size));
  handle_alone(serving, text_of(data, size));
  return 0;
}
