// SPDX-License-Identifier: MIT
// A map with a bound: a new key takes the place of the one that was not used for the longest time.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace hub {

template <class Value>
class lru_map {
 public:
  explicit lru_map(std::size_t capacity) : capacity_(capacity) {}

  /// The value of a key, which counts as used. Null when there is none.
  Value* find(std::string_view key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }

  /// The value of a key, made when there is none.
  Value& operator[](std::string_view key) {
    if (Value* known = find(key)) return *known;
    if (entries_.size() >= capacity_ && !entries_.empty()) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(std::string(key), Value{});
    index_.emplace(entries_.front().first, entries_.begin());
    return entries_.front().second;
  }

  void clear() {
    index_.clear();
    entries_.clear();
  }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  using entries = std::list<std::pair<const std::string, Value>>;

  std::size_t capacity_;
  entries entries_;                                                         // the last one used first
  std::unordered_map<std::string_view, typename entries::iterator> index_;  // its keys lie in the entries
};

}  // namespace hub
