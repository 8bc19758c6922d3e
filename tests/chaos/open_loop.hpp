// SPDX-License-Identifier: MIT
// Callers that do not wait for each other: so many operations a second, whatever has become of those before.
//
// Every operation can tell an answer of its own from another's, and is accounted for in a slot that must be taken when
// it ends: one that ends twice, or never, is seen.
#pragma once

#include "chaos/context.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace redstart::chaos {

/// What is offered.
enum class offer : std::uint8_t {
  mixed,  ///< GET of values that name their keys, ECHO of a number of one's own, INCR of one counter
  large,  ///< SET of 32 KiB, and now and then a small one of `mixed`
  slow,   ///< a script that keeps the server busy and answers its argument
};

/// How long things took, to 50 us, in constant memory.
class latencies {
 public:
  void add(clock::duration took);
  [[nodiscard]] double quantile_ms(double share) const;
  [[nodiscard]] double most_ms() const { return std::chrono::duration<double, std::milli>(most_).count(); }

 private:
  static constexpr auto step = 50us;
  std::vector<std::uint32_t> counts_ = std::vector<std::uint32_t>(200'000);  // ten seconds; the last takes the rest
  std::uint64_t total_ = 0;
  clock::duration most_{};
};

struct load_figures {
  std::uint64_t offered = 0;
  std::uint64_t answered = 0;
  std::uint64_t overloaded = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t unconnected = 0;     ///< `connection_error`
  std::uint64_t maybe = 0;           ///< failed, and may have been executed
  std::uint64_t counted = 0;         ///< INCRs that were answered
  std::uint64_t maybe_counted = 0;   ///< INCRs that may have been executed
  clock::duration past_deadline{};   ///< by how much the latest end was late
  clock::duration refused_within{};  ///< the longest that an `overloaded` took to be told
  latencies took;                    ///< of what was answered
};

/// Belongs to the thread of the loop.
class open_loop {
 public:
  open_loop(asio::io_context& io, client& redis, std::uint64_t seed);

  /// Offers `per_second` for `time`. What the machine was too late to offer is made up for within bounds, so that the
  /// loop gets on with what it has.
  asio::awaitable<void> offer_for(offer what, double per_second, milliseconds time);
  /// `width` callers, each of which waits for its answer before it asks again: the best rate of a few windows.
  asio::awaitable<double> closed_loop(offer what, std::size_t width, milliseconds time);
  /// Asks one after the other until an answer comes; false when none has within `limit`.
  asio::awaitable<bool> answers_again(milliseconds limit);
  /// Waits until everything has ended; false when something has not within `limit`.
  asio::awaitable<bool> settle(milliseconds limit);
  asio::awaitable<void> pause(std::chrono::microseconds time);

  /// What each operation may take from now on.
  void allow(milliseconds timeout) { timeout_ = timeout; }
  /// The counter of INCR begins anew, at a server without memory.
  void counter_is_new() { last_count_ = 0; }
  [[nodiscard]] std::size_t outstanding() const { return outstanding_; }

  load_figures figures;            ///< may be reset when nothing is outstanding
  clock::duration lag{};           ///< how late the loop was, at worst
  std::size_t most_memory = 0;     ///< of this process, in bytes
  std::vector<std::string> wrong;  ///< the first few answers that were another's, and ends that were none
  std::uint64_t spins = 0;         ///< how long a script of `slow` takes

 private:
  struct slot {
    std::uint64_t number = 0;  // 0: free
    std::size_t key = 0;
    bool counts = false;
    clock::time_point begin;
    milliseconds timeout{};
  };
  struct ticket {
    std::size_t where;
    std::uint64_t number;
  };
  static constexpr std::size_t key_count = 64;

  void start(offer what);
  ticket enter();
  void start_small();
  void start_large();
  void start_slow();
  void ended(ticket at, const std::exception_ptr& failure, bool own, const char* name);
  void count_failure(const slot& of, const std::exception_ptr& failure, clock::duration took);
  void complain(const std::string& what);

  asio::io_context& io_;
  client& redis_;
  std::mt19937_64 random_;
  std::array<std::string, key_count> names_;
  std::array<std::string, key_count> values_;
  const std::string large_;
  milliseconds timeout_{1000};
  std::vector<slot> slots_;
  std::vector<std::size_t> free_;
  std::size_t outstanding_ = 0;
  std::uint64_t last_number_ = 0;
  std::int64_t last_count_ = 0;
  bool refill_ = false;
  offer refill_with_{};
};

}  // namespace redstart::chaos
