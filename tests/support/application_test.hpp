// SPDX-License-Identifier: MIT
// A fixture for tests of web applications without a socket.
#pragma once

#include "redstart/web/application.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace redstart::test {

namespace asio = boost::asio;
namespace json = boost::json;
namespace http = redstart::web::http;

struct zone {
  std::string name;
  std::optional<double> weight;
  bool operator==(const zone&) const = default;
};
BOOST_DESCRIBE_STRUCT(zone, (), (name, weight))

struct detection {
  int camera_id = 0;
  std::vector<std::string> objects;
  zone where;
  bool operator==(const detection&) const = default;
};
BOOST_DESCRIBE_STRUCT(detection, (), (camera_id, objects, where))

enum class severity { low, high };
BOOST_DESCRIBE_ENUM(severity, low, high)

class application_test : public ::testing::Test {
 protected:
  application_test() {
    app.log_to([this](log_level level, std::string_view text) {
      logged.emplace_back(text);
      levels.push_back(level);
    });
  }

  web::response ask(const web::request& asked) {
    asio::io_context io;
    std::optional<web::response> made;
    std::exception_ptr problem;
    asio::co_spawn(io, app.handle(asked), [&](std::exception_ptr thrown, web::response answer) {
      problem = std::move(thrown);
      made = std::move(answer);
    });
    io.run();
    EXPECT_FALSE(problem) << "handle threw";
    EXPECT_TRUE(made) << "handle did not end";
    return made.value_or(web::response{});
  }
  web::response get(std::string_view target) { return ask(web::request(http::verb::get, target)); }
  web::response post(std::string_view target, std::string body) {
    return ask(web::request(http::verb::post, target, std::move(body)));
  }

  [[nodiscard]] bool was_logged(std::string_view part) const {
    return std::ranges::any_of(logged, [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }

  web::application app;
  std::vector<std::string> logged;
  std::vector<log_level> levels;
};

inline std::optional<std::string> header_of(const web::response& answer, std::string_view name) {
  const auto found = std::ranges::find(answer.headers, name, [](const auto& header) { return header.first; });
  return found == answer.headers.end() ? std::nullopt : std::optional(found->second);
}

/// `{"detail": ...}` of an answer.
inline json::value detail_of(const web::response& answer) {
  EXPECT_EQ(answer.content_type, "application/json");
  const json::value body = json::parse(answer.body);
  EXPECT_EQ(body.as_object().size(), 1u) << answer.body;
  return body.at("detail");
}

/// Checks that `answer` is the 422 with that place, as JSON text, and type.
inline void expect_refused(const web::response& answer, std::string_view place, std::string_view type) {
  EXPECT_EQ(answer.status, http::status::unprocessable_entity) << answer.body;
  if (answer.status != http::status::unprocessable_entity) return;
  const json::value detail = detail_of(answer);
  ASSERT_TRUE(detail.is_array()) << answer.body;
  ASSERT_EQ(detail.as_array().size(), 1u) << answer.body;
  const json::object& problem = detail.at(0).as_object();
  EXPECT_EQ(problem.size(), 3u) << answer.body;
  EXPECT_EQ(json::serialize(problem.at("loc")), place);
  EXPECT_EQ(problem.at("type").as_string(), json::string_view(type)) << answer.body;
  EXPECT_FALSE(problem.at("msg").as_string().empty()) << answer.body;
}

}  // namespace redstart::test
