// SPDX-License-Identifier: MIT
// The files of the web page, which are part of the program.
#pragma once

#include <redstart/web/request.hpp>
#include <redstart/web/response.hpp>

#include <span>
#include <string_view>

namespace hub {

struct dashboard_file {
  std::string_view name;  ///< `index.html`, `vendor/preact.js`
  std::string_view content_type;
  std::string_view tag;  ///< changes with the content: an ETag
  std::string_view content;
};

// Both made by embed_dashboard.py.
[[nodiscard]] std::span<const dashboard_file> dashboard_files();
/// The inline scripts of the page, as sources for `script-src`.
[[nodiscard]] std::string_view dashboard_script_sources();

/// A file of the page; 304 when the browser has it already, 404 when there is none.
[[nodiscard]] redstart::web::response serve_file(std::string_view name, const redstart::web::request& asked);

}  // namespace hub
