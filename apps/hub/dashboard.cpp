// SPDX-License-Identifier: MIT
#include "dashboard.hpp"

#include <redstart/web/http_error.hpp>

#include <algorithm>
#include <string>

namespace hub {

namespace web = redstart::web;

namespace {

// The page loads nothing from elsewhere, runs no script but its own, and is shown in nobody's frame.
const std::string& policy() {
  static const std::string text = "default-src 'none'; script-src 'self' " + std::string(dashboard_script_sources()) +
                                  "; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
                                  "form-action 'none'; frame-ancestors 'none'";
  return text;
}

}  // namespace

web::response serve_file(std::string_view name, const web::request& asked) {
  const auto files = dashboard_files();
  const auto found = std::ranges::find(files, name, &dashboard_file::name);
  if (found == files.end()) throw web::http_error(web::http::status::not_found, "the dashboard has no such file");
  const bool known = asked.header("If-None-Match") == found->tag;
  web::response made;
  if (known) {
    made.status = web::http::status::not_modified;
  } else {
    made.content_type = found->content_type;
    made.body = found->content;
  }
  made.headers.emplace_back("ETag", found->tag);
  made.headers.emplace_back("Cache-Control", "no-cache");
  made.headers.emplace_back("Content-Security-Policy", policy());
  made.headers.emplace_back("Referrer-Policy", "no-referrer");
  return made;
}

}  // namespace hub
