// SPDX-License-Identifier: MIT
// Who has which leased connection, who waits for one, and what is to be done about it.
//
// Connections are made and asked for the pool, never for one user: whoever has waited longest gets the next one that is
// free, however it became free. So a user waits in one place only, may leave at any moment, and leaves nothing behind.
//
//   arrive ──> waiting ──> served ──take──> away            a connection: dialled ──> lent <──> idle ──> closed
//                 └──────> failed, dismissed                                           └> asked ─┘
//
// Invariants
//  * idle + lent + asked + being dialled <= max_leased.
//  * Nobody waits while a usable connection is idle.
//  * While users wait and room is left, something is being dialled or asked for each of them.
#pragma once

#include "redstart/health.hpp"

#include <chrono>
#include <cstdint>
#include <list>
#include <optional>

namespace redstart::core {

using time_point = std::chrono::steady_clock::time_point;

struct lease_config {
  unsigned max_leased = 10;
  std::chrono::milliseconds idle_timeout{60000};  ///< zero: idle connections are kept
  std::chrono::milliseconds check_after{5000};
};

/// Names a connection; never given twice, so that whoever still holds an old one does no harm.
using lease_number = std::uint64_t;

/// One user on the way to a connection. Must `leave` the book before it goes.
class lease_user {
 public:
  enum class state_type {
    away,       ///< not in the book: not yet, or not any more
    waiting,    ///< in line
    served,     ///< `take` what is there
    failed,     ///< the connection that was to be made for it could not be
    dismissed,  ///< the book was closed
  };
  lease_user() = default;
  lease_user(const lease_user&) = delete;
  lease_user& operator=(const lease_user&) = delete;

  [[nodiscard]] state_type state() const noexcept { return state_; }

 protected:
  virtual ~lease_user() = default;

 private:
  friend class lease_book;
  /// It no longer waits. Must not call the book.
  virtual void called() noexcept = 0;

  state_type state_ = state_type::away;
  time_point deadline_;
  lease_number connection_ = 0;
  std::list<lease_user*>::iterator place_;
};

/// What the driver is to do.
struct lease_action {
  enum class kind_type {
    nothing,  ///< until `next_due`, or the next event
    dial,     ///< make a connection; then `dialed` or `dial_failed`, with this `round`
    ask,      ///< find out until `until` whether `connection` is alive; then `asked`
    close,    ///< close `connection`; the book has forgotten it
  };
  kind_type kind = kind_type::nothing;
  lease_number connection = 0;
  std::uint64_t round = 0;
  time_point until{};
};

/// Not thread-safe and without a clock. After every event: do what `next` says, until it says `nothing`.
class lease_book {
 public:
  explicit lease_book(const lease_config& config) noexcept : config_(config) {}
  lease_book(const lease_book&) = delete;
  lease_book& operator=(const lease_book&) = delete;

  // --- Users ---------------------------------------------------------------------------------------------------------
  /// A user asks for a connection; served at once when one is free. Only while open.
  void arrive(lease_user& user, time_point deadline, time_point now);
  /// The served user has its connection from here on; gives it back with `give_back`.
  lease_number take(lease_user& user) noexcept;
  /// The user goes, in whatever state; what it had not taken goes to the next one. May be repeated.
  void leave(lease_user& user) noexcept;
  /// The waiting user's deadline has passed: it leaves, and is counted.
  void time_out(lease_user& user) noexcept;
  /// `clean`: the next user may have it. A number from before `close` is ignored.
  void give_back(lease_number connection, bool clean, time_point now) noexcept;

  // --- Connections ---------------------------------------------------------------------------------------------------
  /// The connection that was dialled is there. False when nobody wants it any more, because the book was closed
  /// meanwhile. On `bad_alloc` it is not in the book, and `dial_failed` is to be called.
  bool dialed(std::uint64_t round, lease_number connection, time_point now);
  /// Returns the user that this fails, null when none: another attempt is under way for each that waits.
  lease_user* dial_failed(std::uint64_t round) noexcept;
  void asked(lease_number connection, bool alive, time_point now) noexcept;
  /// The connection was lost. Who was lent it finds out alone, and gives it back.
  void lost(lease_number connection) noexcept;

  // --- The whole -----------------------------------------------------------------------------------------------------
  void open() noexcept { open_ = true; }
  /// Dismisses every user who waits and forgets every connection, lent ones too.
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return open_; }

  lease_action next(time_point now) noexcept;
  /// When `next` has something to say although nothing happened.
  [[nodiscard]] std::optional<time_point> next_due() const noexcept;
  /// All connections are in the hands of users: what `pool_timeout` means.
  [[nodiscard]] bool is_exhausted() const noexcept { return lent_.size() >= config_.max_leased; }
  /// `open == idle + leased`, always: one that is being asked counts as leased, one that is being dialled not at all.
  [[nodiscard]] pool_figures figures() const noexcept;

 private:
  struct entry {
    lease_number number;
    time_point alive;  // when it was last known to live
  };
  using entries = std::list<entry>;

  static entries::iterator find(entries& in, lease_number number) noexcept;
  [[nodiscard]] std::size_t attempts() const noexcept { return dialing_ + asked_.size(); }
  [[nodiscard]] std::size_t places_taken() const noexcept;
  [[nodiscard]] bool is_fresh(const entry& connection, time_point now) const noexcept;
  void release(entries& from, entries::iterator connection) noexcept;
  void serve(entries& from, entries::iterator connection) noexcept;
  void drop(entries& from, entries::iterator connection, std::uint64_t pool_figures::* reason) noexcept;
  void dismiss(std::list<lease_user*>& users) noexcept;

  const lease_config config_;
  bool open_ = false;
  entries idle_;  // in the order of `alive`, the one used last at the back
  entries lent_;  // also those whose user was served and has not taken it yet
  entries asked_;
  entries doomed_;  // to be closed by the driver, no longer counted
  std::size_t dialing_ = 0;
  std::uint64_t round_ = 1;  // of the time between `open` and `close`
  std::list<lease_user*> waiting_;
  std::list<lease_user*> served_;
  std::uint64_t created_ = 0;
  std::uint64_t timeouts_ = 0;
  pool_figures closed_;  // its counters of what was closed, and why
};

}  // namespace redstart::core
