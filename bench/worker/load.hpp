// SPDX-License-Identifier: MIT
// What every worker in C++ has in common: what it is asked to do, how that is measured, and what it says at the end.
// bench/README.md describes the protocol; workers in other languages follow it too.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// WORKER HOST PORT KIND IN_FLIGHT SIZE SECONDS OPERATIONS
struct task {
  std::string host;
  std::string port;
  std::string kind;
  int in_flight = 1;
  std::size_t size = 64;  ///< bytes of a value; for some kinds another number, see bench/harness/cases.py
  double seconds = 1;
  long operations = 0;  ///< when not 0: exactly so many, instead of for a time

  /// Not measured: caches are filled, buffers grow.
  [[nodiscard]] double warm_up() const { return std::max(0.3, 0.3 * seconds); }
};

inline task parse_task(int argc, char** argv) {
  if (argc != 8) throw std::invalid_argument("usage: WORKER HOST PORT KIND IN_FLIGHT SIZE SECONDS OPERATIONS");
  task asked;
  asked.host = argv[1];
  asked.port = argv[2];
  asked.kind = argv[3];
  asked.in_flight = std::stoi(argv[4]);
  asked.size = std::stoul(argv[5]);
  asked.seconds = std::stod(argv[6]);
  asked.operations = std::stol(argv[7]);
  return asked;
}

// --- The workload, the same for every client -------------------------------------------------------------------------

inline constexpr int mget_keys = 100;
inline constexpr int mix_keys = 100'000;

inline std::vector<std::string> numbered_keys(int count) {
  std::vector<std::string> keys;
  for (int i = 0; i < count; ++i) keys.push_back("bench:key:" + std::to_string(i));
  return keys;
}

/// Which key comes next in the mix, and whether it is written. Repeats itself in every run.
class mixer {
 public:
  std::size_t key() { return next() % mix_keys; }
  bool writes() { return next() % 5 == 0; }

 private:
  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ >> 16;
  }
  std::uint64_t state_ = 88172645463325252U;
};

// --- Measuring -------------------------------------------------------------------------------------------------------

inline std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

inline double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// `VmRSS:` or `VmHWM:`. Not from getrusage, which also knows the size of the process that started this one.
inline long memory_kib(std::string_view field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stol(line.substr(field.size()));
  }
  return 0;
}

/// Counts the operations of one thread, and takes the time of some of them.
class meter {
 public:
  explicit meter(const task& asked) : limit_(asked.operations), stride_(asked.in_flight < 16 ? 1 : 17) {}

  /// Whether one more operation shall begin.
  bool more() noexcept { return limit_ != 0 ? begun_++ < limit_ : !stopped_.load(std::memory_order_relaxed); }

  /// Now, or 0 for an operation that is not timed. Asking the clock each time would cost more than some operations do.
  /// The stride is a prime, so that it does not always hit the same places in a batch.
  std::int64_t begin() noexcept {
    if (++since_timed_ < stride_) return 0;
    since_timed_ = 0;
    return now_ns();
  }

  void end(std::int64_t begun) {
    // One thread writes; the one that opens and closes the window reads.
    done_.store(done_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (begun != 0 && timing_.load(std::memory_order_relaxed)) {
      times_.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(now_ns() - begun, UINT32_MAX)));
    }
  }

  void stop() noexcept { stopped_.store(true, std::memory_order_relaxed); }

 private:
  friend class window;
  std::atomic<long> done_ = 0;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> timing_ = false;
  long begun_ = 0;
  long limit_;
  int stride_;
  int since_timed_ = 0;
  std::vector<std::uint32_t> times_;
};

/// The time between `open` and `close`, and what was done and used in it. Operations go on around it, so that neither
/// their beginning nor their end is part of the figures.
class window {
 public:
  explicit window(std::vector<meter*> meters) : meters_(std::move(meters)) {}

  void open() {
    peak_rss_kib_ = operations_ = 0;
    for (meter* each : meters_) {
      operations_ -= each->done_.load(std::memory_order_relaxed);
      each->timing_.store(true, std::memory_order_relaxed);
    }
    cpu_ = -cpu_seconds();
    nanoseconds_ = -now_ns();
  }

  /// Stops the meters, too.
  void close() {
    nanoseconds_ += now_ns();
    cpu_ += cpu_seconds();
    for (meter* each : meters_) {
      operations_ += each->done_.load(std::memory_order_relaxed);
      each->timing_.store(false, std::memory_order_relaxed);
      each->stop();
    }
    peak_rss_kib_ = memory_kib("VmHWM:");
  }

  /// When everything has ended.
  void print(const std::vector<std::pair<std::string, double>>& notes = {}) const {
    std::vector<std::uint32_t> times;
    for (const meter* each : meters_) times.insert(times.end(), each->times_.begin(), each->times_.end());
    std::sort(times.begin(), times.end());
    const auto percentile = [&times](double part) {
      if (times.empty()) return 0.0;
      const auto place = static_cast<std::size_t>(part * static_cast<double>(times.size()));
      return static_cast<double>(times[std::min(place, times.size() - 1)]) / 1e3;
    };
    std::printf(R"({"operations": %ld, "seconds": %.9f, "cpu_seconds": %.6f, "p50_us": %.1f, "p99_us": %.1f, )"
                R"("p999_us": %.1f, "peak_rss_kib": %ld, "notes": {)",
                operations_, static_cast<double>(nanoseconds_) / 1e9, cpu_, percentile(0.5), percentile(0.99),
                percentile(0.999), peak_rss_kib_);
    const char* comma = "";
    for (const auto& [name, value] : notes) {
      std::printf(R"(%s"%s": %.1f)", comma, name.c_str(), value);
      comma = ", ";
    }
    std::printf("}}\n");
  }

 private:
  std::vector<meter*> meters_;
  long operations_ = 0;
  double cpu_ = 0;
  std::int64_t nanoseconds_ = 0;
  long peak_rss_kib_ = 0;
};

}  // namespace bench
