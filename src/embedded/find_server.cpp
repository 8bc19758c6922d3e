// SPDX-License-Identifier: MIT
#include "embedded/find_server.hpp"

#include "redstart/error.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

namespace redstart::embedded {
namespace {

namespace fs = std::filesystem;

constexpr const char* advice = "install one (Debian: apt-get install redis-server) or set REDSTART_SERVER to its path";

std::string variable(const environment& lookup, const char* name) {
  const char* value = lookup(name);
  return value == nullptr ? "" : value;
}

bool is_program(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) && ::access(file.c_str(), X_OK) == 0;
}

std::optional<std::string> find_on_path(std::string_view name, std::string_view folders) {
  while (!folders.empty()) {
    const auto end = folders.find(':');
    const fs::path file = fs::path(folders.substr(0, end)) / name;
    // An empty entry of PATH means the current folder; a server is not taken from there by accident.
    if (end != 0 && is_program(file)) {
      return fs::absolute(file).string();
    }
    folders.remove_prefix(end == std::string_view::npos ? folders.size() : end + 1);
  }
  return std::nullopt;
}

std::string check_given(const std::string& given, const std::string& path) {
  const std::string what = "REDSTART_SERVER \"" + given + "\": ";
  if (given.find('/') == std::string::npos) {
    if (auto found = find_on_path(given, path)) {
      return *found;
    }
    throw config_error(what + "no such program on PATH; " + advice);
  }
  std::error_code ignored;
  if (!fs::exists(given, ignored)) {
    throw config_error(what + "there is no such file; " + advice);
  }
  if (!is_program(given)) {
    throw config_error(what + "this is not an executable file; " + advice);
  }
  return fs::absolute(given).string();
}

}  // namespace

std::string find_server(const environment& lookup) {
  const std::string path = variable(lookup, "PATH");
  if (const std::string given = variable(lookup, "REDSTART_SERVER"); !given.empty()) {
    return check_given(given, path);
  }
  for (const char* name : {"redis-server", "valkey-server"}) {
    if (auto found = find_on_path(name, path)) {
      return *found;
    }
  }
  throw config_error(std::string("embedded: found neither redis-server nor valkey-server on PATH; ") + advice);
}

std::string find_server() {
  return find_server([](const char* name) -> const char* { return std::getenv(name); });
}

}  // namespace redstart::embedded
