// SPDX-License-Identifier: MIT
// One request on its way through a connection: its bytes, its deadline, who waits for it.
#pragma once

#include "core/deadline_wheel.hpp"
#include "redstart/detail/completion.hpp"
#include "redstart/detail/request.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace redstart::core {

using time_point = std::chrono::steady_clock::time_point;

/// Where an operation stands. Only `line` changes it.
enum class operation_state : std::uint8_t {
  idle,     ///< in no line: being made, being ended, or in the pool
  waiting,  ///< accepted, no byte of it is in the output
  staged,   ///< its bytes are in the output or on the wire; a reply is due, or will be
  delayed,  ///< the server refused it before execution; it is sent again at `resume_at`
};

/// Why an operation left the line without an answer.
enum class operation_end : std::uint8_t {
  none,
  cancelled,  ///< its caller no longer wants it
  timed_out,  ///< its deadline passed
  lost,       ///< its connection was lost, and it must not or cannot be sent again
  shut_down,  ///< the client was closed
};

/// A plain node. Its memory comes from an `operation_pool` and stays valid as long as the pool, so that a stale pointer
/// with its `id` can be checked: ids are never reused.
///
/// What is looked at when a reply comes stands in front and fills two cache lines: with a thousand in flight none of it
/// is in the cache then, and each line that is touched costs more than the work on it.
struct alignas(64) operation : deadline_hook {
  static constexpr std::size_t storage_size = 208;

  operation* next_in_line = nullptr;
  operation* previous_in_line = nullptr;
  std::uint64_t begin = 0;               ///< staged: offset of its first byte in the connection's output
  detail::completion* waiter = nullptr;  ///< null: abandoned, the late reply is dropped
  std::uint64_t id = 0;                  ///< 0: free
  std::uint32_t replies_due = 0;
  std::uint32_t refusals = 0;    ///< how often the server refused it before execution
  std::uint32_t collecting = 0;  ///< replies that its completion is taking right now, outside the lock
  operation_state state = operation_state::idle;
  operation_end end = operation_end::none;
  bool was_sent = false;      ///< ended: the server may have executed it, or is about to
  bool keeps_orphan = false;  ///< a late reply without a waiter carries elements of a queue: it must not be dropped
  bool internal = false;      ///< of the library itself: outlives the turning away of callers
  bool blocks = false;        ///< its reply may take as long as it likes: BLPOP
  detail::request request;
  time_point deadline;
  time_point resume_at;                 ///< delayed: when it is sent again
  std::chrono::nanoseconds patience{};  ///< the time it was given, for messages
  const void* caller = nullptr;         ///< near the memory that its handler will use; never looked at
  alignas(std::max_align_t) std::byte storage[storage_size];
};

}  // namespace redstart::core
