// SPDX-License-Identifier: MIT
#include "redstart/web/request.hpp"

#include "client/utf8.hpp"
#include "redstart/web/http_error.hpp"

#include <boost/url/params_encoded_view.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/segments_encoded_view.hpp>
#include <boost/url/url_view.hpp>

namespace redstart::web {

namespace urls = boost::urls;

namespace {

std::string_view view(boost::core::string_view text) { return {text.data(), text.size()}; }

std::string decoded(urls::pct_string_view text, bool plus_is_space) {
  urls::encoding_opts options;
  options.space_as_plus = plus_is_space;
  std::string out;
  text.decode(options, urls::string_token::assign_to(out));
  return out;
}

}  // namespace

request::request(message_type message, std::string peer) : message_(std::move(message)), peer_(std::move(peer)) {
  if (!target().starts_with('/')) leave_path_of_uri();
  split_target();
}

request::request(http::verb method, std::string_view target, std::string body)
    : request(message_type(method, {target.data(), target.size()}, 11, std::move(body))) {}

std::string_view request::target() const noexcept { return {message_.target().data(), message_.target().size()}; }

// What is sent to proxies, and what every server has to take: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
void request::leave_path_of_uri() {
  const auto parsed = urls::parse_uri(urls::string_view(message_.target().data(), message_.target().size()));
  const bool is_web = parsed && !parsed->encoded_host().empty() &&
                      (parsed->scheme_id() == urls::scheme::http || parsed->scheme_id() == urls::scheme::https);
  if (!is_web) throw http_error(http::status::bad_request, "the target of the request is no path");
  const std::string host(parsed->encoded_host_and_port());
  const auto sent = parsed->encoded_target();
  std::string path(1, '/');
  path.append(sent.substr(sent.starts_with('/') ? 1 : 0));
  message_.set(http::field::host, host);
  message_.target(path);
}

void request::split_target() {
  const auto parsed = urls::parse_origin_form(urls::string_view(message_.target().data(), message_.target().size()));
  if (!parsed) throw http_error(http::status::bad_request, "the target of the request is no path");
  path_size_ = parsed->encoded_path().size();
  for (const urls::pct_string_view segment : parsed->encoded_segments()) {
    segments_.push_back(decoded(segment, false));
    if (segments_.back().find('\0') != std::string::npos) {
      throw http_error(http::status::bad_request, "the path of the request holds a zero byte");
    }
    if (!redstart::detail::is_utf8(segments_.back())) {
      throw http_error(http::status::bad_request, "the path of the request is not UTF-8");
    }
  }
}

std::optional<std::string> request::query(std::string_view name) const {
  if (path_size_ >= target().size()) return std::nullopt;
  const auto parsed = urls::parse_origin_form(urls::string_view(message_.target().data(), message_.target().size()));
  for (const auto& parameter : parsed->encoded_params()) {
    if (decoded(parameter.key, true) == name) return decoded(parameter.value, true);
  }
  return std::nullopt;
}

std::optional<std::string_view> request::header(std::string_view name) const {
  const auto found = message_.find({name.data(), name.size()});
  if (found == message_.end()) return std::nullopt;
  return view({found->value().data(), found->value().size()});
}

void request::set_header(std::string_view name, std::string_view value) {
  message_.set(boost::beast::string_view(name.data(), name.size()), {value.data(), value.size()});
}

}  // namespace redstart::web
