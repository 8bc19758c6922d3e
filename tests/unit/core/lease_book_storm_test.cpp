// SPDX-License-Identifier: MIT
// The book of leased connections with users, connections and the clock behaving as they like.
#include "core/lease_book.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>
#include <set>
#include <vector>

namespace redstart::core {
namespace {

using namespace std::chrono_literals;
using kind = lease_action::kind_type;
using state = lease_user::state_type;

constexpr time_point start{std::chrono::hours(1)};

struct user final : lease_user {
  void called() noexcept override {}
};

// A driver that obeys the book, and checks after every step what must always hold.
class storm {
 public:
  explicit storm(unsigned seed) : random_(seed) { book_.open(); }
  ~storm() {
    for (auto& one : users_) book_.leave(*one);
  }

  void step() {
    now_ += std::chrono::milliseconds(pick(3) == 0 ? pick(20'000) : pick(5));
    switch (pick(9)) {
      case 0:
      case 1:
        users_.push_back(std::make_unique<user>());
        book_.arrive(*users_.back(), now_ + 5s, now_);
        waiting_.push_back(users_.back().get());
        break;
      case 2:
        if (!lent_.empty()) give_back(pick(lent_.size()), pick(4) != 0);
        break;
      case 3:
        if (!dials_.empty()) finish_dial(pick(4) != 0);
        break;
      case 4:
        if (!asks_.empty()) finish_ask(pick(2) == 0);
        break;
      case 5:
        collect();
        break;
      case 6:
        if (!users_.empty()) book_.leave(*users_[pick(users_.size())]);
        break;
      case 7:
        if (!users_.empty() && pick(4) == 0) {
          user& one = *users_[pick(users_.size())];
          if (one.state() == state::waiting) book_.time_out(one);
        }
        break;
      case 8:
        if (!open_.empty()) book_.lost(*std::next(open_.begin(), static_cast<std::ptrdiff_t>(pick(open_.size()))));
        break;
    }
    obey();
    check();
  }

  // Everybody leaves, every attempt ends, every connection comes back.
  pool_figures end() {
    for (auto& one : users_) book_.leave(*one);
    while (!dials_.empty()) finish_dial(true);
    while (!asks_.empty()) finish_ask(true);
    while (!lent_.empty()) give_back(0, true);
    obey();
    return book_.figures();
  }
  [[nodiscard]] std::size_t connections() const { return open_.size(); }

 private:
  static constexpr std::size_t most = 3;

  std::size_t pick(std::size_t below) { return static_cast<std::size_t>(random_() % below); }

  void obey() {
    for (auto action = book_.next(now_); action.kind != kind::nothing; action = book_.next(now_)) {
      switch (action.kind) {
        case kind::nothing:
          break;
        case kind::dial:
          dials_.push_back(action.round);
          break;
        case kind::ask:
          asks_.push_back(action.connection);
          break;
        case kind::close:
          ASSERT_EQ(open_.erase(action.connection), 1U) << "closed twice, or never opened";
          break;
      }
    }
  }
  void finish_dial(bool well) {
    const auto round = dials_.front();
    dials_.pop_front();
    if (!well) {
      book_.dial_failed(round);
      return;
    }
    open_.insert(++last_);
    ASSERT_TRUE(book_.dialed(round, last_, now_));
  }
  void finish_ask(bool alive) {
    book_.asked(asks_.front(), alive, now_);
    asks_.pop_front();
  }
  void give_back(std::size_t which, bool clean) {
    book_.give_back(lent_[which], clean, now_);
    lent_.erase(lent_.begin() + static_cast<std::ptrdiff_t>(which));
  }
  // Whoever is served takes what it has.
  void collect() {
    for (auto& one : users_) {
      if (one->state() != state::served) continue;
      const auto connection = book_.take(*one);
      for (const auto other : lent_) ASSERT_NE(other, connection) << "lent to two at once";
      ASSERT_TRUE(open_.contains(connection)) << "lent although closed";
      lent_.push_back(connection);
    }
  }

  void check() {
    const auto figures = book_.figures();
    ASSERT_EQ(figures.open, figures.idle + figures.leased);
    ASSERT_EQ(figures.open, open_.size());
    ASSERT_LE(open_.size() + dials_.size(), most);
    ASSERT_EQ(figures.created, figures.open + figures.closed_idle + figures.closed_broken);
    const bool busy = dials_.size() + asks_.size() >= figures.waiting;
    ASSERT_TRUE(busy || (figures.idle == 0 && open_.size() + dials_.size() == most)) << "somebody waits for nothing";
    // In order: nobody waits who came before one that was served from the line, unless that one left or failed.
    bool somebody_waits = false;
    for (const user* one : waiting_) {
      if (one->state() == state::waiting) somebody_waits = true;
      if (one->state() == state::served) {
        ASSERT_FALSE(somebody_waits) << "overtaken";
      }
    }
  }

  std::mt19937 random_;
  lease_book book_{{.max_leased = most, .idle_timeout = 60s, .check_after = 5s}};
  time_point now_ = start;
  lease_number last_ = 0;
  std::vector<std::unique_ptr<user>> users_;
  std::vector<const user*> waiting_;
  std::vector<lease_number> lent_;
  std::deque<std::uint64_t> dials_;
  std::deque<lease_number> asks_;
  std::set<lease_number> open_;
};

TEST(lease_book_storm, no_connection_and_no_place_is_lost_whatever_happens_in_whatever_order) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    storm all(seed);
    for (int i = 0; i < 400 && !testing::Test::HasFatalFailure(); ++i) all.step();
    if (testing::Test::HasFatalFailure()) return;
    const auto figures = all.end();
    EXPECT_EQ(figures.waiting, 0U);
    EXPECT_EQ(figures.leased, 0U);
    EXPECT_EQ(figures.idle, all.connections());
  }
}

}  // namespace
}  // namespace redstart::core
