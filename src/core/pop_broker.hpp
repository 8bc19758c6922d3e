// SPDX-License-Identifier: MIT
// Shares waiting pops: any number of consumers wait on any number of queues over one connection. Decides only.
//
//   waiting connection   carries BLPOP and, right after a pop, LPOP with a count: nothing else
//   lane                 an ordinary shared connection: first looks, CLIENT UNBLOCK, giving back. Always the same one,
//                        so that what goes back is at its place before the next look at that queue.
//
//   first waiter ──probe──> elements: delivered; again while full answers come and waiters remain
//                     └───> nothing: the queue becomes part of the next BLPOP. When one is outstanding without it, that
//                           one is ended early with CLIENT UNBLOCK.
//   BLPOP ──> an element: to the longest waiter of its queue. When that queue's waiters want more, a drain is written
//        │    before the next BLPOP, in the same write.
//        └──> nothing: BLPOP again, for what is waited for by now
//
// Either a probe or the waiting connection pops from a queue at any time, never both: a queue is no part of a BLPOP
// while its probe is out, and is not probed while a BLPOP or a drain covers it. Answers of two connections have no
// order between them, so this alone lets elements be handed out in the order in which the server popped them. The
// price is one round trip on the lane before a queue's first BLPOP, which looks itself.
//
// Invariants
//  * At most one BLPOP, one unblock, and per queue one probe or one drain are outstanding.
//  * Elements that arrived are with a waiter, held here, or in a `give_back`. They are given back only when nothing
//  else
//    of their queue is in flight: then all of them go back in one command and in their order.
//  * A queue's entry lives as long as it has a waiter, an element, or something in flight.
//
// What is lost: elements that the server popped for an answer that the socket lost, when a connection breaks.
#pragma once

#include "core/deadline_wheel.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace redstart::core {

struct pop_queue;

/// Somebody who waits for elements of one queue. The driver derives from it, sets `want` and `deadline`, and keeps it
/// where it is until it is out of the broker; then it may be used again.
struct pop_waiter : deadline_hook {
  std::size_t want = 1;  ///< at most so many elements; never 0
  std::chrono::steady_clock::time_point deadline;

  // The broker's own.
  pop_waiter* next_in_line = nullptr;
  pop_waiter* previous_in_line = nullptr;
  pop_queue* queue = nullptr;
  std::uint64_t arrival = 0;
  enum class place : std::uint8_t { outside, in_queue, leaving } where = place::outside;
  bool was_asked = false;  // what `asked` says once it has left its queue
};

/// What the driver does next.
enum class pop_action_type : std::uint8_t {
  nothing,    ///< wait for an event, or until `next_due()`
  probe,      ///< lane: `LPOP queue count`. Then `probed`, `probe_failed` or `probe_refused`
  drain,      ///< waiting connection: `LPOP queue count`, before the block that follows. Then `drained`, `drain_failed`
  block,      ///< waiting connection: `BLPOP queues… timeout`. Then `popped`, `nothing_popped` or `block_refused`
  unblock,    ///< lane: `CLIENT UNBLOCK id-of-the-waiting-connection`. Then `unblocked`
  deliver,    ///< `waiter` is out and gets `elements`, 1 to `want` of them
  give_back,  ///< lane: `LPUSH queue` with `elements` in reverse, tried until it succeeds: nobody waits for them any
              ///< more
  timed_out,  ///< `waiter` is out with nothing: its deadline passed. See `asked`
  refused,    ///< `waiter` is out with nothing: the server refused its queue with `error`
  closed,     ///< `waiter` is out with nothing: the broker was closed
};

/// Views and spans are valid until the next call of any function of the broker; elements are for moving from.
struct pop_action {
  pop_action_type type = pop_action_type::nothing;
  pop_waiter* waiter = nullptr;
  std::string_view queue{};
  std::size_t count = 0;
  std::span<std::string> elements{};
  std::span<const std::string_view> queues{};
  std::chrono::milliseconds timeout{};
  std::string_view error{};
};

