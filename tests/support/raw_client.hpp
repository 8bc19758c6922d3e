// SPDX-License-Identifier: MIT
// A blocking connection in RESP2 for tests that look at a server from outside. It shares no code with the library, so
// that both cannot be wrong in the same way.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace redstart::test {

/// One answer; which fields count depends on `type`, the first byte of RESP2: + - : $ *
struct answer {
  char type = 0;
  std::string text{};           ///< + - $
  std::int64_t integer = 0;     ///< :
  bool null = false;            ///< $-1 and *-1
  std::vector<answer> items{};  ///< *

  bool operator==(const answer&) const = default;
};

/// Everything here throws `std::runtime_error` when the connection fails or an answer takes longer than `limit`.
class raw_client {
 public:
  static raw_client to_unix(const std::string& path, std::chrono::milliseconds limit = std::chrono::seconds(10));
  static raw_client to_port(std::uint16_t port, std::chrono::milliseconds limit = std::chrono::seconds(10));
  raw_client(raw_client&& other) noexcept;
  raw_client& operator=(raw_client&& other) noexcept;
  ~raw_client();

  answer command(const std::vector<std::string>& words);
  void send(const std::string& bytes);
  answer read();

 private:
  explicit raw_client(int socket) : socket_(socket) {}
  std::string read_line();
  std::string read_bytes(std::size_t size);
  void read_more();

  int socket_;
  std::string input_;
};

}  // namespace redstart::test
