// SPDX-License-Identifier: MIT
#include "redstart/detail/json_path.hpp"

#include "client/utf8.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>

namespace redstart::detail {

namespace {

bool is_simple_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::string quoted(std::string_view name) {
  constexpr std::size_t limit = 64;
  std::string shown(name.substr(0, limit));
  while (!shown.empty() && !is_utf8(shown)) shown.pop_back();
  shown = boost::json::serialize(boost::json::string_view(shown));
  if (name.size() > limit) shown.insert(shown.size() - 1, "...");
  return shown;
}

void append(std::string& out, const json_path& path) {
  if (path.parent == nullptr) return;
  append(out, *path.parent);
  if (path.member.data() == nullptr) {
    out += '[' + std::to_string(path.index) + ']';
  } else if (is_simple_name(path.member)) {
    (out += out.empty() ? "" : ".") += path.member;
  } else {
    out += '[' + quoted(path.member) + ']';
  }
}

}  // namespace

std::string to_string(const json_path& path) {
  std::string text;
  append(text, path);
  return text;
}

std::string explain(const json_path& path, std::string_view what) {
  std::string text = to_string(path);
  (text += text.empty() ? "" : ": ") += what;
  return text;
}

}  // namespace redstart::detail
