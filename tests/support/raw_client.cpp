// SPDX-License-Identifier: MIT
#include "support/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace redstart::test {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("raw_client: " + what + ": " + std::system_category().message(errno));
}

template <typename Address>
int connect_to(int family, const Address& address, std::chrono::milliseconds limit) {
  const int socket = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  timeval time{};
  time.tv_sec = limit.count() / 1000;
  time.tv_usec = limit.count() % 1000 * 1000;
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int code = errno;
    ::close(socket);
    errno = code;
    fail("cannot connect");
  }
  return socket;
}

}  // namespace

raw_client raw_client::to_unix(const std::string& path, std::chrono::milliseconds limit) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw std::runtime_error("raw_client: path too long: " + path);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return raw_client(connect_to(AF_UNIX, address, limit));
}

raw_client raw_client::to_port(std::uint16_t port, std::chrono::milliseconds limit) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return raw_client(connect_to(AF_INET, address, limit));
}

raw_client::raw_client(raw_client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), input_(std::move(other.input_)) {}

raw_client& raw_client::operator=(raw_client&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(input_, other.input_);
  return *this;
}

raw_client::~raw_client() {
  if (socket_ >= 0) {
    ::close(socket_);
  }
}

answer raw_client::command(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  send(bytes);
  return read();
}

void raw_client::send(const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const auto size = ::send(socket_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (size <= 0) {
      fail("cannot send");
    }
    done += static_cast<std::size_t>(size);
  }
}

answer raw_client::read() {
  const std::string line = read_line();
  answer result{.type = line.at(0), .text = line.substr(1)};
  if (result.type == '+' || result.type == '-') {
    return result;
  }
  result.integer = std::stoll(result.text);
  result.text.clear();
  if (result.type == ':') {
    return result;
  }
  result.null = result.integer < 0;
  if (result.type == '$' && !result.null) {
    result.text = read_bytes(static_cast<std::size_t>(result.integer));
    read_bytes(2);
  } else if (result.type == '*') {
    for (std::int64_t i = 0; i < result.integer; ++i) {
      result.items.push_back(read());
    }
  }
  result.integer = 0;
  return result;
}

std::string raw_client::read_line() {
  std::size_t end = 0;
  while ((end = input_.find("\r\n")) == std::string::npos) {
    read_more();
  }
  std::string line = input_.substr(0, end);
  input_.erase(0, end + 2);
  return line;
}

std::string raw_client::read_bytes(std::size_t size) {
  while (input_.size() < size) {
    read_more();
  }
  std::string bytes = input_.substr(0, size);
  input_.erase(0, size);
  return bytes;
}

void raw_client::read_more() {
  std::array<char, 16384> bytes;
  const auto size = ::recv(socket_, bytes.data(), bytes.size(), 0);
  if (size == 0) {
    throw std::runtime_error("raw_client: the server closed the connection");
  }
  if (size < 0) {
    fail("cannot read");
  }
  input_.append(bytes.data(), static_cast<std::size_t>(size));
}

}  // namespace redstart::test
