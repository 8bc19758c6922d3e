// SPDX-License-Identifier: MIT
// Who may write.
#pragma once

#include <redstart/web/application.hpp>

#include <string>
#include <string_view>

namespace hub {

/// A handler that takes one is only called for requests with the hub's token, if it has one.
struct writer {};

/// Registers the provider of `writer`. An empty token lets everybody write.
void provide_writer(redstart::web::application& app, const std::string& token);

/// Compares in a time that depends on the length of `given` only.
[[nodiscard]] bool is_equal_in_constant_time(std::string_view given, std::string_view secret);

}  // namespace hub
