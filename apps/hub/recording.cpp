// SPDX-License-Identifier: MIT
#include "recording.hpp"

#include "json_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <cstdio>
#include <istream>
#include <stdexcept>

namespace hub {

namespace {

[[noreturn]] void refuse(std::size_t line, const std::string& why) {
  throw std::runtime_error("line " + std::to_string(line) + " of the recording: " + why);
}

shot read_line(const std::string& text, std::size_t line) {
  boost::system::error_code no_json;
  json::value value = json::parse(text, no_json);
  if (no_json || !value.is_object()) refuse(line, "expected a JSON object");
  json::object& object = value.get_object();
  shot read;
  const json::value* at = object.if_contains("at");
  if (at == nullptr) {
    read.body = std::move(object);
    return read;
  }
  if (!at->is_number() || at->to_number<double>() < 0) refuse(line, "\"at\" is not a time in seconds");
  read.at = std::chrono::milliseconds(static_cast<std::int64_t>(at->to_number<double>() * 1000));
  json::value* event = object.if_contains("event");
  json::value* camera = object.if_contains("camera");
  json::value* status = object.if_contains("status");
  if (event != nullptr && event->is_object()) {
    read.body = std::move(event->get_object());
  } else if (camera != nullptr && camera->is_string() && status != nullptr && status->is_object()) {
    read.camera = std::string(camera->get_string());
    read.body = std::move(status->get_object());
  } else {
    refuse(line, "expected \"event\", or \"camera\" and \"status\"");
  }
  return read;
}

double seconds_of(moment time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

}  // namespace

std::vector<shot> read_recording(std::istream& from) {
  std::vector<shot> all;
  std::string text;
  for (std::size_t line = 1; std::getline(from, text); ++line) {
    if (!text.empty()) all.push_back(read_line(text, line));
  }
  return all;
}

std::string to_line(const shot& recorded) {
  // Boost.JSON would write 0.25 as 2.5E-1.
  std::array<char, 32> at;
  const int size = std::snprintf(at.data(), at.size(), "%.3f", std::chrono::duration<double>(recorded.at).count());
  std::string line;
  object_writer writer(line);
  writer.raw("at", {at.data(), static_cast<std::size_t>(size)});
  if (recorded.camera.empty()) {
    writer.raw("event", json::serialize(recorded.body));
  } else {
    writer.text("camera", recorded.camera).raw("status", json::serialize(recorded.body));
  }
  writer.end();
  return line;
}

void set_time(json::object& event, moment now) {
  if (event.contains("timestamp")) event["timestamp"] = to_iso(now);
  for (const char* part : {"before", "after"}) {
    json::value* object = event.if_contains(part);
    if (object == nullptr || !object->is_object()) continue;
    json::object& tracked = object->get_object();
    for (const char* name : {"frame_time", "start_time", "end_time"}) {
      json::value* time = tracked.if_contains(name);
      if (time != nullptr && time->is_number()) *time = seconds_of(now);
    }
  }
}

}  // namespace hub
