// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <CLI/CLI.hpp>

#include <cctype>
#include <charconv>
#include <cstdlib>
#include <iostream>

namespace hub {

namespace {

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

// An option in seconds, fractions allowed, for a duration.
void add_seconds(CLI::App& to, const std::string& name, std::chrono::milliseconds& into, const std::string& what) {
  to.add_option_function<double>(
        name, [&into](double seconds) { into = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)); },
        what + " (seconds, default " + std::to_string(into.count() / 1000) + ")")
      ->check(CLI::Range(0.001, 1e9))
      ->type_name("SECONDS");
}

void add_hub(CLI::App& to, settings& hub) {
  constexpr const char* group = "Events and cameras";
  to.add_option("--workers", hub.workers, "batches worked on at a time; 0 only takes events in")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000))
      ->group(group);
  to.add_option("--batch", hub.batch_size, "events taken from the queue at once, at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000))
      ->group(group);
  to.add_option("--alert-threshold", hub.alert_threshold, "scores from here on are alerts")
      ->capture_default_str()
      ->check(CLI::Range(0, 101))
      ->group(group);
  to.add_option("--zones", hub.watched_zones, "zones where nobody should stand unasked")
      ->delimiter(',')
      ->capture_default_str()
      ->group(group);
  to.add_option("--night-from", hub.night_from, "the hour at which night begins")
      ->capture_default_str()
      ->check(CLI::Range(0, 23))
      ->group(group);
  to.add_option("--night-until", hub.night_until, "the hour at which it ends")
      ->capture_default_str()
      ->check(CLI::Range(0, 23))
      ->group(group);
  add_seconds(to, "--camera-ttl", hub.camera_ttl, "a camera that is silent for so long is offline");
  add_seconds(to, "--camera-forget", hub.forget_after, "a camera that was not seen for so long is forgotten");
  to.add_option("--max-cameras", hub.max_cameras, "cameras that are listed; new ones beyond are not")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000))
      ->group(group);
  add_seconds(to, "--batch-wait", hub.batch_wait, "how long a worker waits for events before it asks again");
}

void add_server(CLI::App& to, options& into) {
  constexpr const char* group = "HTTP";
  redstart::web::server_config& server = into.server;
  to.add_option("--token", into.token, "what writing requests must send as a bearer token")->group(group);
  to.add_option("--origin", server.allowed_origins, "pages that may use the hub, beside its own; * for all")
      ->group(group);
  // Said here, in the words of the command line, and before anything is started.
  to.add_option("--max-body", server.max_body_bytes, "bytes of a request's body")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->group(group);
  to.add_option("--max-connections", server.max_connections, "connections at a time")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->group(group);
  to.add_option("--max-connections-per-peer", server.max_connections_per_peer, "and of one address")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->group(group);
  to.add_option("--rate", server.max_requests_per_second, "requests a second of one address; 0: no bound")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->group(group);
  CLI::Option* certificate = to.add_option("--tls-certificate", server.tls_certificate_file, "a PEM file, for HTTPS");
  CLI::Option* key = to.add_option("--tls-key", server.tls_key_file, "its key");
  certificate->needs(key)->group(group);
  key->needs(certificate)->group(group);
  certificate->excludes(to.get_option("--simulate"));  // its cameras speak plain HTTP
}

}  // namespace

bool parse_listen(std::string_view text, redstart::web::server_config& into) {
  const std::size_t colon = text.rfind(':');
  std::string_view host = colon == std::string_view::npos ? std::string_view() : text.substr(0, colon);
  const std::string_view port = colon == std::string_view::npos ? text : text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), into.port);
  if (problem != std::errc() || end != port.data() + port.size()) return false;
  if (!host.empty()) into.address = host;
  return true;
}

