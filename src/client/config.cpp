// SPDX-License-Identifier: MIT
#include "redstart/config.hpp"

#include "client/config_env.hpp"
#include "net/endpoint.hpp"
#include "redstart/error.hpp"

#include <algorithm>
#include <cstdlib>

namespace redstart {
namespace {

void check_numbers(const config& settings) {
  for (const auto& each : all_options()) {
    const auto number = number_of(each, settings);
    if (number && (*number < each.least || *number > each.most)) {
      throw config_error(title_of(each) + " " + to_text(each.kind, *number) + ": accepted is " +
                         accepted_text(each.kind, each.least, each.most));
    }
  }
}

// Redis refuses other characters, since CLIENT LIST separates its fields by them.
void check_client_name(const std::string& name) {
  if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= '!' && c <= '~'; })) {
    throw config_error("client_name (REDIS_CLIENT_NAME): accepted are printable ASCII characters without spaces");
  }
}

void check_tls(const tls_config& tls) {
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    throw config_error(
        "tls.certificate_file (REDIS_TLS_CERTIFICATE_FILE), tls.key_file (REDIS_TLS_KEY_FILE): accepted are both or "
        "neither");
  }
}

void check_backoff(const config& settings) {
  if (settings.backoff_initial > settings.backoff_max) {
    throw config_error("backoff_initial (REDIS_BACKOFF_INITIAL) " +
                       to_text(option_kind::duration, settings.backoff_initial.count()) +
                       ": accepted is at most backoff_max (REDIS_BACKOFF_MAX), which is " +
                       to_text(option_kind::duration, settings.backoff_max.count()));
  }
}

}  // namespace

config config::from_env() {
  return config_from([](const char* name) -> const char* { return std::getenv(name); });
}

void config::validate() const {
  net::make_endpoint(*this);
  check_client_name(client_name);
  check_tls(tls);
  check_numbers(*this);
  check_backoff(*this);
}

}  // namespace redstart
