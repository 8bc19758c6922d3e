// SPDX-License-Identifier: MIT
// Handlers of other executors than the client's, on their way: those that one read of a connection completes are handed
// over together.
//
// Every post to another thread wakes it. One by one, the kernel switches to it and back for each answer, which costs
// more than the operation does.
#pragma once

#include "redstart/detail/completion.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/container/static_vector.hpp>

#include <cstddef>
#include <utility>

namespace redstart::detail {

namespace asio = boost::asio;

/// A handler with what it is to be called with. Exactly one of its functions is called, once; it destroys the letter.
class letter {
 public:
  letter() = default;
  letter(const letter&) = delete;
  letter& operator=(const letter&) = delete;

  /// Calls the handler, on its executor. What it throws is posted to `here`, to leave it through `run()`.
  virtual void open(const asio::any_io_executor& here) noexcept = 0;
  /// From the loop: has `to` call the handler, alone. When it takes nothing more, `home` is told so.
  virtual void send(const asio::any_io_executor& to, const asio::any_io_executor& home) noexcept = 0;
  /// The executor is gone: destroys the handler.
  virtual void discard() noexcept = 0;

 protected:
  virtual ~letter() = default;

 private:
  friend class letter_list;
  letter* next_ = nullptr;
};

/// Letters in their order, owned: those that are left are discarded.
class letter_list {
 public:
  letter_list() = default;
  letter_list(letter_list&& other) noexcept { swap(other); }
  letter_list& operator=(letter_list&& other) noexcept {
    swap(other);
    return *this;
  }
  ~letter_list() {
    while (letter* each = pop_front()) each->discard();
  }

  void push_back(letter& one) noexcept {
    (last_ ? last_->next_ : first_) = &one;
    last_ = &one;
    ++size_;
  }
  letter* pop_front() noexcept {
    letter* const front = first_;
    if (!front) return nullptr;
    first_ = front->next_;
    if (!first_) last_ = nullptr;
    --size_;
    return front;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  void swap(letter_list& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    std::swap(size_, other.size_);
  }
  letter* first_ = nullptr;
  letter* last_ = nullptr;
  std::size_t size_ = 0;
};

/// Letters for a few executors. Each gets its letters in the order in which they were added, and has work until it has
/// them. No letter holds the client's executor, which may be gone when a handler runs.
class outbox {
 public:
  outbox() = default;
  outbox(const outbox&) = delete;
  outbox& operator=(const outbox&) = delete;
  ~outbox() { send(); }

  /// Takes `one` for `to`, and sends what has gathered for it when that is enough. `home` is the client's executor.
  void add(const asio::any_io_executor& to, letter& one, const asio::any_io_executor& home) noexcept;
  /// Sends everything. Without memory for one post, every letter is sent alone.
  void send() noexcept;

 private:
  // More would have the other thread wait for the first while this one still decodes the last, and the last wait for
  // the handlers of the first where several threads could run them. These are not split when they take long: what is
  // posted anew would come after what was sent since.
  static constexpr std::size_t enough = 16;
  static constexpr std::size_t most_executors = 4;
  struct bag {
    asio::any_io_executor to;
    asio::any_io_executor working;  // `to`, with work, for as long as the letters are here
    asio::any_io_executor home;
    letter_list letters;
  };
  static void send(bag& full) noexcept;

  boost::container::static_vector<bag, most_executors> bags_;
};

}  // namespace redstart::detail
