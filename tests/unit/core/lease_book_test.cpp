// SPDX-License-Identifier: MIT
#include "core/lease_book.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace redstart::core {
namespace {

using namespace std::chrono_literals;
using kind = lease_action::kind_type;
using state = lease_user::state_type;

struct user final : lease_user {
  int calls = 0;
  void called() noexcept override { ++calls; }
};

constexpr time_point start{std::chrono::hours(1)};
constexpr lease_config usual{.max_leased = 2, .idle_timeout = 60s, .check_after = 5s};

// A book, the clock, and short words for what happens.
class lease_book_test : public ::testing::Test {
 protected:
  explicit lease_book_test(const lease_config& config = usual) : book(config) { book.open(); }
  ~lease_book_test() override {
    for (user* one : {&a, &b, &c, &d}) book.leave(*one);
  }

  void arrive(user& who, std::chrono::milliseconds patience = 10s) { book.arrive(who, now + patience, now); }
  lease_action next() { return book.next(now); }
  // The book wants a connection made, and gets it.
  lease_number dial() {
    const auto action = next();
    EXPECT_EQ(action.kind, kind::dial);
    EXPECT_TRUE(book.dialed(action.round, ++last, now));
    return last;
  }
  // A connection that was made for `who`, taken.
  lease_number borrow(user& who) {
    arrive(who);
    if (who.state() != state::served) dial();
    return book.take(who);
  }
  void give_back(lease_number connection) { book.give_back(connection, true, now); }
  // `count` connections, all idle: the last one was used last.
  std::vector<lease_number> idle(std::size_t count) {
    std::vector<lease_number> made;
    for (std::size_t i = 0; i < count; ++i) {
      user one;
      made.push_back(borrow(one));
    }
    for (const auto connection : made) {
      give_back(connection);
      now += 1ms;
    }
    return made;
  }
  pool_figures figures() { return book.figures(); }

