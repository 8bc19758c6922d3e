// SPDX-License-Identifier: MIT
// After a fork the child has copies of the engine without its thread, and of locks that the thread may have held.
#pragma once

namespace redstart::python {

/// How many forks lie between the process that loaded the module and this one.
inline unsigned long forks = 0;

/// Says of what it is a member of whether it was made by this process. What was not must not be touched: no lock, no
/// destructor that does more than give memory back.
class birthplace {
 public:
  [[nodiscard]] bool is_here() const noexcept { return born_ == forks; }

 private:
  unsigned long born_ = forks;
};

}  // namespace redstart::python
