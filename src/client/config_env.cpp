// SPDX-License-Identifier: MIT
#include "client/config_env.hpp"

#include "net/endpoint.hpp"
#include "redstart/error.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>
#include <utility>

namespace redstart {
namespace {

using enum option_kind;

template <auto Member>
option_target at(config& in) {
  return &(in.*Member);
}

template <auto Member>
option_target at_tls(config& in) {
  return &(in.tls.*Member);
}

// Milliseconds that fit the int of poll() and TCP_USER_TIMEOUT, in whole days.
constexpr std::int64_t longest = std::int64_t{24} * 24 * 3'600'000;
constexpr std::int64_t int_max = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t tebibyte = std::int64_t{1} << 40;

// The least values of max_reply_… let the handshake through.
constexpr std::array options{
    option{"url", "REDIS_URL", text, 0, 0, at<&config::url>},
    option{"username", "REDIS_USERNAME", text, 0, 0, at<&config::username>},
    option{"password", "REDIS_PASSWORD", text, 0, 0, at<&config::password>},
    option{"client_name", "REDIS_CLIENT_NAME", text, 0, 0, at<&config::client_name>},
    option{"protocol", "REDIS_PROTOCOL", count, 2, 3, at<&config::protocol>},
    option{"tls.ca_file", "REDIS_TLS_CA_FILE", text, 0, 0, at_tls<&tls_config::ca_file>},
    option{"tls.certificate_file", "REDIS_TLS_CERTIFICATE_FILE", text, 0, 0, at_tls<&tls_config::certificate_file>},
    option{"tls.key_file", "REDIS_TLS_KEY_FILE", text, 0, 0, at_tls<&tls_config::key_file>},
    option{"tls.server_name", "REDIS_TLS_SERVER_NAME", text, 0, 0, at_tls<&tls_config::server_name>},
    option{"tls.verify", "REDIS_TLS_VERIFY", flag, 0, 1, at_tls<&tls_config::verify>},
    option{"timeout", "REDIS_TIMEOUT", duration, 1, longest, at<&config::timeout>},
    option{"connect_timeout", "REDIS_CONNECT_TIMEOUT", duration, 1, longest, at<&config::connect_timeout>},
    option{"connect_attempts", "REDIS_CONNECT_ATTEMPTS", count, 0, int_max, at<&config::connect_attempts>},
    option{"backoff_initial", "REDIS_BACKOFF_INITIAL", duration, 1, longest, at<&config::backoff_initial>},
    option{"backoff_max", "REDIS_BACKOFF_MAX", duration, 1, longest, at<&config::backoff_max>},
    option{"health_check_interval", "REDIS_HEALTH_CHECK_INTERVAL", duration, 0, longest,
           at<&config::health_check_interval>},
    option{"liveness_timeout", "REDIS_LIVENESS_TIMEOUT", duration, 1, longest, at<&config::liveness_timeout>},
    option{"lanes", "REDIS_LANES", count, 1, 1024, at<&config::lanes>},
    option{"max_leased", "REDIS_MAX_LEASED", count, 1, 65535, at<&config::max_leased>},
    option{"lease_idle_timeout", "REDIS_LEASE_IDLE_TIMEOUT", duration, 0, longest, at<&config::lease_idle_timeout>},
    option{"lease_check_after", "REDIS_LEASE_CHECK_AFTER", duration, 0, longest, at<&config::lease_check_after>},
    option{"max_operations", "REDIS_MAX_OPERATIONS", count, 1, int_max, at<&config::max_operations>},
    option{"max_output_bytes", "REDIS_MAX_OUTPUT_BYTES", bytes, 1, tebibyte, at<&config::max_output_bytes>},
    option{"max_reply_bytes", "REDIS_MAX_REPLY_BYTES", bytes, 1024, tebibyte, at<&config::max_reply_bytes>},
    option{"max_reply_elements", "REDIS_MAX_REPLY_ELEMENTS", count, 64, int_max, at<&config::max_reply_elements>},
    option{"max_reply_depth", "REDIS_MAX_REPLY_DEPTH", count, 4, 1024, at<&config::max_reply_depth>},
};

void assign(option_target target, std::int64_t number) {
  std::visit(
      [&](auto* to) {
        using type = std::remove_pointer_t<decltype(to)>;
        if constexpr (std::is_same_v<type, std::chrono::milliseconds>) {
          *to = std::chrono::milliseconds(number);
        } else if constexpr (!std::is_same_v<type, std::string>) {
          *to = static_cast<type>(number);
        }
      },
      target);
}

std::string quoted(std::string text) {
  constexpr std::size_t longest_shown = 80;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return " \"" + (text.size() <= longest_shown ? text : text.substr(0, longest_shown) + "...") + "\"";
}

void read(const option& which, const char* value, config& into) {
  const auto target = which.target(into);
  if (which.kind == text) {
    *std::get<std::string*>(target) = value;
    return;
  }
  const auto number = parse_number(which.kind, value);
  if (!number || *number < which.least || *number > which.most) {
    throw config_error(title_of(which) + quoted(value) + ": accepted is " +
                       accepted_text(which.kind, which.least, which.most));
  }
  assign(target, *number);
}

}  // namespace

std::span<const option> all_options() { return options; }

std::string title_of(const option& which) { return std::string(which.name) + " (" + which.variable + ")"; }

std::optional<std::int64_t> number_of(const option& which, const config& from) {
  // The target is only read here.
  const auto target = which.target(const_cast<config&>(from));
  return std::visit(
      [](const auto* value) -> std::optional<std::int64_t> {
        using type = std::remove_cvref_t<decltype(*value)>;
        if constexpr (std::is_same_v<type, std::string>) {
          return std::nullopt;
        } else if constexpr (std::is_same_v<type, std::chrono::milliseconds>) {
          return value->count();
        } else if constexpr (std::is_same_v<type, bool>) {
          return *value ? 1 : 0;
        } else {
          constexpr auto most = std::numeric_limits<std::int64_t>::max();
          return std::cmp_greater(*value, most) ? most : static_cast<std::int64_t>(*value);
        }
      },
      target);
}

config config_from(const environment& lookup) {
  config result;
  for (const auto& each : options) {
    // Empty counts as not set: that is what `VARIABLE=` in a service file or a compose file is written for.
    if (const char* value = lookup(each.variable); value != nullptr && *value != '\0') {
      read(each, value, result);
    }
  }
  net::parse_url(result.url);
  return result;
}

}  // namespace redstart
