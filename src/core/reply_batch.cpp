// SPDX-License-Identifier: MIT
#include "core/reply_batch.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace redstart::core {

std::span<char> reply_batch::prepare() {
  assert(replies_.empty());
  const std::size_t held = end_ - begin_;
  if (held == 0) {
    unneeded_ = end_ > usual_capacity ? 0 : unneeded_ + 1;
    begin_ = end_ = 0;
    if (capacity_ > largest_kept || (capacity_ > 4 * usual_capacity && unneeded_ >= patience)) move_to(usual_capacity);
  }
  std::size_t room = smallest_read;
  if (held != 0 && reader_.wanted() > held) room = std::max(room, reader_.wanted() - held);
  // A reader that always fills the buffer would rather read more at a time.
  if (filled_ && capacity_ < usual_capacity) room = std::max(room, capacity_);
  make_room(room);
  return {buffer_.get() + end_, capacity_ - end_};
}

void reply_batch::make_room(std::size_t free) {
  if (capacity_ - end_ >= free) return;
  const std::size_t held = end_ - begin_;
  const bool sparse = begin_ >= held && capacity_ - held >= free;
  move_to(sparse ? capacity_ : std::max({initial_capacity, 2 * capacity_, held + free}));
}

// The unfinished bytes go to the front of a buffer of `capacity` bytes: the same one where that is possible.
void reply_batch::move_to(std::size_t capacity) {
  const std::size_t held = end_ - begin_;
  if (capacity == capacity_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
  } else {
    auto other = std::make_unique_for_overwrite<char[]>(capacity);
    if (held != 0) std::memcpy(other.get(), buffer_.get() + begin_, held);
    buffer_ = std::move(other);
    capacity_ = capacity;
  }
  bytes_moved_ += held;
  begin_ = 0;
  end_ = held;
}

bool reply_batch::commit(std::size_t count) {
  filled_ = count == capacity_ - end_;
  end_ += count;
  while (begin_ != end_) {
    const std::string_view unread(buffer_.get() + begin_, end_ - begin_);
    switch (reader_.read(unread, nodes_)) {
      case resp::read_status::need_more:
        return true;
      case resp::read_status::violation:
        return false;
      case resp::read_status::complete:
        replies_.push_back({unfinished_node_ + reader_.root(), begin_});
        begin_ += reader_.consumed();
        unfinished_node_ = nodes_.size();
        break;
    }
  }
  return true;
}

void reply_batch::clear() {
  replies_.clear();
  nodes_.erase(nodes_.begin(), nodes_.begin() + static_cast<std::ptrdiff_t>(unfinished_node_));
  unfinished_node_ = 0;
  // The next reply may never be as large as the last one was.
  if (nodes_.empty() && nodes_.capacity() > 64 * 1024) {
    nodes_.shrink_to_fit();
    replies_.shrink_to_fit();
  }
}

}  // namespace redstart::core
