// SPDX-License-Identifier: MIT
#include "web/origin.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>

namespace redstart::web {

namespace {

// Host names, schemes and ports: ASCII. Browsers write them in lower case; people who configure them may not.
bool equal_without_case(std::string_view left, std::string_view right) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(left, right, {}, lower, lower);
}

// `127.0.0.1:8080`, `[::1]`, `localhost:8080`; not `hub.example`.
bool is_local_name(std::string_view host) {
  const std::size_t colon = host.ends_with(']') ? std::string_view::npos : host.rfind(':');
  std::string_view name = host.substr(0, colon);
  if (equal_without_case(name, "localhost")) return true;
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  boost::system::error_code failure;
  boost::asio::ip::make_address(name, failure);
  return !failure;
}

bool is_own_page(std::string_view origin, std::string_view host, own_origin own) {
  if (own.loopback_only && !is_local_name(host)) return false;
  return equal_without_case(origin, (own.secure ? "https://" : "http://") + std::string(host));
}

}  // namespace

bool is_origin_allowed(const request& asked, own_origin own, std::span<const std::string> allowed) {
  const auto origin = asked.header("Origin");
  if (!origin) return true;
  const auto host = asked.header("Host");
  if (host && is_own_page(*origin, *host, own)) return true;
  return std::ranges::any_of(
      allowed, [&](const std::string& known) { return known == "*" || equal_without_case(known, *origin); });
}

}  // namespace redstart::web
