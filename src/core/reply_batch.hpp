// SPDX-License-Identifier: MIT
// The bytes that were read from one connection, and the replies that are complete in them.
#pragma once

#include "redstart/reply.hpp"
#include "resp/reader.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace redstart::core {

/// A driver's loop: `prepare`, read into it, `commit`, look at the replies, `clear`, again.
///
/// Replies are parsed in place: views stay valid until `clear`. Bytes are consumed by offset; they are moved only when
/// the buffer's end is reached while a reply is unfinished.
class reply_batch {
 public:
  explicit reply_batch(resp::limits limits) : reader_(limits) {}

  /// Room for the next read: never empty, and enough for the whole reply when its size is announced.
  std::span<char> prepare();
  /// `count` bytes were read into what `prepare` gave. Finds the replies that are complete now.
  /// Returns false when the bytes break the protocol; the replies before that are there all the same.
  bool commit(std::size_t count);
  /// Why `commit` returned false.
  [[nodiscard]] std::string_view violation() const noexcept { return reader_.violation(); }

  [[nodiscard]] std::size_t size() const noexcept { return replies_.size(); }
  [[nodiscard]] bool empty() const noexcept { return replies_.empty(); }
  [[nodiscard]] reply_view operator[](std::size_t index) const noexcept {
    return {nodes_.data() + replies_[index].node, buffer_.get() + replies_[index].base};
  }
  /// Forgets the replies; what is unfinished stays.
  void clear();

  /// True when bytes of an unfinished reply are held: a connection in that state cannot be handed to anybody else.
  [[nodiscard]] bool has_unfinished() const noexcept { return end_ != begin_; }
  /// How many bytes were ever moved within the buffer, for tests and benchmarks.
  [[nodiscard]] std::size_t bytes_moved() const noexcept { return bytes_moved_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  static constexpr std::size_t initial_capacity = 16 * 1024;
  static constexpr std::size_t usual_capacity = 256 * 1024;
  static constexpr std::size_t smallest_read = 4 * 1024;
  // A buffer that grew for large replies is kept while they come: memory that is given back is memory that the kernel
  // must find again, page by page. It goes after so many rounds that did without, or at once when it is huge.
  static constexpr unsigned patience = 16;
  static constexpr std::size_t largest_kept = 16 * 1024 * 1024;

  struct complete_reply {
    std::size_t node;  // index of its root
    std::size_t base;  // offset of its first byte in the buffer
  };

  void make_room(std::size_t free);
  void move_to(std::size_t capacity);

  resp::reader reader_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;            // first byte that belongs to no complete reply
  std::size_t end_ = 0;              // behind the last byte read
  std::size_t unfinished_node_ = 0;  // first node of the unfinished reply
  bool filled_ = false;              // the last read took all the room it had
  unsigned unneeded_ = 0;            // rounds since the usual capacity was not enough
  std::vector<reply_node> nodes_;
  std::vector<complete_reply> replies_;
  std::size_t bytes_moved_ = 0;
};

}  // namespace redstart::core
