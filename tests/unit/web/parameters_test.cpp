// SPDX-License-Identifier: MIT
// What handlers' parameters are made from, and what refuses a request.
#include "redstart/web/parameters.hpp"

#include "support/application_test.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <variant>

namespace redstart::test {
namespace {

using web::fixed_string;
using web::header;
using web::path;
using web::query;
using web::request;

class parameters : public application_test {
 protected:
  // The answer to a request with one header.
  web::response get_with(std::string_view name, std::string_view value) {
    request asked(http::verb::get, "/");
    asked.set_header(name, value);
    return ask(asked);
  }
};

// --- Path ------------------------------------------------------------------------------------------------------------

TEST_F(parameters, a_part_of_the_path_comes_as_its_type) {
  app.get("/cameras/{id}/{name}", [](path<int, "id"> id, const path<std::string, "name">& name) {
    return std::to_string(id + 1) + ' ' + *name + ' ' + std::to_string(name->size());
  });
  EXPECT_EQ(get("/cameras/41/front%20door").body, "42 front door 10");
  EXPECT_EQ(get("/cameras/-1/x").body, "0 x 1");
}

TEST_F(parameters, a_part_of_the_path_that_is_no_number_is_refused_with_its_place) {
  app.get("/cameras/{id}", [](path<int, "id"> id) { return *id; });
  for (const char* bad : {"x", "1x", "%201", "1%20", "+1", "0x1", "1.5", "1e3", "99999999999", "--1", "%D9%A1"}) {
    expect_refused(get(std::string("/cameras/") + bad), R"(["path","id"])", "type_error");
  }
}

TEST_F(parameters, numbers_out_of_range_are_refused_not_wrapped) {
  app.get("/{n}", [](path<std::uint8_t, "n"> n) { return static_cast<int>(*n); });
  EXPECT_EQ(get("/255").body, "255");
  expect_refused(get("/256"), R"(["path","n"])", "type_error");
  expect_refused(get("/-1"), R"(["path","n"])", "type_error");
  EXPECT_NE(get("/256").body.find("range"), std::string::npos);
}

TEST_F(parameters, a_number_has_to_be_finite) {
  app.get("/{n}", [](path<double, "n"> n) { return *n; });
  EXPECT_EQ(get("/0.5").body, "0.5");
  for (const char* bad : {"nan", "inf", "-inf", "infinity", "1e999", "NaN", ""}) {
    if (*bad) expect_refused(get(std::string("/") + bad), R"(["path","n"])", "type_error");
  }
}

TEST_F(parameters, described_enums_are_their_names) {
  app.get("/{how}", [](path<severity, "how"> how) { return *how == severity::high ? "high" : "low"; });
  EXPECT_EQ(get("/high").body, "high");
  EXPECT_EQ(get("/low").body, "low");
  expect_refused(get("/HIGH"), R"(["path","how"])", "type_error");
  expect_refused(get("/1"), R"(["path","how"])", "type_error");
}

TEST_F(parameters, booleans_are_true_false_1_or_0) {
  app.get("/{yes}", [](path<bool, "yes"> yes) { return *yes ? "yes" : "no"; });
  EXPECT_EQ(get("/true").body, "yes");
  EXPECT_EQ(get("/1").body, "yes");
  EXPECT_EQ(get("/false").body, "no");
  EXPECT_EQ(get("/0").body, "no");
  expect_refused(get("/maybe"), R"(["path","yes"])", "type_error");
}

TEST_F(parameters, the_rest_of_a_path_comes_whole) {
  app.get("/files/{name...}", [](path<std::string, "name"> name) { return '[' + *name + ']'; });
  EXPECT_EQ(get("/files/a/b.css").body, "[a/b.css]");
  EXPECT_EQ(get("/files").body, "[]");
}

// --- Query -----------------------------------------------------------------------------------------------------------

TEST_F(parameters, a_query_parameter_without_a_default_is_required) {
  app.get("/", [](query<int, "limit"> limit) { return *limit; });
  EXPECT_EQ(get("/?limit=7").body, "7");
  expect_refused(get("/"), R"(["query","limit"])", "missing");
  expect_refused(get("/?Limit=7"), R"(["query","limit"])", "missing");
  expect_refused(get("/?limit="), R"(["query","limit"])", "type_error");
  expect_refused(get("/?limit"), R"(["query","limit"])", "type_error");
  expect_refused(get("/?limit=many"), R"(["query","limit"])", "type_error");
}

TEST_F(parameters, defaults_stand_in_for_what_is_absent_and_not_for_what_is_wrong) {
  app.get("/",
          [](query<int, "limit", 50> limit, query<severity, "min", severity::high> min, query<bool, "all", true> all,
             query<std::string, "kind", fixed_string("person")> kind, query<double, "share", 0.5> share) {
            return std::to_string(limit) + (*min == severity::high ? " high " : " low ") + (all ? "all " : "some ") +
                   *kind + (*share == 0.5 ? " half" : " other");
          });
  EXPECT_EQ(get("/").body, "50 high all person half");
  EXPECT_EQ(get("/?limit=1&min=low&all=0&kind=car&share=2").body, "1 low some car other");
  expect_refused(get("/?limit=x"), R"(["query","limit"])", "type_error");
  expect_refused(get("/?min=medium"), R"(["query","min"])", "type_error");
}

TEST_F(parameters, an_optional_query_parameter_may_be_absent_and_not_wrong) {
  app.get("/", [](query<std::optional<int>, "since"> since) { return since->has_value() ? since->value() : -1; });
  EXPECT_EQ(get("/").body, "-1");
  EXPECT_EQ(get("/?since=0").body, "0");
  expect_refused(get("/?since=x"), R"(["query","since"])", "type_error");
}

TEST_F(parameters, text_that_is_not_utf8_is_refused) {
  app.get("/", [](query<std::string, "name"> name) { return *name; });
  EXPECT_EQ(get("/?name=%C3%A4").body, "\xc3\xa4");
  expect_refused(get("/?name=%FF"), R"(["query","name"])", "type_error");
}

// --- Headers ---------------------------------------------------------------------------------------------------------

TEST_F(parameters, a_header_is_found_in_any_case_and_required) {
  app.get("/", [](header<"If-Match"> tag) { return *tag; });
  EXPECT_EQ(get_with("IF-MATCH", "abc").body, "abc");
  expect_refused(get("/"), R"(["header","If-Match"])", "missing");
}

TEST_F(parameters, headers_have_types_and_defaults_too) {
  app.get("/", [](header<"X-Count", int, 3> count, header<"X-Maybe", std::optional<std::string>> maybe) {
    return std::to_string(count) + maybe->value_or("-");
  });
  EXPECT_EQ(get("/").body, "3-");
  EXPECT_EQ(get_with("X-Count", "4").body, "4-");
  EXPECT_EQ(get_with("X-Maybe", "m").body, "3m");
  expect_refused(get_with("X-Count", "x"), R"(["header","X-Count"])", "type_error");
}

// --- Body ------------------------------------------------------------------------------------------------------------

constexpr const char* good = R"({"camera_id": 1, "objects": ["person", "car"], "where": {"name": "door"}})";

TEST_F(parameters, a_described_body_is_read_by_value_and_by_reference) {
  app.post("/value", [](detection event) { return event.objects.at(1) + event.where.name; });
  app.post("/reference", [](const detection& event) { return event.camera_id; });
  EXPECT_EQ(post("/value", good).body, "cardoor");
  EXPECT_EQ(post("/reference", good).body, "1");
}

TEST_F(parameters, a_wrong_body_is_refused_with_the_place_of_the_error) {
  app.post("/", [](const detection&) {});
  expect_refused(post("/", R"({"objects": [], "where": {"name": "x"}})"), R"(["body","camera_id"])", "missing");
  expect_refused(post("/", R"({"camera_id": "1", "objects": [], "where": {"name": "x"}})"), R"(["body","camera_id"])",
                 "type_error");
  expect_refused(post("/", R"({"camera_id": 1, "objects": ["a", 2], "where": {"name": "x"}})"),
                 R"(["body","objects",1])", "type_error");
  expect_refused(post("/", R"({"camera_id": 1, "objects": [], "where": {}})"), R"(["body","where","name"])", "missing");
  expect_refused(post("/", R"({"camera_id": 1, "objects": [], "where": {"name": "x", "weight": "y"}})"),
                 R"(["body","where","weight"])", "type_error");
  expect_refused(post("/", R"({"camera_id": 99999999999, "objects": [], "where": {"name": "x"}})"),
                 R"(["body","camera_id"])", "type_error");
  expect_refused(post("/", "[]"), R"(["body"])", "type_error");
  expect_refused(post("/", "null"), R"(["body"])", "type_error");
}

TEST_F(parameters, a_body_that_is_no_json_is_refused) {
  app.post("/", [](const detection&) {});
  for (const char* bad :
       {"{", "{]", "camera_id=1", "{\"camera_id\": 1} x", "{\"a\": \"\xff\"}", "\xef\xbb\xbf{}", " "}) {
    expect_refused(post("/", bad), R"(["body"])", "json_invalid");
  }
  expect_refused(post("/", ""), R"(["body"])", "missing");
}

TEST_F(parameters, members_that_nobody_asked_for_do_no_harm) {
  app.post("/", [](const detection& event) { return event.camera_id; });
  EXPECT_EQ(post("/", R"({"x": [1, {"y": null}], "camera_id": 5, "objects": [], "where": {"name": "", "z": 0}})").body,
            "5");
}

TEST_F(parameters, containers_variants_and_optionals_are_bodies) {
  app.post("/list", [](const std::vector<detection>& events) { return events.size(); });
  app.post("/map", [](const std::map<std::string, int>& counts) { return counts.at("person"); });
  app.post("/either",
           [](const std::variant<std::vector<int>, std::map<std::string, int>>& some) { return some.index(); });
  app.post("/maybe", [](std::optional<detection> some) { return some ? "some" : "none"; });
  EXPECT_EQ(post("/list", std::string("[") + good + "," + good + "]").body, "2");
  expect_refused(post("/list", std::string("[") + good + ",{}]"), R"(["body",1,"camera_id"])", "missing");
  EXPECT_EQ(post("/map", R"({"person": 3})").body, "3");
  expect_refused(post("/map", R"({"person": "x"})"), R"(["body","person"])", "type_error");
  EXPECT_EQ(post("/either", "[1]").body, "0");
  EXPECT_EQ(post("/either", "{}").body, "1");
  EXPECT_EQ(post("/maybe", "null").body, "none");
  EXPECT_EQ(post("/maybe", good).body, "some");
}

TEST_F(parameters, json_values_are_bodies) {
  app.post("/value", [](json::value any) { return json::serialize(any); });
  app.post("/object", [](const json::object& some) { return some.size(); });
  app.post("/array", [](json::array some) { return some.size(); });
  EXPECT_EQ(post("/value", "[1, {\"a\": null}]").body, R"([1,{"a":null}])");
  EXPECT_EQ(post("/object", R"({"a": 1})").body, "1");
  expect_refused(post("/object", "[]"), R"(["body"])", "type_error");
  EXPECT_EQ(post("/array", "[1,2]").body, "2");
}

TEST_F(parameters, deep_json_is_refused_and_not_followed) {
  app.post("/", [](const json::value&) {});
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(post("/", nested(20)).status, http::status::no_content);
  expect_refused(post("/", nested(1000)), R"(["body"])", "json_invalid");
  expect_refused(post("/", nested(500'000)), R"(["body"])", "json_invalid");
  expect_refused(post("/", std::string(1'000'000, '[')), R"(["body"])", "json_invalid");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  expect_refused(post("/", objects), R"(["body"])", "json_invalid");
}

TEST_F(parameters, two_parameters_may_read_the_same_body) {
  app.post("/", [](const detection& event, const json::value& all) {
    return event.camera_id == all.at("camera_id").as_int64();
  });
  EXPECT_EQ(post("/", good).body, "true");
}

// --- Request, and all together ---------------------------------------------------------------------------------------

TEST_F(parameters, a_handler_may_take_the_whole_request) {
  app.post("/a", [](const request& asked) { return std::string(asked.path()) + asked.body(); });
  EXPECT_EQ(post("/a?b=1", "text").body, "/atext");
}

TEST_F(parameters, all_kinds_go_together_also_in_a_coroutine_and_a_plain_function) {
  app.post("/{id}",
           [](path<int, "id"> id, query<int, "n", 2> n, header<"X-N", int, 3> m, detection event,
              const request& asked) -> asio::awaitable<int> {
             co_return *id + *n + *m + event.camera_id + static_cast<int>(asked.body().size() * 0);
           });
  EXPECT_EQ(post("/10", good).body, "16");
  int (*plain)(path<int, "id">) = [](path<int, "id"> id) { return *id; };
  app.get("/{id}", plain);
  EXPECT_EQ(get("/9").body, "9");
}

TEST_F(parameters, the_first_parameter_that_does_not_fit_is_the_one_that_is_told) {
  app.post("/{id}", [](path<int, "id">, query<int, "n">, detection) {});
  expect_refused(post("/x", "{"), R"(["path","id"])", "type_error");
  expect_refused(post("/1", "{"), R"(["query","n"])", "missing");
  expect_refused(post("/1?n=1", "{"), R"(["body"])", "json_invalid");
}

TEST_F(parameters, a_handler_is_not_called_with_what_does_not_fit) {
  int calls = 0;
  app.post("/", [&calls](const detection&) { ++calls; });
  (void)post("/", "{}");
  EXPECT_EQ(calls, 0);
  (void)post("/", good);
  EXPECT_EQ(calls, 1);
}

TEST_F(parameters, a_handler_may_change_itself) {
  app.get("/", [n = 0]() mutable { return ++n; });
  EXPECT_EQ(get("/").body, "1");
  EXPECT_EQ(get("/").body, "2");
}

}  // namespace
}  // namespace redstart::test
