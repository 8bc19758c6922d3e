// SPDX-License-Identifier: MIT
// One or more commands as the bytes Redis will read, kept in place when they are short.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace redstart::detail {

/// Encoded when the verb is called, so that nothing the caller passed needs to live longer, and whatever can go wrong
/// in encoding goes wrong before anything is sent. Movable, not copyable; a moved-from request is empty.
class request {
 public:
  request() noexcept = default;
  /// One command that is known to be safe to repeat, or known not to be: no look-up.
  request(bool repeatable, std::initializer_list<std::string_view> args) {
    add({args.begin(), args.size()}, repeatable);
  }
  request(bool repeatable, std::span<const std::string_view> args) { add(args, repeatable); }
  request(request&& other) noexcept { take(other); }
  request& operator=(request&& other) noexcept {
    if (this != &other) {
      heap_.reset();
      take(other);
    }
    return *this;
  }
  ~request() = default;

  /// Appends one command: its name and arguments. The request may be repeated when all of its commands may.
  /// On `bad_alloc` the request is as before.
  void add(std::span<const std::string_view> args, bool repeatable);

  [[nodiscard]] std::string_view bytes() const noexcept { return {heap_ ? heap_.get() : inline_, size_}; }
  /// How many replies Redis will give.
  [[nodiscard]] std::uint32_t replies() const noexcept { return replies_; }
  /// Where the bytes of the first command end: a connection lost before that has executed nothing.
  [[nodiscard]] std::size_t first_command_bytes() const noexcept { return first_command_bytes_; }
  /// Every command only reads, so running it twice does no harm.
  [[nodiscard]] bool repeatable() const noexcept { return repeatable_; }
  void declare_repeatable() noexcept { repeatable_ = true; }
  /// Nothing of the request counts until its last byte: MULTI … EXEC.
  void declare_atomic() noexcept { first_command_bytes_ = size_; }

  /// The first argument of the first command; empty when it has none.
  [[nodiscard]] std::string_view first_argument() const noexcept;
  /// Name and first argument for messages: `GET camera:1:status`. Never an argument that may be a secret.
  [[nodiscard]] std::string description() const;

 private:
  // A SET of a key of 20 bytes and a value of 64 fits.
  static constexpr std::size_t inline_capacity = 136;
  static constexpr std::size_t usual_size = 48;

  void take(request& other) noexcept {
    heap_ = std::move(other.heap_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, inline_capacity);
    first_command_bytes_ = std::exchange(other.first_command_bytes_, 0);
    replies_ = std::exchange(other.replies_, 0);
    repeatable_ = std::exchange(other.repeatable_, true);
    if (heap_) return;
    // Sizes that are known, whatever is beyond the command: a few instructions each, and no call. Most need the first
    // part only, and then no cache line of the second is touched.
    std::memcpy(inline_, other.inline_, usual_size);
    if (size_ > usual_size) std::memcpy(inline_ + usual_size, other.inline_ + usual_size, inline_capacity - usual_size);
  }
  void reserve(std::size_t more);

  std::unique_ptr<char[]> heap_;
  std::size_t size_ = 0;
  std::size_t capacity_ = inline_capacity;
  std::size_t first_command_bytes_ = 0;
  std::uint32_t replies_ = 0;
  bool repeatable_ = true;
  char inline_[inline_capacity];
};

}  // namespace redstart::detail
