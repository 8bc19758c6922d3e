// SPDX-License-Identifier: MIT
#include "support/http_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace redstart::test {

namespace {

std::string lower(std::string_view text) {
  std::string made(text);
  for (char& c : made) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return made;
}

void parse_head(http_answer& answer) {
  if (answer.head.compare(0, 9, "HTTP/1.1 ") != 0) throw std::runtime_error("no HTTP: " + answer.head);
  answer.status = std::stoi(answer.head.substr(9, 3));
  std::size_t line = answer.head.find("\r\n") + 2;
  for (std::size_t end = 0; (end = answer.head.find("\r\n", line)) != line; line = end + 2) {
    const std::string text = answer.head.substr(line, end - line);
    const std::size_t colon = text.find(": ");
    if (colon == std::string::npos) throw std::runtime_error("no header: " + text);
    answer.headers.emplace_back(lower(text.substr(0, colon)), text.substr(colon + 2));
  }
}

}  // namespace

std::optional<std::string> http_answer::header(std::string_view name) const {
  for (const auto& [known, value] : headers) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::size_t http_answer::count(std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::count(headers, name, [](const auto& each) { return each.first; }));
}

http_client::http_client(std::uint16_t port, std::chrono::milliseconds limit)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), limit_(limit) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    const std::string why = std::strerror(errno);
    ::close(socket_);
    throw std::runtime_error("connect: " + why);
  }
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

http_client::http_client(http_client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), limit_(other.limit_), input_(std::move(other.input_)) {}

http_client::~http_client() {
  if (socket_ >= 0) ::close(socket_);
}

bool http_client::send(std::string_view bytes) {
  const auto end = std::chrono::steady_clock::now() + limit_;
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      pollfd ready{socket_, POLLOUT, 0};
      ::poll(&ready, 1, 50);
    } else {
      return false;
    }
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the server does not read");
  }
  return true;
}

http_answer http_client::read(bool head_only) {
  http_answer answer;
  std::size_t end = std::string::npos;
  while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
    if (!read_more(limit_)) throw std::runtime_error("the connection ended before an answer: \"" + input_ + '"');
  }
  answer.head = input_.substr(0, end + 4);
  input_.erase(0, end + 4);
  parse_head(answer);
  const auto length = answer.header("content-length");
  if (!length || head_only) return answer;
  const std::size_t size = std::stoul(*length);
  while (input_.size() < size) {
    if (!read_more(limit_)) throw std::runtime_error("the connection ended within the body of " + answer.head);
  }
  answer.body = input_.substr(0, size);
  input_.erase(0, size);
  return answer;
}

http_answer http_client::get(std::string_view target) {
  return ask("GET " + std::string(target) + " HTTP/1.1\r\nHost: hub\r\n\r\n");
}

http_answer http_client::post(std::string_view target, std::string_view body, std::string_view more_headers) {
  return ask("POST " + std::string(target) + " HTTP/1.1\r\nHost: hub\r\nContent-Length: " +
             std::to_string(body.size()) + "\r\n" + std::string(more_headers) + "\r\n" + std::string(body));
}

std::string http_client::read_all() {
  while (read_more(limit_)) {
  }
  return std::exchange(input_, {});
}

bool http_client::is_closed(std::chrono::milliseconds limit) {
  if (!input_.empty()) return false;
  try {
    return !read_more(limit);
  } catch (const std::runtime_error&) {
    return false;
  }
}

bool http_client::is_silent(std::chrono::milliseconds time) {
  if (!input_.empty()) return false;
  pollfd ready{socket_, POLLIN, 0};
  return ::poll(&ready, 1, static_cast<int>(time.count())) == 0;
}

void http_client::finish() { ::shutdown(socket_, SHUT_WR); }

void http_client::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(std::exchange(socket_, -1));
}

bool http_client::read_more(std::chrono::milliseconds limit) {
  pollfd ready{socket_, POLLIN, 0};
  if (::poll(&ready, 1, static_cast<int>(limit.count())) == 0) {
    throw std::runtime_error("nothing came for " + std::to_string(limit.count()) + " ms, after \"" +
                             input_.substr(0, 200) + '"');
  }
  char bytes[16384];
  const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
  if (got < 0 && errno == ECONNRESET) reset_ = true;
  if (got <= 0) return false;
  input_.append(bytes, static_cast<std::size_t>(got));
  return true;
}

}  // namespace redstart::test
