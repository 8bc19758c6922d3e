// SPDX-License-Identifier: MIT
#include "redstart/web/http_error.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace redstart::web {

namespace json = boost::json;

namespace {

response detailed(http::status status, json::value detail,
                  const std::vector<std::pair<std::string, std::string>>& headers) {
  json::object body;
  body["detail"] = std::move(detail);
  response made = response::json(body, status);
  made.headers = headers;
  return made;
}

}  // namespace

response http_error::to_response() const { return detailed(status_, json::value(what()), headers_); }

response validation_error::to_response() const {
  json::object problem;
  problem["loc"] = place_;
  problem["msg"] = what();
  problem["type"] = type_;
  json::array problems;
  problems.push_back(std::move(problem));
  return detailed(status(), std::move(problems), headers());
}

}  // namespace redstart::web
