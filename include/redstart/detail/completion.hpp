// SPDX-License-Identifier: MIT
// The boundary between an operation on its way and whoever waits for it.
#pragma once

#include "redstart/reply.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>

namespace redstart::detail {

class outbox;

/// What is known about an operation when it ends, for the text of its error.
class operation_context {
 public:
  /// `GET camera:1:status on redis://localhost:6379/0`
  [[nodiscard]] virtual std::string describe() const = 0;
  /// One sentence on what to try when Redis answers with `error_text`; may be empty.
  [[nodiscard]] virtual std::string advise(std::string_view error_text) const = 0;

 protected:
  ~operation_context() = default;
};

/// From where a completion is called.
enum class completion_site {
  loop,    ///< inside the client's executor, outside of every critical section: a handler of that executor runs at once
  caller,  ///< inside a call of the user's: every handler is posted
};

/// Whoever waits for an operation: decodes replies and calls the user's handler once. Lives in the operation's own
/// storage when it fits there.
///
/// Exactly one of `answer`, `fail`, `discard` and a `try_fail` that succeeds is called, once, last; it destroys the
/// completion before the handler runs. None throws: what a handler throws is posted to the client's executor, to leave
/// it through `run()`.
class completion {
 public:
  completion() = default;
  completion(const completion&) = delete;
  completion& operator=(const completion&) = delete;

  /// A reply of a request with several, not its last one.
  virtual void collect(reply_view reply) noexcept = 0;
  /// The last reply, for most requests the only one. Called from the loop; a handler of another executor leaves with
  /// `away`.
  virtual void answer(reply_view reply, const operation_context& context, outbox& away) noexcept = 0;
  /// No reply will come, or none that may be used.
  virtual void fail(std::exception_ptr failure, completion_site site) noexcept = 0;
  /// `fail` inside a call of the user's. False when there is no memory to post the handler: then nothing has happened.
  [[nodiscard]] virtual bool try_fail(const std::exception_ptr& failure) noexcept {
    fail(failure, completion_site::caller);
    return true;
  }
  /// The executor is gone, and nobody can be told: destroys the completion and its handler.
  virtual void discard() noexcept = 0;

 protected:
  virtual ~completion() = default;
};

/// Whatever carries an operation, seen from a cancellation slot.
class cancel_target {
 public:
  /// The caller no longer wants operation `id`, which was made at `op`. Does nothing when that one has ended meanwhile:
  /// ids are never reused, and `op` may be looked at as long as the target lives. Safe from any thread; the waiter's
  /// handler is posted.
  virtual void cancel(void* op, std::uint64_t id) noexcept = 0;
  /// Keeps the target alive for a cancellation handler.
  virtual std::shared_ptr<cancel_target> keep_alive() = 0;

 protected:
  ~cancel_target() = default;
};

/// Names one operation for good.
struct operation_ref {
  cancel_target& target;
  void* op;
  std::uint64_t id;
};

/// Makes a completion where it is told to: how a handler of any type crosses into the compiled library.
class completion_maker {
 public:
  completion_maker(std::size_t bytes, std::size_t aligned, const void* near_caller = nullptr) noexcept
      : size(bytes), alignment(aligned), caller(near_caller) {}

  const std::size_t size;
  const std::size_t alignment;
  /// Near the memory that the handler will use, such as a coroutine's frame: so that it can be brought into the cache
  /// before the handler is called. Nothing looks at it.
  const void* const caller;

  /// Constructs it at `where`, for the operation `self`; moves the handler out of the maker, unless it throws.
  /// `on_heap` completions free `where` themselves.
  virtual completion* make(void* where, bool on_heap, const operation_ref& self) = 0;

 protected:
  ~completion_maker() = default;
};

/// Makes a completion on the heap.
inline completion* make_on_heap(completion_maker& maker, const operation_ref& self) {
  const std::align_val_t alignment{maker.alignment};
  void* const where = ::operator new(maker.size, alignment);
  try {
    return maker.make(where, true, self);
  } catch (...) {
    ::operator delete(where, alignment);
    throw;
  }
}

/// Makes a completion in `storage` when it fits there.
template <std::size_t Size>
completion* make_within(std::byte (&storage)[Size], completion_maker& maker, const operation_ref& self) {
  const bool fits = maker.size <= Size && maker.alignment <= alignof(std::max_align_t);
  return fits ? maker.make(storage, false, self) : make_on_heap(maker, self);
}

}  // namespace redstart::detail
