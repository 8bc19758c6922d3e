// SPDX-License-Identifier: MIT
#include "posted.hpp"

namespace hub {

namespace {

// Copies JSON without the white space outside of its texts.
void compact_into(std::string& out, std::string_view text) {
  out.clear();
  out.reserve(text.size());
  bool in_text = false;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_text) {
      if (c == '\\') ++at;  // what is escaped ends nothing
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (static_cast<unsigned char>(c) <= ' ') {  // in valid JSON, only white space
      out.append(text, begin, at - begin);
      begin = at + 1;
    }
  }
  out.append(text, begin);
}

// Cuts a compact array that is known to be JSON into its elements.
void split_array(std::string_view array, std::vector<std::string_view>& into) {
  int depth = 0;
  bool in_text = false;
  std::size_t begin = 1;
  for (std::size_t at = 0; at < array.size(); ++at) {
    const char c = array[at];
    if (in_text) {
      if (c == '\\') ++at;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      --depth;
    }
    const bool ends = depth == 0 ? at > begin : (depth == 1 && !in_text && c == ',');
    if (!ends) continue;
    into.push_back(array.substr(begin, at - begin));
    begin = at + 1;
  }
}

}  // namespace

bool posted_events::read(std::string_view body) {
  events_.clear();
  const json::value* parsed = document_.parse(body);
  if (!parsed) {
    problem_ = {{"body", document_.problem_at()}, "this is not JSON: " + document_.problem(), "json_invalid"};
    return false;
  }
  const json::array* array = parsed->if_array();
  if (array && array->size() > most) {
    problem_ = {{"body"}, "expected at most 1000 events", "value_error"};
    return false;
  }
  if (!array) {
    if (!reader_.read_parsed(*parsed)) return refuse(0, false);
  } else {
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (!reader_.read_parsed((*array)[i])) return refuse(i, true);
    }
  }
  compact_into(compact_, body);
  if (array) {
    split_array(compact_, events_);
  } else {
    events_.push_back(compact_);
  }
  return true;
}

bool posted_events::refuse(std::size_t index, bool in_array) {
  const event_problem& inner = reader_.problem();
  problem_ = {{"body"}, inner.message, inner.type};
  if (in_array) problem_.place.emplace_back(index);
  problem_.place.insert(problem_.place.end(), inner.place.begin(), inner.place.end());
  return false;
}

}  // namespace hub
