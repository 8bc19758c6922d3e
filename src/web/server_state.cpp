// SPDX-License-Identifier: MIT
#include "web/server_state.hpp"

#include "redstart/error.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <vector>

namespace redstart::web::detail {

using asio::ip::tcp;

namespace {

void check(const server_config& settings) {
  const auto refuse = [](const char* option, const char* why) {
    throw config_error(std::string("server_config::") + option + ' ' + why);
  };
  if (settings.max_body_bytes == 0) refuse("max_body_bytes", "must be at least 1");
  if (settings.max_header_bytes < 256) refuse("max_header_bytes", "must be at least 256");
  // Beast counts the bytes of a field in 16 bits.
  if (settings.max_header_bytes > 65'532) refuse("max_header_bytes", "must be at most 65,532");
  if (settings.max_connections == 0) refuse("max_connections", "must be at least 1");
  if (settings.max_connections_per_peer == 0) refuse("max_connections_per_peer", "must be at least 1");
  if (!(settings.max_requests_per_second >= 0)) refuse("max_requests_per_second", "must not be negative");
  if (settings.request_timeout.count() <= 0) refuse("request_timeout", "must be longer than 0");
  if (settings.idle_timeout.count() <= 0) refuse("idle_timeout", "must be longer than 0");
  if (settings.drain_timeout.count() < 0) refuse("drain_timeout", "must not be negative");
  if (settings.ping_interval < std::chrono::seconds(1)) refuse("ping_interval", "must be at least 1 s");
  if (settings.max_message_bytes == 0) refuse("max_message_bytes", "must be at least 1");
  if (settings.max_websocket_backlog == 0) refuse("max_websocket_backlog", "must be at least 1");
  if (settings.tls_certificate_file.empty() != settings.tls_key_file.empty()) {
    refuse("tls_certificate_file", "and tls_key_file belong together: set both, or none");
  }
}

server_config checked(server_config settings) {
  check(settings);
  return settings;
}

#ifdef REDSTART_TLS
std::shared_ptr<asio::ssl::context> tls_of(const server_config& settings) {
  if (settings.tls_certificate_file.empty()) return nullptr;
  auto made = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  boost::system::error_code failure;
  made->set_options(asio::ssl::context::no_sslv2 | asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                    asio::ssl::context::no_tlsv1_1);
  made->use_certificate_chain_file(settings.tls_certificate_file, failure);
  if (failure) {
    throw config_error("server_config::tls_certificate_file: cannot use " + settings.tls_certificate_file + ": " +
                       failure.message());
  }
  made->use_private_key_file(settings.tls_key_file, asio::ssl::context::pem, failure);
  if (failure) {
    throw config_error("server_config::tls_key_file: cannot use " + settings.tls_key_file + ": " + failure.message());
  }
  return made;
}
#endif

bool is_loopback(const std::string& address) {
  boost::system::error_code failure;
  const auto parsed = asio::ip::make_address(address, failure);
  return !failure && parsed.is_loopback();
}

peer_limits_config limits_of(const server_config& settings) {
  return {settings.max_connections, settings.max_connections_per_peer, settings.max_requests_per_second};
}

}  // namespace

server_state::server_state(const asio::any_io_executor& executor, application& served, const server_config& settings)
    : base_executor_(executor),
      executor_(asio::make_strand(executor)),
      context_(new connection_context{served, checked(settings), peer_limits(limits_of(settings)),
                                      is_loopback(settings.address)}),
      acceptor_(executor_),
      watch_timer_(executor_) {
#ifdef REDSTART_TLS
  tls_ = tls_of(settings);
#else
  if (!settings.tls_certificate_file.empty()) {
    throw config_error("server_config::tls_certificate_file: this build of the library leaves TLS out (REDSTART_TLS)");
  }
#endif
}

std::string server_state::url() const {
  const std::string& host = settings().address;
  const std::string shown = host.find(':') == std::string::npos ? host : '[' + host + ']';
  return (settings().tls_certificate_file.empty() ? "http://" : "https://") + shown + ':' + std::to_string(port_);
}

server_figures server_state::figures() const {
  return {.connections = context_->limits.connections(),
          .websockets = context_->websockets,
          .accepted = accepted_,
          .refused = refused_};
}

void server_state::listen() {
  if (closed_ || context_->draining) throw cancelled("the server was stopped while it was starting");
  boost::system::error_code failure;
  const auto address = asio::ip::make_address(settings().address, failure);
  if (failure) throw config_error("server_config::address: \"" + settings().address + "\" is no IP address");
  const tcp::endpoint endpoint(address, settings().port);
  const auto attempt = [&](auto&& step) {
    if (!failure) step();
  };
  attempt([&] { acceptor_.open(endpoint.protocol(), failure); });
  attempt([&] { acceptor_.set_option(tcp::acceptor::reuse_address(true), failure); });
  attempt([&] { acceptor_.bind(endpoint, failure); });
  attempt([&] { acceptor_.listen(tcp::socket::max_listen_connections, failure); });
  if (failure) {
    throw config_error("cannot listen on " + settings().address + ':' + std::to_string(settings().port) + ": " +
                       failure.message() + "; is another program using the port?");
  }
  port_ = acceptor_.local_endpoint().port();
  const auto ignore = [](const std::exception_ptr&) {};
  asio::co_spawn(executor_, accept(), ignore);
  asio::co_spawn(executor_, watch(), ignore);
}

asio::awaitable<void> server_state::accept() {
  const auto self = shared_from_this();
  asio::steady_timer pause(executor_);
  while (!closed_ && acceptor_.is_open()) {
    std::string trouble;
    try {
      boost::system::error_code failure;
      const asio::any_io_executor strand = asio::make_strand(base_executor_);
      tcp::socket socket = co_await acceptor_.async_accept(strand, asio::redirect_error(asio::use_awaitable, failure));
      if (failure) trouble = failure.message();
      if (!failure) take(std::move(socket));
    } catch (const std::exception& problem) {
      trouble = problem.what();
    }
    if (trouble.empty() || closed_ || !acceptor_.is_open()) continue;
    // Out of file descriptors, most likely: they come back when connections end.
    context_->served.log(log_level::warning, "cannot accept a connection: ", trouble);
    boost::system::error_code ignored;
    pause.expires_after(std::chrono::milliseconds(100));
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

void server_state::take(tcp::socket socket) {
  if (closed_) return;
  boost::system::error_code failure;
  const auto remote = socket.remote_endpoint(failure);
  if (failure) return;
  socket.set_option(tcp::no_delay(true), failure);
  std::string peer = remote.address().to_string();
  if (!context_->limits.enter(peer)) {
    ++refused_;
    // In a flood most get no answer: waiting for them to read it would cost what the limit is there to save.
    if (turning_away_ >= 64) return;
    ++turning_away_;
    asio::co_spawn(executor_, turn_away(std::move(socket)),
                   [self = shared_from_this()](const std::exception_ptr&) { --self->turning_away_; });
    return;
  }
  ++accepted_;
  std::shared_ptr<connection> made;
  try {
    made = make(std::move(socket), peer);
  } catch (...) {
    context_->limits.leave(peer, std::chrono::steady_clock::now());
    throw;
  }
  run(made);
}

std::shared_ptr<connection> server_state::make(tcp::socket socket, const std::string& peer) const {
#ifdef REDSTART_TLS
  if (tls_) return make_tls_connection(std::move(socket), tls_, context_, peer);
#endif
  return make_connection(std::move(socket), context_, peer);
}

// The request is not looked at: a server that has too much to do has no time for it.
asio::awaitable<void> server_state::turn_away(tcp::socket socket) {
  boost::system::error_code failure;
  constexpr std::string_view text =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  if (settings().tls_certificate_file.empty()) {
    const auto buffer = asio::buffer(text);
    co_await asio::async_write(socket, buffer, asio::redirect_error(asio::use_awaitable, failure));
  }
  // Closing with bytes unread would take the answer away from the client again.
  socket.shutdown(tcp::socket::shutdown_send, failure);
  asio::steady_timer pause(executor_, std::chrono::milliseconds(200));
  co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, failure));
  std::array<char, 4096> sink{};
  socket.non_blocking(true, failure);
  for (int reads = 0; reads < 16 && !failure; ++reads) socket.read_some(asio::buffer(sink), failure);
}

void server_state::run(const std::shared_ptr<connection>& added) {
  std::list<std::shared_ptr<connection>>::iterator place;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;  // who is not in the list yet was not cut by `close`
    place = connections_.insert(connections_.end(), added);
  }
  auto ended = [self = shared_from_this(), place](const std::exception_ptr& problem) {
    std::shared_ptr<connection> over;
    {
      const std::lock_guard lock(self->mutex_);
      over = std::move(*place);
      self->connections_.erase(place);
    }
    if (!problem || self->closed_) return;  // closing cancels
    try {
      std::rethrow_exception(problem);
    } catch (const std::exception& e) {
      self->context_->served.log(log_level::warning, "a connection failed: ", e.what());
    }
  };
  // On its strand, where `cut` emits: another thread may close the server right now, and a slot that is being set up
  // must not be looked at.
  const auto begin = [added, ended] {
    try {
      asio::co_spawn(added->executor(), added->run(), asio::bind_cancellation_slot(added->cut_slot(), ended));
    } catch (...) {
      ended(std::current_exception());
    }
  };
  try {
    asio::dispatch(added->executor(), begin);
  } catch (...) {
    ended(std::current_exception());  // `begin` throws nothing, so it did not run
  }
}

// Closes what has been silent, or busy, for too long.
asio::awaitable<void> server_state::watch() {
  const auto self = shared_from_this();
  boost::system::error_code stopped;
  while (!closed_) {
    watch_timer_.expires_after(std::chrono::milliseconds(500));
    co_await watch_timer_.async_wait(asio::redirect_error(asio::use_awaitable, stopped));
    // Without it no connection would ever be late again: it goes on when memory is short for a moment.
    try {
      const auto now = std::chrono::steady_clock::now();
      for_each([now](connection& each) {
        if (each.is_due(now)) each.close_if_due();
      });
      context_->limits.forget_quiet(now);
    } catch (const std::exception& problem) {
      context_->served.log(log_level::warning, "cannot look after connections: ", problem.what());
    }
  }
}

void server_state::for_each(const std::function<void(connection&)>& act) const {
  std::vector<std::shared_ptr<connection>> all;
  {
    const std::lock_guard lock(mutex_);
    all.assign(connections_.begin(), connections_.end());
  }
  for (const auto& each : all) act(*each);
}

void server_state::stop_accepting() {
  asio::dispatch(executor_, [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->acceptor_.close(ignored);
  });
}

bool server_state::is_empty() const {
  const std::lock_guard lock(mutex_);
  return connections_.empty();
}

asio::awaitable<void> server_state::wait_until_empty(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  asio::steady_timer pause(executor_);
  while (!is_empty() && std::chrono::steady_clock::now() < end) {
    pause.expires_after(std::chrono::milliseconds(5));
    co_await pause.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<void> server_state::drain() {
  const auto self = shared_from_this();
  context_->draining = true;
  stop_accepting();
  for_each([](connection& each) { each.drain(); });
  co_await wait_until_empty(settings().drain_timeout);
  close();
  co_await wait_until_empty(std::chrono::seconds(1));
}

void server_state::close() {
  {
    // Under the lock: who is in the list by now is cut below, and who comes later is not taken.
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  stop_accepting();
  asio::dispatch(executor_, [self = shared_from_this()] { self->watch_timer_.cancel(); });
  for_each([](connection& each) { each.cut(); });
}

}  // namespace redstart::web::detail
