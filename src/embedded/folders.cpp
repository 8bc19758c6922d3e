// SPDX-License-Identifier: MIT
#include "embedded/folders.hpp"

#include "redstart/error.hpp"

#include <sys/file.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace redstart::embedded {
namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;

// sun_path has room for 107 bytes; the temporary folder and the socket add "/redstart-XXXXXX/redis.sock" (28).
constexpr std::size_t longest_base = 107 - 28;

void make_folder(const fs::path& folder) {
  std::error_code failure;
  if (fs::create_directories(folder, failure)) {
    fs::permissions(folder, fs::perms::owner_all, failure);
  }
  if (failure) {
    throw config_error("embedded: cannot make the data folder \"" + folder.string() + "\": " + failure.message());
  }
}

unique_fd open_lock(const fs::path& folder) {
  unique_fd file(::open((folder / "redstart.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) {
    throw config_error("embedded: cannot write to the data folder \"" + folder.string() + "\": " + system_text(errno));
  }
  return file;
}

bool take(int file, std::chrono::milliseconds patience) {
  const auto limit = clock::now() + patience;
  while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (clock::now() >= limit) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

std::string owner_of(int file) {
  std::array<char, 32> text{};
  const auto size = ::pread(file, text.data(), text.size(), 0);
  return size > 0 ? " of process " + std::string(text.data(), static_cast<std::size_t>(size)) : "";
}

void write_owner(int file) {
  const std::string text = std::to_string(::getpid());
  // The number only helps a reader of the error message, so a full disk is no reason to fail.
  if (::ftruncate(file, 0) == 0) {
    [[maybe_unused]] const auto written = ::pwrite(file, text.data(), text.size(), 0);
  }
}

}  // namespace

std::string temporary_base() {
  const char* given = std::getenv("TMPDIR");
  if (given != nullptr && given[0] == '/') {
    std::error_code ignored;
    const fs::path base = given;
    if (base.native().size() <= longest_base && fs::is_directory(base, ignored) && ::access(given, W_OK | X_OK) == 0) {
      return base.string();
    }
  }
  return "/tmp";
}

folder_lock lock_folder(const std::string& folder, std::chrono::milliseconds patience) {
  const fs::path path = fs::absolute(folder);
  make_folder(path);
  unique_fd file = open_lock(path);
  if (!take(file.get(), patience)) {
    throw connection_error("embedded: the data folder \"" + path.string() + "\" is in use by the embedded server" +
                           owner_of(file.get()) + "; end that process or choose another folder");
  }
  write_owner(file.get());
  return {path.string(), std::move(file)};
}

}  // namespace redstart::embedded
