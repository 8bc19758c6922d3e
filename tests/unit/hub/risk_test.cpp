// SPDX-License-Identifier: MIT
#include "hub/risk.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace hub {

void PrintTo(const reason& held, std::ostream* to) { *to << held.what << ' ' << held.points; }

namespace {

using namespace std::chrono_literals;
using reasons = std::vector<reason>;

// A detection at noon, far from all others.
class risk : public ::testing::Test {
 protected:
  detection seen(std::vector<std::string_view> objects) {
    detection one;
    one.camera = "porch";
    one.time = moment(1'000'000s) + ++count * 24h;
    one.clock = 12h;
    one.objects = std::move(objects);
    return one;
  }
  reasons reasons_of(const detection& one) {
    const assessment result = rules.assess(one);
    return {result.reasons.begin(), result.reasons.end()};
  }
  int score_of(const detection& one) { return rules.assess(one).score; }

  settings options;
  risk_rules rules{options};
  int count = 0;
};

TEST_F(risk, a_person_by_day_is_medium_and_no_alert) {
  const assessment result = rules.assess(seen({"person"}));
  EXPECT_EQ(result.score, 40);
  EXPECT_EQ(result.level, severity::medium);
  EXPECT_LT(result.score, options.alert_threshold);
  EXPECT_FALSE(result.at_night);
  EXPECT_FALSE(result.repeated);
  EXPECT_TRUE(result.zone.empty());
}

TEST_F(risk, the_most_alarming_object_decides) {
  EXPECT_EQ(reasons_of(seen({"dog", "car", "cat"})), (reasons{{"car", 20}}));
  EXPECT_EQ(reasons_of(seen({"car", "person"})), (reasons{{"person", 40}}));
  EXPECT_EQ(reasons_of(seen({"person", "knife"})), (reasons{{"knife", 70}}));
}

TEST_F(risk, every_kind_has_its_points) {
  EXPECT_EQ(score_of(seen({"bicycle"})), 20);
  EXPECT_EQ(score_of(seen({"package"})), 10);
  EXPECT_EQ(score_of(seen({"cat"})), 5);
  EXPECT_EQ(reasons_of(seen({"umbrella"})), (reasons{{"umbrella", 10}}));
  EXPECT_EQ(reasons_of(seen({})), (reasons{{"motion", 10}}));
}

TEST_F(risk, several_people_are_more_than_one) {
  EXPECT_EQ(reasons_of(seen({"person", "car", "person"})), (reasons{{"person", 40}, {"several people", 10}}));
  EXPECT_EQ(score_of(seen({"person", "person", "person"})), 50);
  EXPECT_EQ(score_of(seen({"car", "car"})), 20);
}

TEST_F(risk, night_begins_and_ends_on_the_hour) {
  const auto at = [&](std::chrono::minutes clock) {
    detection one = seen({"person"});
    one.clock = clock;
    return rules.assess(one).at_night;
  };
  EXPECT_FALSE(at(21h + 59min));
  EXPECT_TRUE(at(22h));
  EXPECT_TRUE(at(23h + 59min));
  EXPECT_TRUE(at(0h));
  EXPECT_TRUE(at(5h + 59min));
  EXPECT_FALSE(at(6h));
}

TEST_F(risk, a_night_may_lie_within_one_day_or_never_be) {
  options.night_from = 1;
  options.night_until = 5;
  detection one = seen({"person"});
  one.clock = 0h;
  EXPECT_FALSE(risk_rules(options).assess(one).at_night);
  one.clock = 4h;
  EXPECT_TRUE(risk_rules(options).assess(one).at_night);
  options.night_from = options.night_until = 3;
  for (const auto clock : {0h, 3h, 12h, 23h}) {
    one.clock = clock;
    EXPECT_FALSE(risk_rules(options).assess(one).at_night);
  }
}

TEST_F(risk, a_person_at_night_is_high) {
  detection one = seen({"person"});
  one.clock = 2h;
  const assessment result = rules.assess(one);
  EXPECT_EQ(result.score, 65);
  EXPECT_EQ(result.level, severity::high);
  EXPECT_EQ(reasons(result.reasons.begin(), result.reasons.end()), (reasons{{"person", 40}, {"night", 25}}));
}

TEST_F(risk, a_watched_zone_counts_once) {
  detection one = seen({"person"});
  one.zones = {"yard", "porch", "front_door"};
  const assessment result = rules.assess(one);
  EXPECT_EQ(result.score, 60);
  EXPECT_EQ(result.zone, "porch");
  one = seen({"person"});
  one.zones = {"yard", "street"};
  EXPECT_EQ(score_of(one), 40);
}

TEST_F(risk, who_keeps_coming_back_counts_more) {
  detection one = seen({"person"});
  EXPECT_EQ(score_of(one), 40);
  one.time += 1min;
  EXPECT_EQ(score_of(one), 40);
  one.time += 1min;
  const assessment third = rules.assess(one);
  EXPECT_EQ(third.score, 55);
  EXPECT_TRUE(third.repeated);
  detection elsewhere = one;
  elsewhere.camera = "garden";
  EXPECT_EQ(score_of(elsewhere), 40);
}

TEST_F(risk, what_does_not_move_counts_less_and_never_below_zero) {
  detection one = seen({"person"});
  one.stationary = true;
  EXPECT_EQ(reasons_of(one), (reasons{{"person", 40}, {"stationary", -30}}));
  one = seen({"cat"});
  one.stationary = true;
  EXPECT_EQ(score_of(one), 0);
}

TEST_F(risk, a_false_positive_is_nothing_and_not_remembered) {
  detection one = seen({"person", "knife"});
  one.clock = 2h;
  one.zones = {"porch"};
  one.false_positive = true;
  for (int i = 0; i < 5; ++i) {
    one.time += 1min;
    const assessment result = rules.assess(one);
    EXPECT_EQ(result.score, 0);
    EXPECT_EQ(result.level, severity::low);
    EXPECT_FALSE(result.repeated);
  }
  one.false_positive = false;
  EXPECT_FALSE(rules.assess(one).repeated);
}

TEST_F(risk, everything_together_stops_at_a_hundred_and_fits) {
  detection one = seen({"knife", "person", "person"});
  one.clock = 2h;
  one.zones = {"porch"};
  one.stationary = true;
  rules.assess(one);
  one.time += 1min;
  rules.assess(one);
  one.time += 1min;
  const assessment result = rules.assess(one);
  EXPECT_EQ(result.score, 100);
  EXPECT_EQ(result.level, severity::critical);
  EXPECT_EQ(result.reasons.size(), 6u);
}

TEST(severity, has_its_limits) {
  EXPECT_EQ(severity_of(0), severity::low);
  EXPECT_EQ(severity_of(29), severity::low);
  EXPECT_EQ(severity_of(30), severity::medium);
  EXPECT_EQ(severity_of(59), severity::medium);
  EXPECT_EQ(severity_of(60), severity::high);
  EXPECT_EQ(severity_of(84), severity::high);
  EXPECT_EQ(severity_of(85), severity::critical);
  EXPECT_EQ(severity_of(100), severity::critical);
  EXPECT_EQ(to_string(severity::low), "low");
  EXPECT_EQ(to_string(severity::medium), "medium");
  EXPECT_EQ(to_string(severity::high), "high");
  EXPECT_EQ(to_string(severity::critical), "critical");
}

}  // namespace
}  // namespace hub
