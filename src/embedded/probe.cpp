// SPDX-License-Identifier: MIT
#include "embedded/probe.hpp"

#include "embedded/posix.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <charconv>
#include <cstring>

namespace redstart::embedded {
namespace {

// More than any answer to PING or INFO; a stranger on the socket cannot make us read for ever.
constexpr std::size_t longest_answer = 1 << 20;

bool set_limits(int socket, std::chrono::milliseconds limit) {
  timeval value{};
  value.tv_sec = limit.count() / 1000;
  value.tv_usec = limit.count() % 1000 * 1000;
  return ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value) == 0 &&
         ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value) == 0;
}

unique_fd connect_to(const std::string& path, std::chrono::milliseconds limit) {
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) {
    return {};
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  unique_fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || !set_limits(socket.get(), limit) ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return {};
  }
  return socket;
}

bool read_more(int socket, std::string& into) {
  std::array<char, 4096> bytes;
  const auto size = ::recv(socket, bytes.data(), bytes.size(), 0);
  if (size <= 0 || into.size() > longest_answer) {
    return false;
  }
  into.append(bytes.data(), static_cast<std::size_t>(size));
  return true;
}

std::optional<std::string> read_answer(int socket) {
  std::string bytes;
  std::size_t line = 0;
  while ((line = bytes.find("\r\n")) == std::string::npos) {
    if (!read_more(socket, bytes)) {
      return std::nullopt;
    }
  }
  if (bytes[0] != '$') {
    return bytes.substr(0, line);
  }
  std::size_t size = 0;
  std::from_chars(bytes.data() + 1, bytes.data() + line, size);
  while (bytes.size() < line + 2 + size) {
    if (!read_more(socket, bytes)) {
      return std::nullopt;
    }
  }
  return bytes.substr(line + 2, size);
}

}  // namespace

std::optional<std::string> ask(const std::string& socket_path, std::string_view command,
                               std::chrono::milliseconds limit) {
  const unique_fd socket = connect_to(socket_path, limit);
  const std::string line = std::string(command) + "\r\n";
  if (!socket || ::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    return std::nullopt;
  }
  return read_answer(socket.get());
}

}  // namespace redstart::embedded