struct pop_broker_config {
  /// No BLPOP waits longer at the server, so that a dead connection is found by its missing answer.
  std::chrono::milliseconds longest_block{10'000};
  /// Elements that one probe or drain asks for at most.
  std::size_t most_at_once = 1000;
  /// So long before its deadline a waiter that lined up behind others, and heard nothing of the server since, makes the
  /// BLPOP be asked again, so that "nothing there" is an answer and not a guess.
  std::chrono::milliseconds confirm_before{200};
};

/// First in, first out, of waiters; any can leave.
class pop_waiter_list {
 public:
  [[nodiscard]] pop_waiter* front() const noexcept { return first_; }
  void push_back(pop_waiter& waiter) noexcept;
  void remove(pop_waiter& waiter) noexcept;

 private:
  pop_waiter* first_ = nullptr;
  pop_waiter* last_ = nullptr;
};

/// One queue. Only the broker touches it.
struct pop_queue {
  std::string name;
  pop_waiter_list waiters;
  std::size_t demand = 0;         // sum of what its waiters want
  std::vector<std::string> held;  // elements that arrived; those before `held_head` are handed out
  std::size_t held_head = 0;
  std::size_t asked_count = 0;  // of the outstanding probe or drain
  std::uint64_t heard = 0;      // the server said "nothing there" after this arrival
  std::string error;            // the server refused the queue: all waiters leave
  bool probe_wanted = false;
  bool probing = false;
  bool drain_wanted = false;
  bool draining = false;
  bool covered = false;           // part of the outstanding BLPOP
  bool counts_uncovered = false;  // as it stands in the broker's counters
  bool counts_idle = false;
  bool is_handing = false;  // on the broker's lists
  bool is_looking = false;
  pop_queue* next_handing = nullptr;
  pop_queue* next_looking = nullptr;

  [[nodiscard]] std::size_t available() const noexcept { return held.size() - held_head; }
};

/// First in, first out, of queues; each at most once.
template <pop_queue* pop_queue::* Next, bool pop_queue::* On>
class pop_queue_fifo {
 public:
  [[nodiscard]] pop_queue* front() const noexcept { return first_; }
  void push_back(pop_queue& queue) noexcept {
    if (queue.*On) return;
    queue.*On = true;
    queue.*Next = nullptr;
    (last_ != nullptr ? last_->*Next : first_) = &queue;
    last_ = &queue;
  }
  void pop_front() noexcept {
    pop_queue& queue = *first_;
    queue.*On = false;
    first_ = queue.*Next;
    if (first_ == nullptr) last_ = nullptr;
  }

 private:
  pop_queue* first_ = nullptr;
  pop_queue* last_ = nullptr;
};

/// Tell it what happened, then loop: `while ((action = broker.next(now)).type != pop_action_type::nothing) do(action)`.
/// Not safe for use by several threads at once. No work grows with the number of waiters; making and ending a BLPOP
/// grow with the number of queues.
class pop_broker {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `origin` is now. The waiting connection counts as not connected.
  pop_broker(const pop_broker_config& config, time_point origin) : config_(config), wheel_(origin) {}
  pop_broker(const pop_broker&) = delete;
  pop_broker& operator=(const pop_broker&) = delete;

  // --- From consumers ------------------------------------------------------------------------------------------------
  /// Lines up a waiter that is outside. On `bad_alloc` it still is.
  void add(pop_waiter& waiter, std::string_view name);
  /// The waiter leaves and never gets an element; those on their way to it go to the next one, or back. False when it
  /// was outside already.
  bool remove(pop_waiter& waiter) noexcept;
  /// Whether the server has said since this waiter came that there was nothing for it. A time-out without that is no
  /// knowledge about the queue but trouble with the connections. Asked inside, or after it left.
  [[nodiscard]] static bool asked(const pop_waiter& waiter) noexcept;

  // --- Answers on the lane -------------------------------------------------------------------------------------------
  void probed(std::string_view name, std::vector<std::string> elements);
  /// No answer will come: lane trouble. The queue is left to BLPOP.
  void probe_failed(std::string_view name);
  /// The server answered with an error about this queue (WRONGTYPE, NOPERM): its waiters leave with it.
  void probe_refused(std::string_view name, std::string error);
  /// `did` is false also when no answer came. While the BLPOP stays outstanding it is asked again after a pause.
  void unblocked(bool did, time_point now);

