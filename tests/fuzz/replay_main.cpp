// SPDX-License-Identifier: MIT
// Runs a fuzz target without libFuzzer: on each file of the folders that it is given, then for two seconds on mutations
// of them. They come from a fixed seed, so that a run can be repeated; how many there are depends on the machine.
//
//   fuzz_<name> <file or folder>…
//
// An input that ends the program, or takes a minute, is left in `crash-fuzz_<name>` in the working folder. To see it
// again, give that file.
#include "fuzz/fuzz.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <utility>

// Of the sanitizers' runtime, where there is one: they end a program without a signal.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));  // NOLINT: not our name

namespace {

namespace fs = std::filesystem;
using input = std::vector<std::uint8_t>;

constexpr std::chrono::seconds mutating_time{2};
constexpr unsigned longest_seconds = 60;  // of one input, which takes milliseconds on the busiest machine
constexpr std::size_t longest = 4096;

std::string crash_path;  // NOLINT: the handlers of signals see nothing else
const input* running = nullptr;

// Whatever it calls is safe in a handler of signals.
void keep_input() {
  const input* guilty = std::exchange(running, nullptr);
  if (guilty == nullptr) return;
  const int file = ::open(crash_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return;
  const bool kept = ::write(file, guilty->data(), guilty->size()) == static_cast<ssize_t>(guilty->size());
  ::close(file);
  constexpr std::string_view text = "the input was written to ";
  if (kept && ::write(STDERR_FILENO, text.data(), text.size()) > 0 &&
      ::write(STDERR_FILENO, crash_path.data(), crash_path.size()) > 0) {
    (void)!::write(STDERR_FILENO, "\n", 1);
  }
}

extern "C" void on_signal(int signal) {
  keep_input();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void run(const input& one) {
  running = &one;
  ::alarm(longest_seconds);
  // Exactly its bytes, at an address of their own: who reads behind them is seen.
  const input copy(one);
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
  running = nullptr;
}

void load(const fs::path& from, std::vector<input>& inputs) {
  std::vector<fs::path> files;
  if (fs::is_directory(from)) {
    for (const auto& entry : fs::directory_iterator(from)) files.push_back(entry.path());
    std::ranges::sort(files);
  } else {
    files.push_back(from);
  }
  for (const fs::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", path.c_str());
      std::exit(2);
    }
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
}

class mutator {
 public:
  explicit mutator(const std::vector<input>& seeds) : seeds_(seeds) {}

  input next() {
    input made = any();
    for (std::size_t changes = 1 + below(4); changes != 0; --changes) change(made);
    made.resize(std::min(made.size(), longest));
    return made;
  }

 private:
  using offset = std::ptrdiff_t;

  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : static_cast<std::size_t>(random_() % bound); }
  const input& any() { return seeds_[below(seeds_.size())]; }

  // A byte that means something in one of the formats, or any.
  std::uint8_t byte() {
    constexpr std::string_view telling = "\r\n\t 0123456789-+*$:%~>|_#,(!={}[]\"\\/?&@.";
    return below(4) == 0 ? static_cast<std::uint8_t>(random_())
                         : static_cast<std::uint8_t>(telling[below(telling.size())]);
  }

  // A part of `from`, short more often than long.
  std::pair<offset, offset> part(const input& from) {
    const std::size_t begin = below(from.size() + 1);
    const std::size_t size = below(std::min<std::size_t>(from.size() - begin, std::size_t{1} << below(10)) + 1);
    return {static_cast<offset>(begin), static_cast<offset>(begin + size)};
  }

  void change(input& made) {
    const auto at = static_cast<offset>(below(made.size() + 1));
    const bool inside = static_cast<std::size_t>(at) < made.size();
    switch (below(6)) {
      case 0:
        if (inside) made[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1U << below(8));
        return;
      case 1:
        if (inside) made[static_cast<std::size_t>(at)] = byte();
        return;
      case 2:
        made.insert(made.begin() + at, byte());
        return;
      case 3: {
        const auto [begin, end] = part(made);
        made.erase(made.begin() + begin, made.begin() + end);
        return;
      }
      case 4: {
        const auto [begin, end] = part(made);
        const input copy(made.begin() + begin, made.begin() + end);
        made.insert(made.begin() + at, copy.begin(), copy.end());
        return;
      }
      default: {
        const input& other = any();
        const auto [begin, end] = part(other);
        made.insert(made.begin() + at, other.begin() + begin, other.begin() + end);
      }
    }
  }

  const std::vector<input>& seeds_;
  std::mt19937_64 random_{20240101};
};

}  // namespace

int main(int argc, char** argv) {
  crash_path = "crash-" + fs::path(argv[0]).filename().string();
  for (const int signal : {SIGABRT, SIGALRM}) std::signal(signal, on_signal);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(keep_input);
  } else {
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, on_signal);
  }

  std::vector<input> inputs;
  for (int i = 1; i < argc; ++i) load(argv[i], inputs);
  if (inputs.empty()) {
    std::fprintf(stderr, "usage: %s <file or folder>...\n", argv[0]);
    return 2;
  }
  for (const input& one : inputs) run(one);
  if (argc == 2 && !fs::is_directory(argv[1])) return 0;  // somebody looks at one of them

  const auto end = std::chrono::steady_clock::now() + mutating_time;
  mutator mutations(inputs);
  std::size_t count = 0;
  for (; std::chrono::steady_clock::now() < end; ++count) run(mutations.next());
  std::printf("%zu inputs and %zu mutations of them\n", inputs.size(), count);
}
