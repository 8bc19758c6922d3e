// SPDX-License-Identifier: MIT
#include "alert_text.hpp"

#include "json_text.hpp"

#include <boost/json/parser.hpp>

#include <algorithm>
#include <vector>

namespace hub {

namespace {

constexpr std::size_t most_named = 4;
constexpr std::size_t most_payload = 64 * 1024;

void write_camera(object_writer& to, const detection& seen) {
  if (seen.camera_is_number) {
    to.raw("camera_id", seen.camera);
  } else {
    to.text("camera_id", seen.camera);
  }
}

// `person, dog and car`; more than a few are counted.
std::string name_objects(const detection& seen) {
  std::vector<std::string_view> names;
  for (const std::string_view object : seen.objects) {
    if (std::ranges::find(names, object) == names.end()) names.push_back(object);
  }
  if (names.empty()) return "motion";
  const std::size_t shown = std::min(names.size(), most_named);
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  if (shown < names.size()) text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

std::vector<std::string> name_reasons(const assessment& risk) {
  std::vector<std::string> texts;
  for (const reason& held : risk.reasons) {
    std::string& text = texts.emplace_back(held.what);
    text += held.points < 0 ? " " : " +";
    text += std::to_string(held.points);
  }
  return texts;
}

bool is_json_text(std::string_view quoted) {
  json::parser parser;
  boost::system::error_code failure;
  parser.write(quoted.data(), quoted.size(), failure);
  return !failure;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4];
    text += digits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

}  // namespace

std::string describe(const detection& seen, const assessment& risk) {
  std::string text = name_objects(seen);
  text += seen.camera_is_number ? " at camera " : " at ";
  text += seen.camera;
  if (!risk.zone.empty()) (text += " in ") += risk.zone;
  if (risk.at_night) text += " at night";
  if (risk.repeated) text += ", seen repeatedly";
  return text;
}

std::string alert_text(const detection& seen, const assessment& risk, std::string_view id) {
  std::string text;
  text.reserve(384);
  object_writer to(text);
  to.text("type", "risk_alert").text("id", id).number("risk_score", risk.score);
  to.text("severity", to_string(risk.level));
  write_camera(to, seen);
  to.text("message", describe(seen, risk)).text("timestamp", seen.timestamp).texts("objects", seen.objects);
  to.texts("reasons", name_reasons(risk));
  if (seen.id.empty()) {
    to.raw("event_id", "null");
  } else {
    to.text("event_id", seen.id);
  }
  to.end();
  return text;
}

void latest_text(std::string& into, const detection& seen, const assessment& risk) {
  into.clear();
  object_writer to(into);
  write_camera(to, seen);
  to.text("timestamp", seen.timestamp).texts("objects", seen.objects).number("risk_score", risk.score);
  to.text("severity", to_string(risk.level)).end();
}

std::string unreadable_text(std::string_view payload, std::string_view problem) {
  const std::string_view kept = beginning(payload, most_payload);
  std::string quoted;
  append_quoted(quoted, kept);
  std::string text;
  object_writer to(text);
  if (is_json_text(quoted)) {
    to.raw("payload", quoted);
  } else {
    to.text("payload_hex", to_hex(kept));
  }
  if (kept.size() < payload.size()) to.number("payload_bytes", payload.size());
  to.text("problem", problem).end();
  return text;
}

}  // namespace hub
