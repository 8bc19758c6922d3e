// SPDX-License-Identifier: MIT
// What a client asked for.
#pragma once

#include "redstart/web/http.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redstart::web {

/// One request, read whole. Handlers that need more than their parameters say take it as `const request&`.
class request {
 public:
  using message_type = http::request<http::string_body>;

  /// What a server read. `peer` is the client's address without its port. Throws `http_error` (400) when the target is
  /// not one that RFC 9112 knows, or escapes something that is no text.
  explicit request(message_type message, std::string peer = {});
  /// One made by hand, for tests: `request(http::verb::post, "/events", R"({"camera_id": 1})")`.
  request(http::verb method, std::string_view target, std::string body = {});

  [[nodiscard]] http::verb method() const noexcept { return message_.method(); }
  /// As it was sent: `/queues/detections?start=0`. Of an absolute URI, its path and query; its host is then the header.
  [[nodiscard]] std::string_view target() const noexcept;
  /// The target's path, as it was sent, without the query.
  [[nodiscard]] std::string_view path() const noexcept { return target().substr(0, path_size_); }
  /// The parts of the path between its slashes, with escapes resolved. `/` has none.
  [[nodiscard]] const std::vector<std::string>& segments() const noexcept { return segments_; }
  /// The first query parameter of that name, with escapes resolved. Empty text when it has no value.
  [[nodiscard]] std::optional<std::string> query(std::string_view name) const;
  /// A header by its name, in any case.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
  /// Sets a header; for tests.
  void set_header(std::string_view name, std::string_view value);
  [[nodiscard]] const std::string& body() const noexcept { return message_.body(); }
  [[nodiscard]] const std::string& peer() const noexcept { return peer_; }

  /// The message as Beast read it.
  [[nodiscard]] const message_type& message() const noexcept { return message_; }

 private:
  void leave_path_of_uri();
  void split_target();

  message_type message_;
  std::string peer_;
  std::size_t path_size_ = 0;
  std::vector<std::string> segments_;
};

}  // namespace redstart::web
