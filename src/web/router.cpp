// SPDX-License-Identifier: MIT
#include "redstart/web/detail/router.hpp"

#include "redstart/error.hpp"

namespace redstart::web::detail {

namespace {

[[noreturn]] void bad_pattern(std::string_view pattern, const std::string& why) {
  throw config_error("the route \"" + std::string(pattern) + "\" " + why);
}

// `/a/{b}` as `a`, `{b}`.
std::vector<std::string_view> parts_of(std::string_view pattern) {
  if (!pattern.starts_with('/')) bad_pattern(pattern, "does not start with a slash");
  std::vector<std::string_view> parts;
  std::string_view left = pattern.substr(1);
  while (!left.empty() || pattern.ends_with('/')) {
    const std::size_t slash = left.find('/');
    parts.push_back(left.substr(0, slash));
    if (slash == std::string_view::npos) break;
    left = left.substr(slash + 1);
  }
  if (pattern == "/") parts.clear();
  return parts;
}

// The name in `{name}`, empty for a part that is text.
std::string_view name_in(std::string_view pattern, std::string_view part) {
  if (!part.starts_with('{')) {
    if (part.find_first_of("{}") != std::string_view::npos) bad_pattern(pattern, "has a brace within a segment");
    return {};
  }
  if (!part.ends_with('}') || part.size() < 3) bad_pattern(pattern, "has a parameter that is not {name}");
  return part.substr(1, part.size() - 2);
}

void name_parameter(std::string& known, std::string_view name, std::string_view pattern) {
  if (known.empty()) known = name;
  if (known == name) return;
  bad_pattern(pattern, "calls a parameter {" + std::string(name) + "} that another route calls {" + known + "}");
}

}  // namespace

std::size_t router::add(std::string_view pattern) {
  constexpr std::string_view dots = "...";
  node* at = &root_;
  const auto parts = parts_of(pattern);
  for (std::size_t index = 0; index < parts.size(); ++index) {
    std::string_view name = name_in(pattern, parts[index]);
    if (name.ends_with(dots)) {
      if (index + 1 < parts.size()) bad_pattern(pattern, "goes on after {" + std::string(name) + "}");
      name.remove_suffix(dots.size());
      if (name.empty()) bad_pattern(pattern, "has a parameter that is not {name...}");
      name_parameter(at->rest_name, name, pattern);
      if (at->rest == match::none) at->rest = places_++;
      return at->rest;
    }
    auto& next = name.empty() ? at->fixed[std::string(parts[index])] : at->parameter;
    if (!name.empty()) name_parameter(at->parameter_name, name, pattern);
    if (!next) next = std::make_unique<node>();
    at = next.get();
  }
  if (at->place == match::none) at->place = places_++;
  return at->place;
}

router::match router::find(const std::vector<std::string>& segments) const {
  match found;
  if (!walk(root_, segments, 0, found)) found.parameters.clear();
  return found;
}

bool router::walk(const node& from, const std::vector<std::string>& segments, std::size_t index, match& found) {
  if (index == segments.size() && from.place != match::none) {
    found.place = from.place;
    return true;
  }
  const std::size_t known = found.parameters.size();
  if (index < segments.size()) {
    if (const auto next = from.fixed.find(segments[index]);
        next != from.fixed.end() && walk(*next->second, segments, index + 1, found)) {
      return true;
    }
    if (from.parameter && !segments[index].empty()) {
      found.parameters.emplace_back(from.parameter_name, segments[index]);
      if (walk(*from.parameter, segments, index + 1, found)) return true;
      found.parameters.resize(known);
    }
  }
  if (from.rest == match::none) return false;
  std::string rest;
  for (std::size_t part = index; part < segments.size(); ++part) {
    if (part > index) rest += '/';
    rest += segments[part];
  }
  found.parameters.emplace_back(from.rest_name, std::move(rest));
  found.place = from.rest;
  return true;
}

}  // namespace redstart::web::detail
