// SPDX-License-Identifier: MIT
// Intrusive containers of operations: no allocation, constant time everywhere.
#pragma once

#include "core/operation.hpp"

#include <cstddef>
#include <utility>

namespace redstart::core {

/// A first-in, first-out list that can lose any element. An operation is in at most one such list.
class operation_list {
 public:
  operation_list() = default;
  operation_list(operation_list&& other) noexcept { swap(other); }
  operation_list& operator=(operation_list&&) = delete;
  ~operation_list() = default;

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] operation* front() const noexcept { return first_; }
  [[nodiscard]] operation* back() const noexcept { return last_; }

  void push_back(operation& op) noexcept {
    op.previous_in_line = last_;
    op.next_in_line = nullptr;
    (last_ ? last_->next_in_line : first_) = &op;
    last_ = &op;
  }
  void remove(operation& op) noexcept {
    (op.previous_in_line ? op.previous_in_line->next_in_line : first_) = op.next_in_line;
    (op.next_in_line ? op.next_in_line->previous_in_line : last_) = op.previous_in_line;
    op.next_in_line = op.previous_in_line = nullptr;
  }
  operation* pop_front() noexcept {
    operation* op = first_;
    if (op) remove(*op);
    return op;
  }
  /// Moves all of `other` behind what is here.
  void append(operation_list& other) noexcept {
    if (other.empty()) return;
    other.first_->previous_in_line = last_;
    (last_ ? last_->next_in_line : first_) = other.first_;
    last_ = other.last_;
    other.first_ = other.last_ = nullptr;
  }
  void swap(operation_list& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
  }

 private:
  operation* first_ = nullptr;
  operation* last_ = nullptr;
};

/// Operations whose waiters are to be told, in order. Uses the deadline hook, which is free once an operation has
/// ended, so that an abandoned operation can be told of here while its slot stays in the line.
class ended_list {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  void push_back(operation& op) noexcept {
    op.next = nullptr;
    (last_ ? last_->next : first_) = &op;
    last_ = &op;
  }
  operation* pop_front() noexcept {
    deadline_link* link = first_;
    if (!link) return nullptr;
    first_ = link->next;
    if (!first_) last_ = nullptr;
    link->next = nullptr;
    return static_cast<operation*>(static_cast<deadline_hook*>(link));
  }

 private:
  deadline_link* first_ = nullptr;
  deadline_link* last_ = nullptr;
};

}  // namespace redstart::core
