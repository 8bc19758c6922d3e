// SPDX-License-Identifier: MIT
// A blocking HTTP client that sends any bytes at all. It shares no code with the library or with Beast, so that both
// cannot be wrong in the same way.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redstart::test {

struct http_answer {
  int status = 0;
  std::string head;  ///< as it came, the empty line included
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case

  [[nodiscard]] std::optional<std::string> header(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
};

/// Everything here throws `std::runtime_error` when it takes longer than `limit`, or when the connection ends in
/// the middle of an answer.
class http_client {
 public:
  explicit http_client(std::uint16_t port, std::chrono::milliseconds limit = std::chrono::seconds(20));
  http_client(http_client&& other) noexcept;
  http_client& operator=(http_client&&) = delete;
  ~http_client();

  /// False when the server has closed the connection.
  bool send(std::string_view bytes);
  /// The next answer; 1xx is one by itself. `head_only`: of a HEAD.
  http_answer read(bool head_only = false);
  http_answer ask(std::string_view bytes) {
    send(bytes);
    return read();
  }
  http_answer get(std::string_view target);
  http_answer post(std::string_view target, std::string_view body, std::string_view more_headers = {});

  /// All that comes until the server closes the connection.
  std::string read_all();
  /// True when the server closes the connection within `limit`, without sending anything before.
  bool is_closed(std::chrono::milliseconds limit);
  /// True when the end that was read was a reset, which may have taken with it what was not read yet.
  [[nodiscard]] bool was_reset() const { return reset_; }
  /// True when nothing comes, not even the end, for that long.
  bool is_silent(std::chrono::milliseconds time);
  /// Sends no more; reading goes on.
  void finish();
  /// Makes the connection vanish: the server gets a reset.
  void reset();

 private:
  bool read_more(std::chrono::milliseconds limit);  // false at the end

  int socket_;
  bool reset_ = false;
  std::chrono::milliseconds limit_;
  std::string input_;
};

}  // namespace redstart::test
