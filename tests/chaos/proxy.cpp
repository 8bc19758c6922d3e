// SPDX-License-Identifier: MIT
#include "chaos/proxy.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <optional>
#include <thread>
#include <vector>

namespace redstart::chaos {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using error_code = boost::system::error_code;
using socket_type = asio::generic::stream_protocol::socket;
using tcp = asio::ip::tcp;
using local = asio::local::stream_protocol;

constexpr auto moment = 25ms;              // how long a cut waits for bytes that do not come
constexpr std::size_t trickle_piece = 32;  // with the pause between, 1 KiB/s
constexpr auto trickle_pause = 31ms;
constexpr std::chrono::microseconds split_pause = 3ms;
constexpr std::chrono::microseconds storm_pause = 100us;

bool lasts(proxy_action action) {
  switch (action) {
    case proxy_action::delay:
    case proxy_action::byte_at_a_time:
    case proxy_action::trickle:
    case proxy_action::split:
    case proxy_action::lose_all:
    case proxy_action::never_answer:
    case proxy_action::cut_every_reply:
      return true;
    default:
      return false;
  }
}

}  // namespace

class proxy::world {
 public:
  world(transport listen_on, server_address to, const std::string& folder) : to_(std::move(to)) {
    if (listen_on == transport::unix_socket) {
      const std::string path = folder + "/proxy.sock";
      local_.emplace(io_, local::endpoint(path));
      url_ = "unix://" + path;
      asio::co_spawn(io_, accept(*local_), asio::detached);
    } else {
      tcp_.emplace(io_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
      const std::string place = "127.0.0.1:" + std::to_string(tcp_->local_endpoint().port());
      url_ = (listen_on == transport::tls ? "rediss://" : "redis://") + place;
      asio::co_spawn(io_, accept(*tcp_), asio::detached);
    }
    thread_ = std::thread([this] { io_.run(); });
  }
  ~world() {
    io_.stop();
    thread_.join();
  }
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }

  /// Runs `work` on the proxy's thread and waits for its end.
  template <class Work>
  auto here(Work work) {
    return asio::post(io_, asio::use_future(std::move(work))).get();
  }

  void provoke(const proxy_plan& plan) {
    forget_closed();
    plan_ = plan;
    if (lasts(plan.action) && plan.action != proxy_action::never_answer && plan.action != proxy_action::lose_all)
      return;
    for (const auto& each : links_) {
      if (const auto one = each.lock()) strike(one);
    }
    strike_next_ = !lasts(plan.action) && links_.empty() ? 2 : 0;
  }
  void heal() {
    plan_ = {};
    strike_next_ = 0;
  }
  void silence() {
    for (const auto& each : links_) {
      if (const auto one = each.lock()) one->deaf = one->mute = true;
    }
  }
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> corrupted{0};
  std::atomic<std::uint64_t> splits{0};

 private:
  // One connection of the client's, and the one to the server that belongs to it.
  struct link {
    explicit link(asio::io_context& on) : client(on), server(on), fuse(on) {}
    void close() {
      error_code ignored;
      client.close(ignored);
      server.close(ignored);
      fuse.cancel();
    }
    socket_type client;
    socket_type server;
    asio::steady_timer fuse;              // a cut that waits for its moment
    bool deaf = false;                    // nothing passes to the server
    bool mute = false;                    // nothing passes to the client
    bool ended = false;                   // the client was told an end
    std::optional<std::uint64_t> left{};  // bytes to the client until `pending` happens
    proxy_action pending = proxy_action::nothing;
  };
  using link_ptr = std::shared_ptr<link>;

  void forget_closed() {
    std::erase_if(links_, [](const std::weak_ptr<link>& each) {
      const auto one = each.lock();
      return !one || !one->client.is_open();
    });
  }

  template <class Acceptor>
  asio::awaitable<void> accept(Acceptor& from) {
    for (;;) {
      auto [ec, client] = co_await from.async_accept(asio::as_tuple(asio::use_awaitable));
      if (ec) continue;
      ++accepted;
      const auto made = std::make_shared<link>(io_);
      made->client = std::move(client);
      asio::co_spawn(io_, serve(made), asio::detached);
    }
  }

  asio::awaitable<void> serve(link_ptr one) {
    if (plan_.action == proxy_action::never_answer) {
      one->deaf = one->mute = true;
    } else {
      const bool reached = co_await connect(one);
      if (!reached) {
        one->close();
        co_return;
      }
    }
    if (plan_.action == proxy_action::lose_all) one->deaf = one->mute = true;
    if (tcp_) one->client.set_option(tcp::no_delay(true));
    links_.push_back(one);
    if (strike_next_ > 0) {
      --strike_next_;
      strike(one);
    }
    if (one->server.is_open()) asio::co_spawn(io_, pump_to_client(one), asio::detached);
    co_await pump_to_server(one);
    one->close();
  }

