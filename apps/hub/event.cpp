// SPDX-License-Identifier: MIT
#include "event.hpp"

#include <algorithm>
#include <cmath>

namespace hub {

namespace {

// What an event names goes into alerts, to every screen, and stays for a while: it is bounded by what it may be.
constexpr std::size_t most_texts = 64;
constexpr std::size_t longest_text = 128;

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr std::size_t longest_camera_id = 64;
constexpr std::size_t longest_object_id = 128;
constexpr std::size_t longest_timestamp = 64;     // twice what nanoseconds and a zone take
constexpr double latest_second = 253402300799.0;  // the end of the year 9999

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }
json::string_view key(std::string_view name) { return {name.data(), name.size()}; }

const json::value* member(const json::object& of, std::string_view name) { return of.if_contains(key(name)); }

// A member that may be missing, null or something else entirely, as in the envelopes of other versions of Frigate.
bool flag(const json::object& of, std::string_view name) {
  const json::value* found = member(of, name);
  const bool* value = found ? found->if_bool() : nullptr;
  return value && *value;
}

}  // namespace

bool is_camera_id(std::string_view id) {
  return !id.empty() && id.size() <= longest_camera_id && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '.' ||
           c == '-';
  });
}

std::string to_string(const event_problem& problem) {
  std::string text;
  for (const json::value& step : problem.place) {
    if (const json::string* name = step.if_string()) {
      if (!text.empty()) text += '.';
      text += view(*name);
    } else {
      text += '[' + std::to_string(step.to_number<std::size_t>()) + ']';
    }
  }
  return text.empty() ? problem.message : text + ": " + problem.message;
}

const detection* event_reader::read(std::string_view text) {
  if (const json::value* event = document_.parse(text)) return read_parsed(*event);
  problem_.place.clear();
  problem_.place.emplace_back(document_.problem_at());
  problem_.message = "this is not JSON: " + document_.problem();
  problem_.type = "json_invalid";
  return nullptr;
}

const detection* event_reader::read_parsed(const json::value& event) {
  in_after_ = false;
  const json::object* object = event.if_object();
  if (!object) {
    refuse("", "an event is a JSON object", "type_error");
    return nullptr;
  }
  const bool envelope = !member(*object, "camera_id") && (member(*object, "after") || member(*object, "before"));
  return (envelope ? read_envelope(*object) : read_plain(*object)) ? &found_ : nullptr;
}

bool event_reader::read_plain(const json::object& event) {
  found_.tracked = false;
  found_.false_positive = false;
  found_.stationary = false;
  found_.id = {};
  if (const json::value* id = member(event, "id"); id && !id->is_null()) {
    const json::string* text = id->if_string();
    if (!text) return refuse("id", "expected a text", "type_error");
    found_.id = view(*text);
    if (found_.id.size() > longest_object_id) return refuse("id", "expected at most 128 bytes", "value_error");
  }
  return read_camera_id(member(event, "camera_id")) && read_timestamp(member(event, "timestamp"), "timestamp") &&
         read_texts(member(event, "objects"), "objects", found_.objects) &&
         read_texts(member(event, "zones"), "zones", found_.zones);
}

bool event_reader::read_envelope(const json::object& event) {
  const json::value* type = member(event, "type");
  if (!type) return refuse("type", "required", "missing");
  const json::string* word = type->if_string();
  if (!word || (*word != "new" && *word != "update" && *word != "end")) {
    return refuse("type", "expected new, update or end", "value_error");
  }
  const json::value* after = member(event, "after");
  if (!after) return refuse("after", "required", "missing");
  const json::object* object = after->if_object();
  if (!object) return refuse("after", "expected an object", "type_error");
  in_after_ = true;
  return read_tracked(*object);
}

