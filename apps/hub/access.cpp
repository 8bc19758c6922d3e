// SPDX-License-Identifier: MIT
#include "access.hpp"

#include <redstart/web/http_error.hpp>

namespace hub {

namespace web = redstart::web;

namespace {

constexpr std::string_view scheme = "Bearer ";

[[noreturn]] void refuse(const char* why) {
  throw web::http_error(web::http::status::unauthorized, why).with("WWW-Authenticate", "Bearer");
}

}  // namespace

bool is_equal_in_constant_time(std::string_view given, std::string_view secret) {
  // Volatile: a compiler that knew the result early would stop early.
  volatile unsigned char difference = given.size() == secret.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char other = secret.empty() ? '\0' : secret[i % secret.size()];
    difference = static_cast<unsigned char>(difference | (given[i] ^ other));
  }
  return difference == 0;
}

void provide_writer(web::application& app, const std::string& token) {
  app.provide([token](const web::request& asked) -> const writer& {
    static const writer anybody;
    if (token.empty()) return anybody;
    const auto given = asked.header("Authorization");
    if (!given) refuse("this route needs the hub's token: send Authorization: Bearer <token>");
    if (!given->starts_with(scheme)) refuse("the Authorization header is not Bearer <token>");
    if (!is_equal_in_constant_time(given->substr(scheme.size()), token)) refuse("this is not the hub's token");
    return anybody;
  });
}

}  // namespace hub