  // A source address of our own keeps a port that nobody listens on from answering itself.
  asio::awaitable<bool> connect(link_ptr one) {
    error_code ec;
    if (to_.tls_port != 0) {
      tcp::socket raw(io_, tcp::v4());
      raw.bind({asio::ip::make_address("127.0.0.2"), 0}, ec);
      const tcp::endpoint there(asio::ip::make_address("127.0.0.1"), to_.tls_port);
      if (!ec) co_await raw.async_connect(there, asio::redirect_error(asio::use_awaitable, ec));
      if (!ec) raw.set_option(tcp::no_delay(true), ec);
      one->server = std::move(raw);
    } else {
      local::socket raw(io_);
      co_await raw.async_connect(local::endpoint(to_.socket_path), asio::redirect_error(asio::use_awaitable, ec));
      one->server = std::move(raw);
    }
    co_return !ec;
  }

  // --- What strikes once ---------------------------------------------------------------------------------------------

  void strike(const link_ptr& one) {
    switch (plan_.action) {
      case proxy_action::cut_fin:
      case proxy_action::cut_rst:
      case proxy_action::end_to_client:
      case proxy_action::end_to_server:
        one->pending = plan_.action;
        one->left = plan_.after;
        light_fuse(one, moment);
        break;
      case proxy_action::corrupt:
        one->pending = plan_.action;
        one->left = plan_.after;
        break;
      case proxy_action::lose_all:
        one->deaf = one->mute = true;
        break;
      case proxy_action::lose_replies:
        one->mute = true;
        break;
      case proxy_action::lose_replies_cut:
        one->mute = true;
        one->pending = proxy_action::cut_rst;
        light_fuse(one, moment);
        break;
      case proxy_action::lose_requests:
        one->deaf = true;
        break;
      case proxy_action::never_answer:
        one->pending = proxy_action::cut_fin;
        happen(*one);
        break;
      default:
        break;
    }
  }

  void light_fuse(const link_ptr& one, std::chrono::milliseconds time) {
    one->fuse.expires_after(time);
    one->fuse.async_wait([one](error_code ec) {
      if (!ec && one->client.is_open()) happen(*one);
    });
  }

  static void happen(link& one) {
    error_code ignored;
    const proxy_action what = std::exchange(one.pending, proxy_action::nothing);
    one.left.reset();
    one.fuse.cancel();
    switch (what) {
      case proxy_action::cut_fin:
        // Closing with bytes unread would be a reset: the client's side ends first, and is closed when the client has.
        one.deaf = one.mute = one.ended = true;
        one.client.shutdown(socket_type::shutdown_send, ignored);
        one.server.close(ignored);
        break;
      case proxy_action::cut_rst:
        one.client.set_option(asio::socket_base::linger(true, 0), ignored);
        one.close();
        break;
      case proxy_action::end_to_client:
        one.mute = one.ended = true;
        one.client.shutdown(socket_type::shutdown_send, ignored);
        break;
      case proxy_action::end_to_server:
        one.deaf = true;
        one.server.shutdown(socket_type::shutdown_send, ignored);
        break;
      default:
        break;
    }
  }

  // --- Bytes ---------------------------------------------------------------------------------------------------------

  static asio::awaitable<bool> send(socket_type& to, const char* bytes, std::size_t size) {
    error_code ec;
    co_await asio::async_write(to, asio::buffer(bytes, size), asio::redirect_error(asio::use_awaitable, ec));
    co_return !ec;
  }
  asio::awaitable<void> pause(std::chrono::microseconds time) {
    asio::steady_timer timer(io_, time);
    error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  asio::awaitable<bool> send_singly(socket_type& to, const char* bytes, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      const bool singly = plan_.action == proxy_action::byte_at_a_time;
      const bool sent = co_await send(to, bytes + i, singly ? 1 : size - i);
      if (!sent || !singly) co_return sent;
    }
    co_return true;
  }
  asio::awaitable<bool> send_in_two(socket_type& to, const char* bytes, std::size_t size, std::size_t first) {
    ++splits;
    const bool sent = co_await send(to, bytes, first);
    if (!sent) co_return false;
    // Lets the other side see what came.
    co_await pause(plan_.action == proxy_action::split ? split_pause : storm_pause);
    const bool all = co_await send(to, bytes + first, size - first);
    co_return all;
  }
  asio::awaitable<bool> trickle(socket_type& to, const char* bytes, std::size_t size) {
    while (size > 0 && plan_.action == proxy_action::trickle) {
      const std::size_t piece = std::min(size, trickle_piece);
      const bool sent = co_await send(to, bytes, piece);
      if (!sent) co_return false;
      bytes += piece;
      size -= piece;
      co_await pause(trickle_pause);
    }
    bool all = true;
    if (size > 0) all = co_await send(to, bytes, size);
    co_return all;
  }