namespace {

void add_serve(CLI::App& to, options& read) {
  to.add_option_function<std::string>(
        "--listen",
        [&read](const std::string& text) {
          if (!parse_listen(text, read.server)) throw CLI::ValidationError("--listen", "expected HOST:PORT");
        },
        "where to listen (default 127.0.0.1:8080, or the port in PORT); port 0: any that is free")
      ->type_name("HOST:PORT");
  to.add_option("--redis", read.redis_url, "Redis's URL (REDIS_URL; without one a private server, embedded:)")
      ->type_name("URL");
  to.add_option("--log-level", read.log_level, "what to log")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  to.add_option("--log-format", read.log_format, "lines for people, or a JSON object a line")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "json"}));
  to.add_option("--simulate", read.simulate, "so many cameras that do not exist send events to the hub")
      ->check(CLI::Range(0, 1000))
      ->type_name("CAMERAS");
  add_hub(to, read.hub);
  add_server(to, read);
}

// Each option has a variable too: REDSTART_HUB_CAMERA_TTL for --camera-ttl. The command line wins over the variable,
// and that over the file.
void name_variables(CLI::App& program) {
  for (CLI::Option* option : program.get_options()) {
    if (option->get_lnames().empty() || option->get_name() == "--help" || option->get_name() == "--config") continue;
    if (!option->get_envname().empty()) continue;
    std::string name = "REDSTART_HUB_";
    for (const char c : option->get_lnames().front()) {
      name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    option->envname(name);
  }
}

void add_replay(CLI::App& program, options& read) {
  CLI::App* to = program.add_subcommand("replay", "send a recording to running hubs, and account for every event");
  to->add_option("recording", read.recording, "a file of JSON lines; - for the standard input")->required();
  to->add_option("--to", read.replaying.hubs, "the hubs' URLs (default http://127.0.0.1:8080); they share one Redis");
  to->add_option("--token", read.token, "what the hubs want as a bearer token")->envname("REDSTART_HUB_TOKEN");
  to->add_option("--speed", read.replaying.speed, "2 is twice as fast as recorded; 0 as fast as the hubs answer")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  to->add_option("--connections", read.replaying.connections, "to each hub")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  to->add_flag("--now", read.replaying.present_time, "events happen now rather than when they were recorded");
  to->callback([&read] { read.what = command::replay; });
}

void add_simulate(CLI::App& program, options& read) {
  CLI::App* to = program.add_subcommand("simulate", "write a recording of cameras that do not exist");
  to->add_option("--seed", read.seed, "the same seed, the same evening")->capture_default_str();
  to->add_option_function<double>(
        "--length", [&read](double seconds) { read.length = std::chrono::seconds(static_cast<std::int64_t>(seconds)); },
        "seconds (default 60)")
      ->check(CLI::Range(1, 86'400));
  to->add_option("--cameras", read.cameras, "how many")->capture_default_str()->check(CLI::Range(1, 1000));
  to->callback([&read] { read.what = command::simulate; });
}

}  // namespace

std::optional<options> parse_options(int count, const char* const* words, int& exit_code) {
  options read;
  read.redis_url = environment("REDIS_URL", "embedded:");
  const std::string port = environment("PORT", "");
  if (!port.empty() && !parse_listen(port, read.server)) {
    std::cerr << "PORT is \"" << port << "\", which is no port\n";
    exit_code = EXIT_FAILURE;
    return std::nullopt;
  }
  CLI::App program("The hub of a home security system: takes events of cameras, scores them, sends alerts.",
                   "redstart-hub");
  add_serve(program, read);
  add_replay(program, read);
  add_simulate(program, read);
  program.add_subcommand("serve", "run the hub; what is done when nothing else is said")->fallthrough();
  program.require_subcommand(0, 1);
  program.set_config("--config", "", "a file of these options, one a line: camera-ttl = 60");
  name_variables(program);
  try {
    program.parse(count, words);
  } catch (const CLI::ParseError& problem) {
    exit_code = program.exit(problem);
    return std::nullopt;
  }
  if (read.replaying.hubs.empty()) read.replaying.hubs.emplace_back("http://127.0.0.1:8080");
  read.replaying.token = read.token;
  return read;
}

}  // namespace hub
