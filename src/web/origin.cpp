// SPDX-License-Identifier: MIT
#include "web/origin.hpp"

#include <algorithm>

namespace redstart::web {

namespace {

// Host names, schemes and ports: ASCII. Browsers write them in lower case; people who configure them may not.
bool equal_without_case(std::string_view left, std::string_view right) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(left, right, {}, lower, lower);
}

}  // namespace

bool is_origin_allowed(const request& asked, bool secure, std::span<const std::string> allowed) {
  const auto origin = asked.header("Origin");
  if (!origin) return true;
  const auto host = asked.header("Host");
  if (host && equal_without_case(*origin, (secure ? "https://" : "http://") + std::string(*host))) return true;
  return std::ranges::any_of(
      allowed, [&](const std::string& known) { return known == "*" || equal_without_case(known, *origin); });
}

}  // namespace redstart::web
