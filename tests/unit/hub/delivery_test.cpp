// SPDX-License-Identifier: MIT
#include "hub/delivery.hpp"

#include "hub/cameras.hpp"

#include <gtest/gtest.h>

namespace hub {
namespace {

using namespace std::chrono_literals;
using redstart::reply;

reply number(std::int64_t value) {
  redstart::reply_node node;
  node.kind = redstart::reply_kind::integer;
  node.integer = value;
  return reply(redstart::reply_view(&node, ""));
}

reply refusal(std::string_view text) {
  redstart::reply_node node;
  node.kind = redstart::reply_kind::error;
  node.size = text.size();
  return reply(redstart::reply_view(&node, text.data()));
}

using indexes = std::vector<std::size_t>;

class delivering : public ::testing::Test {
 protected:
  static alert raised(std::size_t element, std::string object = {}, severity level = severity::high) {
    alert one;
    one.element = element;
    one.text = "{}";
    one.object = std::move(object);
    one.level = level;
    return one;
  }
  // Asks what is next, and answers each command with what `answers` says of it, later ones with 1.
  delivery_trouble step(delivery& out, std::size_t expected, std::vector<reply> answers = {}) {
    EXPECT_EQ(out.next(moment(1h)).size(), expected);
    while (answers.size() < expected) answers.push_back(number(1));
    return out.answered(answers);
  }
  settings options;
  // Commands for one of each.
  static constexpr std::size_t camera = 1;
  static constexpr std::size_t alert_and_trim = 3;
};

TEST_F(delivering, nothing_is_done_at_once) {
  delivery out(options, {});
  EXPECT_TRUE(out.done());
  EXPECT_TRUE(out.unfinished().empty());
}

TEST_F(delivering, cameras_and_alerts_of_no_object_are_one_pipeline) {
  scored_batch batch;
  batch.cameras = {{"1", "{}"}, {"2", "{}"}};
  batch.alerts = {raised(0), raised(3)};
  batch.unreadable = {{1, "{}"}};
  delivery out(options, batch);
  EXPECT_FALSE(out.done());
  EXPECT_EQ(out.unfinished(), (indexes{0, 1, 3}));
  // LPUSH and PUBLISH for each alert, RPUSH for what is unreadable, an LTRIM of each list.
  step(out, 2 * camera + 2 * 2 + 1 + 2);
  EXPECT_TRUE(out.done());
  EXPECT_EQ(out.published(), 2u);
  EXPECT_EQ(out.unreadable(), 1u);
  EXPECT_TRUE(out.unfinished().empty());
}

TEST_F(delivering, the_marker_of_an_object_is_asked_for_before_and_set_after) {
  scored_batch batch;
  batch.alerts = {raised(0, "o1", severity::critical)};
  delivery out(options, batch);
  step(out, 1, {number(0)});
  EXPECT_FALSE(out.done());
  EXPECT_EQ(out.published(), 0u);
  step(out, alert_and_trim);
  EXPECT_EQ(out.published(), 1u);
  EXPECT_FALSE(out.done()) << "the marker is not set yet";
  EXPECT_TRUE(out.unfinished().empty()) << "but nothing is lost without it";
  step(out, 2);  // high and critical: what is alerted as critical is not alerted as high later
  EXPECT_TRUE(out.done());
}

TEST_F(delivering, an_object_with_a_marker_is_not_published) {
  scored_batch batch;
  batch.repeated = 1;
  batch.alerts = {raised(0, "o1"), raised(1, "o2")};
  delivery out(options, batch);
  step(out, 2, {number(1), number(0)});
  EXPECT_EQ(out.repeated(), 2u);
  step(out, alert_and_trim);
  step(out, 1);
  EXPECT_TRUE(out.done());
  EXPECT_EQ(out.published(), 1u);
}

TEST_F(delivering, cameras_do_not_wait_for_markers) {
  scored_batch batch;
  batch.cameras = {{"1", "{}"}};
  batch.alerts = {raised(0, "o1"), raised(1)};
  delivery out(options, batch);
  // Those of no object do not wait either.
  step(out, camera + 1 + alert_and_trim, {number(1), number(0)});
  EXPECT_EQ(out.published(), 1u);
  step(out, alert_and_trim);
  EXPECT_EQ(out.published(), 2u);
}

TEST_F(delivering, after_no_answer_everything_is_sent_again) {
  scored_batch batch;
  batch.cameras = {{"1", "{}"}};
  batch.alerts = {raised(0)};
  batch.unreadable = {{1, "{}"}};
  delivery out(options, batch);
  EXPECT_EQ(out.next(moment(1h)).size(), camera + alert_and_trim + 2);
  out.unanswered();
  EXPECT_EQ(out.unfinished(), (indexes{0, 1}));
  // Once more for LREM: the alert may stand in the list already.
  step(out, camera + 1 + alert_and_trim + 2);
  EXPECT_TRUE(out.done());
  EXPECT_EQ(out.published(), 1u);
}

TEST_F(delivering, a_server_that_is_loading_is_tried_again) {
  scored_batch batch;
  batch.cameras = {{"1", "{}"}};
  batch.alerts = {raised(0)};
  delivery out(options, batch);
  const std::vector<reply> loading(camera + alert_and_trim, refusal("LOADING Redis is loading the dataset in memory"));
  EXPECT_EQ(step(out, camera + alert_and_trim, loading).to_retry, "LOADING Redis is loading the dataset in memory");
  EXPECT_FALSE(out.done());
  EXPECT_EQ(out.published(), 0u);
  // It was refused, so that it stands in no list: no LREM.
  EXPECT_EQ(step(out, camera + alert_and_trim).to_retry, "");
  EXPECT_TRUE(out.done());
}

// As Redis 6.2 and older say what they refuse to a command of a script.
TEST_F(delivering, what_passes_is_known_also_in_the_words_of_a_script) {
  for (const std::string words : {"MISCONF Redis is configured to save", "-READONLY You can't write against a replica",
                                  "@user_script: 1: -MISCONF Redis is configured to save",
                                  "@user_script: 12: READONLY You can't write against a replica"}) {
    scored_batch batch;
    batch.cameras = {{"1", "{}"}};
    delivery out(options, batch);
    const std::vector<reply> answers(out.next(moment(1h)).size(), refusal(words));
    EXPECT_EQ(out.answered(answers).to_retry, words);
    EXPECT_FALSE(out.done());
  }
  for (const std::string words : {"@user_script: 1: -OOM command not allowed", "@user_script", "@user_script: MISCONF",
                                  "@user_script: 1: ", "ERR MISCONF"}) {
    scored_batch batch;
    batch.cameras = {{"1", "{}"}};
    delivery out(options, batch);
    const std::vector<reply> answers(out.next(moment(1h)).size(), refusal(words));
    EXPECT_EQ(out.answered(answers).given_up, words);
    EXPECT_TRUE(out.done());
  }
}

TEST_F(delivering, only_what_was_refused_is_sent_again) {
  scored_batch batch;
  batch.alerts = {raised(0), raised(1)};
  delivery out(options, batch);
  // LPUSH, PUBLISH, LPUSH, PUBLISH, LTRIM
  step(out, 5, {refusal("MISCONF disk"), number(3), number(2), refusal("NOPERM channel"), refusal("MISCONF disk")});
  EXPECT_EQ(out.published(), 1u);
  EXPECT_EQ(out.unfinished(), indexes{1}) << "the first one has been heard of";
  step(out, 3);  // LPUSH of the first and LTRIM, PUBLISH of the second
  EXPECT_TRUE(out.done());
  EXPECT_EQ(out.published(), 2u);
}

TEST_F(delivering, a_refused_publish_is_never_given_up) {
  scored_batch batch;
  batch.alerts = {raised(0)};
  delivery out(options, batch);
  EXPECT_EQ(step(out, 3, {number(1), refusal("NOPERM channel"), number(1)}).to_retry, "NOPERM channel");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(step(out, 1, {refusal("NOPERM channel")}).to_retry, "NOPERM channel");
  EXPECT_FALSE(out.done());
  EXPECT_EQ(out.unfinished(), indexes{0});
  step(out, 1);
  EXPECT_TRUE(out.done());
}

TEST_F(delivering, alerts_that_stand_in_the_list_and_were_not_published_are_known) {
  scored_batch batch;
  batch.alerts = {raised(0), raised(1), raised(2)};
  batch.alerts[0].text = "first";
  batch.alerts[1].text = "second";
  delivery out(options, batch);
  EXPECT_TRUE(out.listed_in_vain().empty());
  // LPUSH and PUBLISH each, LTRIM
  step(out, 7, {number(1), refusal("NOPERM"), refusal("LOADING"), refusal("LOADING"), number(1), number(1)});
  EXPECT_EQ(out.listed_in_vain(), std::vector<std::string>{"first"});
  EXPECT_FALSE(out.next(moment(1h)).empty());
  out.unanswered();
  EXPECT_EQ(out.listed_in_vain(), (std::vector<std::string>{"first", "second"})) << "it may have been executed";
  step(out, 5);  // PUBLISH of the first; LREM, LPUSH, PUBLISH of the second, LTRIM
  EXPECT_TRUE(out.listed_in_vain().empty());
  EXPECT_TRUE(out.done());
}

TEST_F(delivering, an_unreadable_element_that_is_refused_is_tried_again) {
  scored_batch batch;
  batch.unreadable = {{4, "{}"}};
  delivery out(options, batch);
  EXPECT_EQ(step(out, 2, {refusal("OOM command")}).to_retry, "OOM command");
  EXPECT_EQ(out.unfinished(), indexes{4});
  EXPECT_EQ(out.unreadable(), 0u);
  step(out, 2);
  EXPECT_TRUE(out.done());
  EXPECT_EQ(out.unreadable(), 1u);
  EXPECT_EQ(out.unkept(), 0u);
}

TEST_F(delivering, an_unreadable_element_is_given_up_after_its_tries_and_handed_out) {
  options.unreadable_tries = 3;
  scored_batch batch;
  batch.unreadable = {{1, "first"}, {4, "second"}};
  delivery out(options, batch);
  const std::vector<reply> full(2, refusal("OOM command"));
  step(out, 3, full);
  // While a server says that it will be back, nothing counts.
  for (int i = 0; i < 10; ++i) {
    const auto trouble = step(out, 3, {refusal("LOADING"), refusal("LOADING")});
    EXPECT_TRUE(trouble.unkept.empty());
    EXPECT_EQ(trouble.to_retry, "LOADING");
  }
  step(out, 3, {refusal("OOM command"), number(1)});
  EXPECT_EQ(out.unfinished(), indexes{1});
  const delivery_trouble trouble = step(out, 2, {refusal("OOM command")});
  EXPECT_EQ(trouble.given_up, "OOM command");
  EXPECT_EQ(trouble.to_retry, "");
  EXPECT_EQ(trouble.unkept, std::vector<std::string>{"first"});
  EXPECT_TRUE(out.done());
  EXPECT_TRUE(out.unfinished().empty());
  EXPECT_EQ(out.unreadable(), 2u);
  EXPECT_EQ(out.unkept(), 1u);
}

TEST_F(delivering, a_camera_without_room_is_counted_and_stops_nothing) {
  scored_batch batch;
  batch.cameras = {{"1", "{}"}, {"2", "{}"}, {"3", "{}"}};
  delivery out(options, batch);
  std::vector<reply> answers(3 * camera, number(1));
  answers[camera] = number(no_room_for_camera);
  answers[2 * camera] = refusal("WRONGTYPE cameras");
  EXPECT_EQ(step(out, 3 * camera, answers).to_retry, "");
  EXPECT_TRUE(out.done());
  EXPECT_EQ(out.unlisted(), 1u) << "one that was refused for another reason is none";
}

TEST_F(delivering, keys_of_another_type_do_not_stop_alerts) {
  scored_batch batch;
  batch.cameras = {{"1", "{}"}};
  batch.alerts = {raised(0)};
  delivery out(options, batch);
  const delivery_trouble trouble =
      step(out, camera + alert_and_trim,
           {refusal("WRONGTYPE cameras"), refusal("WRONGTYPE alerts"), number(1), refusal("WRONGTYPE alerts")});
  EXPECT_EQ(trouble.to_retry, "");
  EXPECT_EQ(trouble.given_up, "WRONGTYPE alerts");
  EXPECT_TRUE(out.done());
  EXPECT_EQ(out.published(), 1u);
}

TEST_F(delivering, full_memory_does_not_stop_workers_that_would_empty_it) {
  scored_batch batch;
  batch.cameras = {{"1", "{}"}};
  batch.alerts = {raised(0)};
  delivery out(options, batch);
  std::vector<reply> full(camera + alert_and_trim, refusal("OOM command not allowed"));
  full[camera + 1] = number(1);  // PUBLISH needs no memory
  EXPECT_EQ(step(out, camera + alert_and_trim, full).to_retry, "");
  EXPECT_TRUE(out.done());
}

TEST_F(delivering, markers_that_fail_are_set_again_without_publishing_twice) {
  scored_batch batch;
  batch.alerts = {raised(0, "o1")};
  delivery out(options, batch);
  step(out, 1, {number(0)});
  step(out, alert_and_trim);
  step(out, 1, {refusal("READONLY replica")});
  EXPECT_FALSE(out.done());
  step(out, 1);
  EXPECT_TRUE(out.done());
  EXPECT_EQ(out.published(), 1u);
}

TEST_F(delivering, markers_below_the_threshold_are_not_set) {
  scored_batch batch;
  batch.alerts = {raised(0, "o1", severity::critical)};
  options.alert_threshold = 0;
  delivery all(options, batch);
  step(all, 1, {number(0)});
  step(all, alert_and_trim);
  step(all, 4);
  EXPECT_TRUE(all.done());
}

TEST_F(delivering, too_few_answers_finish_nothing_more) {
  scored_batch batch;
  batch.alerts = {raised(0)};
  delivery out(options, batch);
  EXPECT_EQ(out.next(moment(1h)).size(), 3u);
  const std::vector<reply> one{number(1)};
  out.answered(one);
  EXPECT_FALSE(out.done());
  EXPECT_EQ(out.unfinished(), indexes{0});
}

}  // namespace
}  // namespace hub
