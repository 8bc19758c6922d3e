// SPDX-License-Identifier: MIT
// The memory of operations: slabs that are reused, so that a steady load allocates nothing.
#pragma once

#include "core/operation.hpp"

#include <memory>
#include <vector>

namespace redstart::core {

/// Not thread-safe: guarded by the lock of the line it belongs to. Slabs are given back only with the pool, so a
/// pointer to an operation can always be looked at; `id` tells whether it is still the same one.
class operation_pool {
 public:
  operation_pool() = default;
  operation_pool(const operation_pool&) = delete;
  operation_pool& operator=(const operation_pool&) = delete;

  /// A fresh operation with a new id. May throw `bad_alloc`; then nothing changed.
  operation* take() {
    if (!free_) grow();
    operation* op = free_;
    free_ = op->next_in_line;
    op->next_in_line = nullptr;
    op->id = ++last_id_;
    ++in_use_;
    return op;
  }

  /// Takes an operation back; its waiter must be gone.
  void put(operation& op) noexcept {
    op.~operation();
    ::new (&op) operation;
    op.next_in_line = free_;
    free_ = &op;
    --in_use_;
  }

  [[nodiscard]] std::size_t in_use() const noexcept { return in_use_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return slabs_.size() * slab_size; }

 private:
  static constexpr std::size_t slab_size = 64;

  void grow() {
    auto slab = std::make_unique<operation[]>(slab_size);
    slabs_.push_back(std::move(slab));
    operation* first = slabs_.back().get();
    for (std::size_t i = 0; i < slab_size; ++i) {
      first[i].next_in_line = free_;
      free_ = &first[i];
    }
  }

  std::vector<std::unique_ptr<operation[]>> slabs_;
  operation* free_ = nullptr;
  std::uint64_t last_id_ = 0;
  std::size_t in_use_ = 0;
};

}  // namespace redstart::core