  lease_book book;
  time_point now = start;
  lease_number last = 0;
  user a, b, c, d;
};

// --- Serving ---------------------------------------------------------------------------------------------------------

TEST_F(lease_book_test, nothing_is_done_before_anybody_comes) {
  EXPECT_EQ(next().kind, kind::nothing);
  EXPECT_FALSE(book.next_due());
}

TEST_F(lease_book_test, first_user_gets_a_new_connection) {
  arrive(a);
  EXPECT_EQ(a.state(), state::waiting);
  const auto action = next();
  EXPECT_EQ(action.kind, kind::dial);
  EXPECT_EQ(next().kind, kind::nothing) << "one attempt for one user";
  EXPECT_EQ(a.calls, 0);
  book.dialed(action.round, 7, now);
  EXPECT_EQ(a.calls, 1);
  ASSERT_EQ(a.state(), state::served);
  EXPECT_EQ(book.take(a), 7U);
  EXPECT_EQ(a.state(), state::away);
}

TEST_F(lease_book_test, idle_connection_used_last_is_lent_first_and_at_once) {
  const auto made = idle(2);
  arrive(a);
  ASSERT_EQ(a.state(), state::served);
  EXPECT_EQ(book.take(a), made[1]);
  arrive(b);
  EXPECT_EQ(book.take(b), made[0]);
}

TEST_F(lease_book_test, never_more_connections_than_allowed) {
  for (user* one : {&a, &b, &c, &d}) arrive(*one);
  EXPECT_EQ(next().kind, kind::dial);
  EXPECT_EQ(next().kind, kind::dial);
  EXPECT_EQ(next().kind, kind::nothing);
}

TEST_F(lease_book_test, room_is_used_for_each_that_waits) {
  arrive(a);
  const auto first = next();
  arrive(b);
  EXPECT_EQ(next().kind, kind::dial) << "b need not wait for a's";
  book.dialed(first.round, 1, now);
  EXPECT_EQ(next().kind, kind::nothing);
}

TEST_F(lease_book_test, users_are_served_in_the_order_they_came) {
  const auto one = borrow(a);
  const auto two = borrow(b);
  user third, fourth;
  arrive(third);
  arrive(fourth);
  give_back(two);
  EXPECT_EQ(third.state(), state::served);
  EXPECT_EQ(fourth.state(), state::waiting);
  give_back(one);
  EXPECT_EQ(fourth.state(), state::served);
  EXPECT_EQ(book.take(third), two);
  EXPECT_EQ(book.take(fourth), one);
}

TEST_F(lease_book_test, late_comer_does_not_overtake_one_who_was_served_and_has_not_come_yet) {
  const auto one = borrow(a);
  borrow(b);
  arrive(c);
  give_back(one);
  arrive(d);
  EXPECT_EQ(c.state(), state::served);
  EXPECT_EQ(d.state(), state::waiting);
  EXPECT_EQ(book.take(c), one);
}

TEST_F(lease_book_test, connection_that_comes_back_serves_whoever_waits_for_a_new_one) {
  const auto one = borrow(a);
  arrive(b);
  const auto dialing = next();
  ASSERT_EQ(dialing.kind, kind::dial);
  give_back(one);
  EXPECT_EQ(book.take(b), one);
  EXPECT_TRUE(book.dialed(dialing.round, 9, now));
  EXPECT_EQ(figures().idle, 1U) << "nobody waits for the new one any more";
}

TEST_F(lease_book_test, connection_made_for_one_who_left_goes_to_the_next) {
  borrow(a);
  arrive(b);
  const auto dialing = next();
  arrive(c);
  EXPECT_EQ(next().kind, kind::nothing);
  book.leave(b);
  EXPECT_EQ(next().kind, kind::nothing) << "what is dialled is for c now";
  book.dialed(dialing.round, 9, now);
  EXPECT_EQ(book.take(c), 9U);
}

// --- Leaving ---------------------------------------------------------------------------------------------------------

TEST_F(lease_book_test, leaving_while_waiting_leaves_nothing_behind) {
  const auto one = borrow(a);
  const auto two = borrow(b);
  arrive(c);
  arrive(d);
  book.leave(c);
  EXPECT_EQ(c.state(), state::away);
  EXPECT_EQ(figures().waiting, 1U);
  give_back(one);
  EXPECT_EQ(book.take(d), one);
  give_back(two);
  EXPECT_EQ(c.calls, 0);
  EXPECT_EQ(figures().idle, 1U);
}

TEST_F(lease_book_test, leaving_when_served_hands_the_connection_to_the_next) {
  const auto one = borrow(a);
  borrow(b);
  arrive(c);
  arrive(d);
  give_back(one);
  book.leave(c);
  ASSERT_EQ(d.state(), state::served);
  EXPECT_EQ(d.calls, 1);
  EXPECT_EQ(book.take(d), one);
}

TEST_F(lease_book_test, leaving_when_served_makes_the_connection_idle_as_old_as_it_was) {
  const auto made = idle(2);
  const auto due = *book.next_due();
  arrive(a);
  arrive(b);
  now += 1s;
  book.leave(b);
  book.leave(a);
  EXPECT_EQ(figures().idle, 2U);
  EXPECT_EQ(*book.next_due(), due) << "unused, it has not become younger";
  arrive(c);
  EXPECT_EQ(book.take(c), made[1]) << "and the order is as before";
}

TEST_F(lease_book_test, leaving_is_harmless_in_every_state_and_twice) {
  book.leave(a);
  borrow(a);
  book.leave(a);
  EXPECT_EQ(figures().leased, 1U) << "what was taken is given back by the lease alone";
  arrive(b);
  book.leave(b);
  book.leave(b);
  EXPECT_EQ(figures().waiting, 0U);
}

TEST_F(lease_book_test, user_may_come_again) {
  const auto one = borrow(a);
  give_back(one);
  arrive(a);
  EXPECT_EQ(book.take(a), one);
}

TEST_F(lease_book_test, time_out_is_leaving_and_is_counted) {
  borrow(a);
  borrow(b);
  arrive(c);
  EXPECT_TRUE(book.is_exhausted());
  book.time_out(c);
  EXPECT_EQ(c.state(), state::away);
  EXPECT_EQ(figures().timeouts, 1U);
  EXPECT_EQ(figures().waiting, 0U);
}

TEST_F(lease_book_test, pool_is_not_exhausted_while_a_connection_is_being_made) {
  borrow(a);
  arrive(b);
  EXPECT_EQ(next().kind, kind::dial);
  EXPECT_FALSE(book.is_exhausted());
}

// --- Connections that end --------------------------------------------------------------------------------------------

TEST_F(lease_book_test, unclean_connection_is_closed_and_its_place_is_filled_for_who_waits) {
  const auto one = borrow(a);
  borrow(b);
  arrive(c);
  book.give_back(one, false, now);
  EXPECT_EQ(c.state(), state::waiting) << "never handed on";
  const auto closing = next();
  EXPECT_EQ(closing.kind, kind::close);
  EXPECT_EQ(closing.connection, one);
  EXPECT_EQ(figures().closed_broken, 1U);
  dial();
  EXPECT_EQ(c.state(), state::served);
}

TEST_F(lease_book_test, lost_idle_connection_is_forgotten_at_once) {
  const auto made = idle(2);
  book.lost(made[1]);
  EXPECT_EQ(figures().idle, 1U);
  EXPECT_EQ(figures().closed_broken, 1U);
  EXPECT_EQ(next().connection, made[1]);
  arrive(a);
  EXPECT_EQ(book.take(a), made[0]);
}

TEST_F(lease_book_test, lost_lent_connection_stays_lent_until_it_is_given_back) {
  const auto one = borrow(a);
  book.lost(one);
  EXPECT_EQ(figures().leased, 1U);
  EXPECT_EQ(next().kind, kind::nothing);
  book.give_back(one, false, now);
  EXPECT_EQ(figures().closed_broken, 1U) << "counted once";
}

TEST_F(lease_book_test, number_that_was_given_back_means_nothing_any_more) {
  const auto one = borrow(a);
  give_back(one);
  book.give_back(one, false, now);
  book.asked(one, false, now);
  EXPECT_EQ(figures().idle, 1U);
}

TEST_F(lease_book_test, failed_attempt_fails_the_longest_waiting_and_the_next_tries_again) {
  borrow(a);
  arrive(b);
  arrive(c);
  const auto dialing = next();
  EXPECT_EQ(book.dial_failed(dialing.round), &b);
  EXPECT_EQ(b.state(), state::failed);
  EXPECT_EQ(b.calls, 1);
  EXPECT_EQ(c.state(), state::waiting) << "an attempt of its own first";
  EXPECT_EQ(book.dial_failed(next().round), &c);
  EXPECT_EQ(next().kind, kind::nothing);
}

TEST_F(lease_book_test, failed_attempt_of_one_who_left_is_nobody_elses) {
  arrive(a);
  arrive(b);
  const auto first = next();
  next();
  book.leave(a);
  EXPECT_EQ(book.dial_failed(first.round), nullptr);
  EXPECT_EQ(b.state(), state::waiting);
  EXPECT_EQ(next().kind, kind::nothing) << "b's own attempt is under way";
}

// --- Asking ----------------------------------------------------------------------------------------------------------

TEST_F(lease_book_test, connection_idle_for_long_is_asked_first_within_half_of_the_time) {
  const auto made = idle(1);
  now += 6s;
  arrive(a, 4s);
  EXPECT_EQ(a.state(), state::waiting);
  const auto action = next();
  EXPECT_EQ(action.kind, kind::ask);
  EXPECT_EQ(action.connection, made[0]);
  EXPECT_EQ(action.until, now + 2s);
  EXPECT_EQ(next().kind, kind::nothing);
  EXPECT_EQ(figures().leased, 1U);
  book.asked(made[0], true, now);
  EXPECT_EQ(book.take(a), made[0]);
}

TEST_F(lease_book_test, asking_for_a_user_without_deadline_has_none_either) {
  idle(1);
  now += 6s;
  book.arrive(a, time_point::max(), now);
  EXPECT_EQ(next().until, time_point::max());
}

TEST_F(lease_book_test, asking_for_a_user_whose_deadline_has_passed_ends_now) {
  idle(1);
  now += 6s;
  arrive(a, -1s);
  EXPECT_EQ(next().until, now);
}

TEST_F(lease_book_test, connection_idle_for_just_the_allowed_time_is_not_asked) {
  const auto made = idle(1);
  now += 5s - 1ms;
  arrive(a);
  ASSERT_EQ(a.state(), state::served);
  EXPECT_EQ(book.take(a), made[0]);
}

TEST_F(lease_book_test, dead_connection_is_dropped_and_the_next_idle_one_asked_then_a_new_one_made) {
  const auto made = idle(2);
  now += 6s;
  arrive(a);
  EXPECT_EQ(next().connection, made[1]);
  book.asked(made[1], false, now);
  EXPECT_EQ(a.state(), state::waiting);
  const auto closing = next();
  EXPECT_EQ(closing.kind, kind::close);
  EXPECT_EQ(closing.connection, made[1]);
  const auto asking = next();
  EXPECT_EQ(asking.kind, kind::ask);
  EXPECT_EQ(asking.connection, made[0]);
  book.asked(made[0], false, now);
  EXPECT_EQ(next().kind, kind::close);
  dial();
  EXPECT_EQ(a.state(), state::served) << "it has seen nothing of all this";
  EXPECT_EQ(figures().closed_broken, 2U);
}

TEST_F(lease_book_test, asked_connection_of_one_who_left_is_idle_again_and_young) {
  const auto made = idle(1);
  now += 6s;
  arrive(a);
  next();
  book.leave(a);
  book.asked(made[0], true, now);
  EXPECT_EQ(figures().idle, 1U);
  arrive(b);
  EXPECT_EQ(b.state(), state::served);
}

TEST_F(lease_book_test, connection_being_asked_takes_a_place) {
  idle(2);
  now += 6s;
  for (user* one : {&a, &b, &c}) arrive(*one);
  EXPECT_EQ(next().kind, kind::ask);
  EXPECT_EQ(next().kind, kind::ask);
  EXPECT_EQ(next().kind, kind::nothing);
}

TEST_F(lease_book_test, loss_of_an_asked_connection_is_for_the_asking_to_find) {
  const auto made = idle(1);
  now += 6s;
  arrive(a);
  next();
  book.lost(made[0]);
  EXPECT_EQ(figures().closed_broken, 0U);
  book.asked(made[0], false, now);
  EXPECT_EQ(figures().closed_broken, 1U);
}

// --- Ageing ----------------------------------------------------------------------------------------------------------

TEST_F(lease_book_test, idle_connections_are_closed_when_they_are_old_and_not_before) {
  const auto made = idle(2);
  const auto due = *book.next_due();
  now = due - 1ns;
  EXPECT_EQ(next().kind, kind::nothing);
  now = due;
  const auto action = next();
  EXPECT_EQ(action.kind, kind::close);
  EXPECT_EQ(action.connection, made[0]);
  EXPECT_EQ(next().kind, kind::nothing);
  EXPECT_EQ(*book.next_due(), due + 1ms) << "the other one's time";
  EXPECT_EQ(figures().closed_idle, 1U);
}

TEST_F(lease_book_test, all_that_are_old_are_closed) {
  const auto made = idle(2);
  now += 1h;
  EXPECT_EQ(next().connection, made[0]);
  EXPECT_EQ(next().connection, made[1]);
  EXPECT_EQ(next().kind, kind::nothing);
  EXPECT_EQ(figures().open, 0U);
}

TEST_F(lease_book_test, lent_connection_does_not_age) {
  const auto one = borrow(a);
  now += 1h;
  EXPECT_EQ(next().kind, kind::nothing);
  give_back(one);
  EXPECT_EQ(next().kind, kind::nothing);
  EXPECT_EQ(*book.next_due(), now + 60s);
}

struct lease_book_without_ageing : lease_book_test {
  lease_book_without_ageing() : lease_book_test({.max_leased = 2, .idle_timeout = 0s, .check_after = 5s}) {}
};

TEST_F(lease_book_without_ageing, zero_keeps_idle_connections_for_ever) {
  idle(2);
  EXPECT_FALSE(book.next_due());
  now += 24h;
  EXPECT_EQ(next().kind, kind::nothing);
  EXPECT_EQ(figures().idle, 2U);
}

// --- Closing ---------------------------------------------------------------------------------------------------------

TEST_F(lease_book_test, closing_dismisses_who_waits_and_who_was_served) {
  const auto one = borrow(a);
  borrow(b);
  arrive(c);
  arrive(d);
  give_back(one);
  book.close();
  EXPECT_EQ(c.state(), state::dismissed);
  EXPECT_EQ(d.state(), state::dismissed);
  EXPECT_EQ(d.calls, 1);
  EXPECT_FALSE(book.is_open());
}

TEST_F(lease_book_test, closing_closes_every_connection) {
  const auto one = borrow(a);
  const auto made = idle(1);
  book.close();
  std::set<lease_number> closed;
  for (auto action = next(); action.kind != kind::nothing; action = next()) {
    EXPECT_EQ(action.kind, kind::close);
    closed.insert(action.connection);
  }
  EXPECT_EQ(closed, (std::set<lease_number>{one, made[0]}));
  EXPECT_EQ(figures().open, 0U);
}

TEST_F(lease_book_test, what_comes_from_before_the_closing_changes_nothing) {
  const auto one = borrow(a);
  arrive(b);
  const auto dialing = next();
  book.close();
  while (next().kind != kind::nothing) {
  }
  book.open();
  user later;
  arrive(later);
  EXPECT_EQ(book.dial_failed(dialing.round), nullptr);
  EXPECT_FALSE(book.dialed(dialing.round, 99, now));
  give_back(one);
  book.lost(one);
  EXPECT_EQ(later.state(), state::waiting);
  EXPECT_EQ(figures().open, 0U);
  dial();
  EXPECT_EQ(later.state(), state::served);
  book.leave(later);
}

TEST_F(lease_book_test, dismissed_user_may_leave) {
  borrow(a);
  borrow(b);
  arrive(c);
  book.close();
  book.leave(c);
  EXPECT_EQ(c.state(), state::away);
}

}  // namespace
}  // namespace redstart::core