  asio::awaitable<bool> pass(socket_type& to, const char* bytes, std::size_t size, bool to_client) {
    bool sent = false;
    const proxy_action how = plan_.action;
    if (how == proxy_action::delay) co_await pause(plan_.pause);
    if (how == proxy_action::byte_at_a_time) {
      sent = co_await send_singly(to, bytes, size);
    } else if (how == proxy_action::trickle && to_client) {
      sent = co_await trickle(to, bytes, size);
    } else if (how == proxy_action::split && to_client && size > 1) {
      const std::size_t first = 1 + plan_.after % (size - 1);
      sent = co_await send_in_two(to, bytes, size, first);
    } else if (how == proxy_action::cut_every_reply && to_client && size > 1) {
      const std::size_t first = 1 + moving_++ % (size - 1);
      sent = co_await send_in_two(to, bytes, size, first);
    } else {
      sent = co_await send(to, bytes, size);
    }
    co_return sent;
  }

  // Counts down to what is pending, and lets it happen at its byte.
  asio::awaitable<bool> pass_to_client(link_ptr one, char* bytes, std::size_t size) {
    if (one->left && *one->left < size) {
      const auto before = static_cast<std::size_t>(*one->left);
      if (one->pending == proxy_action::corrupt) {
        bytes[before] = static_cast<char>(bytes[before] ^ '\x80');
        ++corrupted;
        one->pending = proxy_action::nothing;
        one->left.reset();
      } else {
        bool sent = true;
        if (before > 0) sent = co_await pass(one->client, bytes, before, true);
        happen(*one);
        bytes += before;
        size -= before;
        if (!sent || one->mute || !one->client.is_open()) co_return sent;
      }
    }
    if (one->left) *one->left -= size;
    const bool sent = co_await pass(one->client, bytes, size, true);
    co_return sent;
  }

  asio::awaitable<void> pump_to_client(link_ptr one) {
    std::array<char, 16384> bytes;
    for (;;) {
      auto [ec, size] = co_await one->server.async_read_some(asio::buffer(bytes), asio::as_tuple(asio::use_awaitable));
      if (ec) break;
      if (one->mute) continue;
      const bool sent = co_await pass_to_client(one, bytes.data(), size);
      if (!sent) break;
    }
    // A server that is gone is seen as such, unless nothing is to be seen of it any more.
    if (!one->mute) one->close();
  }

  asio::awaitable<void> pump_to_server(link_ptr one) {
    std::array<char, 16384> bytes;
    for (;;) {
      auto [ec, size] = co_await one->client.async_read_some(asio::buffer(bytes), asio::as_tuple(asio::use_awaitable));
      if (ec) co_return;
      if (one->deaf) continue;
      const bool sent = co_await pass(one->server, bytes.data(), size, false);
      // What fails here is seen by the other direction, as the server's end.
      if (!sent && !one->mute) co_return;
    }
  }

  asio::io_context io_{1};
  server_address to_;
  std::string url_;
  std::optional<tcp::acceptor> tcp_;
  std::optional<local::acceptor> local_;
  proxy_plan plan_;
  int strike_next_ = 0;
  std::size_t moving_ = 0;
  std::vector<std::weak_ptr<link>> links_;
  std::thread thread_;
};

proxy::proxy(transport listen_on, server_address to, const std::string& folder)
    : world_(std::make_unique<world>(listen_on, std::move(to), folder)) {}
proxy::~proxy() = default;

const std::string& proxy::url() const { return world_->url(); }
void proxy::provoke(const proxy_plan& plan) {
  world_->here([this, plan] { world_->provoke(plan); });
}
void proxy::heal() {
  world_->here([this] { world_->heal(); });
}
proxy_figures proxy::figures() const {
  return {.accepted = world_->accepted, .corrupted = world_->corrupted, .splits = world_->splits};
}
void proxy::silence() {
  world_->here([this] { world_->silence(); });
}

}  // namespace redstart::chaos