bool event_reader::read_tracked(const json::object& object) {
  const auto text = [&](std::string_view name, std::string_view& into) {
    const json::value* found = member(object, name);
    if (!found) return refuse(name, "required", "missing");
    const json::string* value = found->if_string();
    if (!value || value->empty()) return refuse(name, "expected a text", "type_error");
    into = view(*value);
    return true;
  };
  found_.objects.assign(1, {});
  found_.tracked = true;
  found_.camera_is_number = false;
  if (!text("id", found_.id) || !text("camera", found_.camera) || !text("label", found_.objects.front())) return false;
  if (found_.id.size() > longest_object_id) return refuse("id", "expected at most 128 bytes", "value_error");
  if (found_.objects.front().size() > longest_text) {
    return refuse("label", "expected at most 128 bytes", "value_error");
  }
  if (!is_camera_id(found_.camera)) {
    return refuse("camera", "expected 1 to 64 of A-Z a-z 0-9 _ . -", "value_error");
  }
  const json::value* seen = member(object, "frame_time");
  const bool by_frame = seen && seen->is_number();
  if (!read_timestamp(by_frame ? seen : member(object, "start_time"), by_frame ? "frame_time" : "start_time")) {
    return false;
  }
  found_.false_positive = flag(object, "false_positive");
  found_.stationary = flag(object, "stationary");
  found_.zones.clear();
  const json::value* zones = member(object, "current_zones");
  if (const json::array* list = zones ? zones->if_array() : nullptr) {
    for (const json::value& zone : *list) {
      if (const json::string* name = zone.if_string()) found_.zones.push_back(view(*name));
    }
  }
  return true;
}

bool event_reader::read_camera_id(const json::value* id) {
  if (!id) return refuse("camera_id", "required", "missing");
  found_.camera_is_number = id->is_int64() || id->is_uint64();
  if (found_.camera_is_number) {
    camera_text_ = id->is_int64() ? std::to_string(id->get_int64()) : std::to_string(id->get_uint64());
    found_.camera = camera_text_;
    return true;
  }
  const json::string* text = id->if_string();
  if (!text) return refuse("camera_id", "expected an integer or a text", "type_error");
  found_.camera = view(*text);
  return is_camera_id(found_.camera) || refuse("camera_id", "expected 1 to 64 of A-Z a-z 0-9 _ . -", "value_error");
}

bool event_reader::read_timestamp(const json::value* timestamp, std::string_view name) {
  if (!timestamp) return refuse(name, "required", "missing");
  if (const json::string* text = timestamp->if_string()) {
    const auto reading = text->size() <= longest_timestamp ? parse_timestamp(view(*text)) : std::nullopt;
    if (!reading) return refuse(name, "expected ISO 8601, as 2024-01-01T12:00:00", "value_error");
    found_.timestamp = view(*text);
    if (reading->utc_offset) {
      set_time(moment(reading->wall.time_since_epoch()) - *reading->utc_offset);
    } else {
      const auto day = std::chrono::floor<std::chrono::days>(reading->wall);
      found_.clock = std::chrono::floor<minutes>(reading->wall - day);
      const moment as_if_utc(reading->wall.time_since_epoch());
      found_.time = as_if_utc - offset_at(as_if_utc);
    }
    return true;
  }
  if (!timestamp->is_number()) return refuse(name, "expected ISO 8601 or Unix seconds", "type_error");
  const auto seconds = timestamp->to_number<double>();
  if (!(seconds >= 0 && seconds <= latest_second)) {
    return refuse(name, "expected Unix seconds, not milliseconds", "value_error");
  }
  set_time(moment(milliseconds(std::llround(seconds * 1000))));
  timestamp_text_ = to_iso(found_.time);
  found_.timestamp = timestamp_text_;
  return true;
}

bool event_reader::read_texts(const json::value* list, std::string_view name, std::vector<std::string_view>& into) {
  into.clear();
  if (!list) return true;
  const json::array* values = list->if_array();
  if (!values) return refuse(name, "expected a list of texts", "type_error");
  if (values->size() > most_texts) return refuse(name, "expected at most 64 texts", "value_error");
  for (const json::value& value : *values) {
    const json::string* text = value.if_string();
    if (!text) return refuse_element(name, into.size(), "expected a text");
    if (text->size() > longest_text) return refuse_element(name, into.size(), "expected at most 128 bytes");
    into.push_back(view(*text));
  }
  return true;
}

void event_reader::set_time(moment utc) {
  found_.time = utc;
  const moment wall = utc + offset_at(utc);
  found_.clock = std::chrono::floor<minutes>(wall - std::chrono::floor<std::chrono::days>(wall));
}

minutes event_reader::offset_at(moment time) const { return utc_offset_ ? *utc_offset_ : system_utc_offset(time); }

json::array event_reader::place_of(std::string_view member) const {
  json::array place;
  if (in_after_) place.emplace_back("after");
  if (!member.empty()) place.emplace_back(key(member));
  return place;
}

bool event_reader::refuse(std::string_view member, std::string_view message, std::string_view type) {
  problem_ = {place_of(member), std::string(message), std::string(type)};
  return false;
}

bool event_reader::refuse_element(std::string_view member, std::size_t index, std::string_view message) {
  refuse(member, message, "type_error");
  problem_.place.emplace_back(index);
  return false;
}

}  // namespace hub
