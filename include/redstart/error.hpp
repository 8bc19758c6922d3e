// SPDX-License-Identifier: MIT
// Every way an operation can end badly, as one small hierarchy under `redstart::error`.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace redstart {

/// What every failed operation throws or completes with.
///
/// The message says what was being done, against which endpoint (password removed), for how long, and what to try.
class error : public std::runtime_error {
 public:
  explicit error(const std::string& message, bool maybe_applied = false)
      : std::runtime_error(message), maybe_applied_(maybe_applied) {}

  /// True when Redis may have executed the command although no answer arrived.
  /// False promises that it did not: the command was never completely written, or the server refused it.
  [[nodiscard]] bool maybe_applied() const noexcept { return maybe_applied_; }

 private:
  bool maybe_applied_;
};

/// The connection could not be made, or was lost before the answer came.
class connection_error : public error {
 public:
  using error::error;
};

/// The deadline of the operation passed while its answer was outstanding.
class timeout_error : public error {
 public:
  using error::error;
};

/// The client was used before `connect` or after `disconnect`.
class not_connected : public error {
 public:
  using error::error;
};

/// Every leased connection was in use until the deadline.
class pool_timeout : public error {
 public:
  using error::error;
};

/// A bound of the configuration (operations waiting, bytes waiting) is reached; nothing was sent.
class overloaded : public error {
 public:
  using error::error;
};

/// Redis answered with an error.
class server_error : public error {
 public:
  server_error(const std::string& message, std::string code, std::string text)
      : error(message, false), code_(std::move(code)), text_(std::move(text)) {}

  /// Redis's own code, the first word of its answer: `WRONGTYPE`, `MISCONF`, `ERR`.
  [[nodiscard]] const std::string& code() const noexcept { return code_; }
  /// Redis's whole answer. It comes from the server: untrusted text.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string code_;
  std::string text_;
};

/// The peer sent bytes that are not RESP or broke a limit; the connection was closed.
class protocol_error : public error {
 public:
  using error::error;
};

/// The answer arrived whole but does not fit the type that was asked for. Only this operation is affected.
class decode_error : public error {
 public:
  decode_error(const std::string& message, std::vector<std::string> payloads)
      : error(message, true), payloads_(std::move(payloads)) {}
  decode_error(const std::string& message, std::string payload)
      : decode_error(message, std::vector<std::string>{std::move(payload)}) {}

  /// The bytes as Redis sent them, so that an element taken from a queue is never lost: one string, or each element of
  /// a list, in order, those that did fit included.
  [[nodiscard]] const std::vector<std::string>& payloads() const noexcept { return payloads_; }
  /// The first of them; empty when there is none.
  [[nodiscard]] std::string payload() const { return payloads_.empty() ? std::string() : payloads_.front(); }

 private:
  std::vector<std::string> payloads_;
};

/// The value cannot be written: JSON has no such number, a text in it is not UTF-8. Nothing was sent.
class encode_error : public error {
 public:
  using error::error;
};

/// The caller cancelled the operation, or its client was destroyed.
class cancelled : public error {
 public:
  using error::error;
};

/// A URL, an option or an environment variable has a value that cannot be used; the message names it.
class config_error : public error {
 public:
  using error::error;
};

}  // namespace redstart