  // --- Answers on the waiting connection -----------------------------------------------------------------------------
  void popped(std::string_view name, std::string element);
  /// Time-out at the server, or unblocked.
  void nothing_popped();
  /// BLPOP was answered with an error: one of its queues may be at fault, so each is probed on its own. The next BLPOP
  /// waits a moment, longer each time.
  void block_refused(time_point now);
  void drained(std::string_view name, std::vector<std::string> elements);
  void drain_failed(std::string_view name);

  // --- The waiting connection itself ---------------------------------------------------------------------------------
  void connected() noexcept { connected_ = true; }
  /// The outstanding block and drains are void; waiters stay.
  void disconnected();

  /// Takes waiters again after `close`.
  void open() noexcept { closed_ = false; }
  /// Everybody leaves, also who comes later. Elements in flight are given back; `idle()` says when the last one is.
  void close();

  /// The next thing to do; `nothing` ends the loop.
  pop_action next(time_point now);
  /// When `next` must be called although nothing happened; empty when never.
  [[nodiscard]] std::optional<time_point> next_due() const noexcept;

  /// No waiter, no element held, nothing in flight.
  [[nodiscard]] bool idle() const noexcept { return queues_.empty() && leaving_.front() == nullptr; }
  [[nodiscard]] std::size_t waiters() const noexcept { return waiters_; }
  [[nodiscard]] std::size_t queues() const noexcept { return queues_.size(); }

 private:
  pop_queue& entry(std::string_view name);
  void retire(pop_queue& queue) noexcept;
  void recount(pop_queue& queue) noexcept;
  void changed(pop_queue& queue) noexcept;
  void accept(pop_queue& queue, std::vector<std::string> elements);
  void take_out(pop_waiter& waiter) noexcept;
  void release_block() noexcept;
  void expire(time_point now);
  bool hand_out(pop_queue& queue, pop_action& action) noexcept;
  bool look(pop_queue& queue, pop_action& action) noexcept;
  bool next_handing(pop_action& action) noexcept;
  bool next_looking(pop_action& action) noexcept;
  pop_action make_block(time_point now);
  pop_action make_unblock() noexcept;
  [[nodiscard]] bool block_wanted() const noexcept;
  [[nodiscard]] time_point unblock_at() const noexcept;
  [[nodiscard]] bool in_flight(const pop_queue& queue) const noexcept;

  pop_broker_config config_;
  deadline_wheel wheel_;
  std::list<pop_queue> queues_;  // in the order of the next BLPOP
  std::unordered_map<std::string_view, std::list<pop_queue>::iterator> by_name_;
  pop_queue_fifo<&pop_queue::next_handing, &pop_queue::is_handing> handing_;  // may have something to hand out
  pop_queue_fifo<&pop_queue::next_looking, &pop_queue::is_looking> looking_;  // want a probe or a drain
  pop_waiter_list leaving_;                                                   // timed out, to be told
  std::uint64_t arrivals_ = 0;
  std::size_t waiters_ = 0;
  std::size_t uncovered_ = 0;     // queues that BLPOP should cover and the outstanding one does not
  std::size_t idle_covered_ = 0;  // queues in the outstanding BLPOP without a waiter
  bool connected_ = false;
  bool closed_ = false;

  bool blocking_ = false;
  std::uint64_t block_ = 0;          // number of the last BLPOP
  time_point block_ends_;            // when the server ends it
  std::vector<pop_queue*> covered_;  // its queues, in its order
  std::vector<std::string_view> names_;
  time_point block_not_before_ = time_point::min();
  std::chrono::milliseconds block_pause_{};

  bool unblocking_ = false;        // an answer to CLIENT UNBLOCK is due
  bool unblock_done_ = false;      // it hit the outstanding BLPOP, whose answer will come
  std::uint64_t unblock_for_ = 0;  // the BLPOP that was outstanding when it was sent
  time_point unblock_not_before_ = time_point::min();
  time_point idle_not_before_ = time_point::min();  // the same, when queues without waiters are the only reason
  time_point confirm_at_ = time_point::max();       // see pop_broker_config::confirm_before
  std::chrono::milliseconds unblock_pause_{};
};

}  // namespace redstart::core
