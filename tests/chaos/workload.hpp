// SPDX-License-Identifier: MIT
// Operations whose results give them away: values name their keys, effects are counted on both sides.
#pragma once

#include "chaos/context.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace redstart::chaos {

inline constexpr std::uint64_t keys = 64;

/// What belongs to `key`, recognisable as such, and as damaged when one byte of it is.
std::string value_of(const std::string& key);
enum class verdict : std::uint8_t {
  right,
  damaged,  ///< nobody's value
  foreign,  ///< another key's value: a reply that reached another operation
};
verdict judge(const std::string& key, const std::string& value);
std::string key_of(std::uint64_t number);

/// Writes the keys that are read, and loads the script.
void fill_keys(test::redis_server& at);

/// One cell's operations of all kinds, and what they came to.
class workload {
 public:
  explicit workload(context& in) : in_(in) {}

  /// One operation of a random kind; `worker` names whose.
  asio::awaitable<void> any(int worker);
  asio::awaitable<void> read();
  asio::awaitable<void> increment();
  asio::awaitable<void> push(int worker);
  /// Two counters and a read in one pipeline.
  asio::awaitable<void> pipelined();
  /// EVALSHA of a script that counts; EVAL when the server has forgotten it.
  asio::awaitable<void> run_script();
  /// INCR of two counters in one transaction.
  asio::awaitable<void> transact();
  /// Adds one to a counter by WATCH, GET, and SET in a transaction, on a leased connection.
  asio::awaitable<void> watch_and_set();

  /// Looks at the server, whose fault is over, and compares. To be called once nothing is under way.
  asio::awaitable<void> verify();
  [[nodiscard]] std::uint64_t answered() const { return answered_; }

 private:
  struct tally {
    std::int64_t acknowledged = 0;
    std::int64_t maybe = 0;
    std::set<std::int64_t> answers{};  ///< no two operations may get the same
  };
  void acknowledge(tally& of, std::int64_t answer, const char* name);
  void note(tally& of, const char* name, const error& how);
  void note_in_pipeline(const reply& answer);
  void note_in_pipeline(const std::string& key, const reply& answer);
  void compare(const tally& of, const std::string& key, const test::answer& found);
  void compare_list(const test::answer& found);

  context& in_;
  std::uint64_t answered_ = 0;
  std::uint64_t damaged_ = 0;
  tally counter_;
  tally scripted_;
  tally batched_;
  tally pair_;
  tally watched_;
  std::uint64_t pushed_ = 0;
  std::set<std::string> on_list_;     // must be there once
  std::set<std::string> maybe_list_;  // once or not at all
};

}  // namespace redstart::chaos
