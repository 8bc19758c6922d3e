// SPDX-License-Identifier: MIT
// Several commands as one operation.
#pragma once

#include "redstart/codec.hpp"
#include "redstart/detail/request.hpp"

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <deque>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace redstart {

/// Marks a range as several elements rather than one value: `add_to_queue("detections", redstart::each(batch))`,
/// `exec("DEL", redstart::each(keys))`.
template <std::ranges::input_range Range>
struct each {
  explicit each(const Range& values) : range(values) {}
  const Range& range;
};

namespace detail {

template <class T>
inline constexpr bool is_each = false;
template <class Range>
inline constexpr bool is_each<each<Range>> = true;

/// Adds a command whose repeatability the command table knows. Throws `error` for commands that may not share a
/// connection or that block.
void add_command(request& to, std::span<const std::string_view> args);

/// One argument of a command as bytes: texts as they are, numbers in decimal, anything else as `codec` writes it.
class argument {
 public:
  template <class T>
  explicit argument(const T& value) {
    if constexpr (std::integral<T> && !std::same_as<T, bool>) {
      const auto end = std::to_chars(digits_.data(), digits_.data() + digits_.size(), value).ptr;
      view_ = {digits_.data(), static_cast<std::size_t>(end - digits_.data())};
    } else {
      view_ = encode_value(value, scratch_);
    }
  }
  argument(const argument&) = delete;
  argument& operator=(const argument&) = delete;
  [[nodiscard]] std::string_view view() const noexcept { return view_; }
  /// From here on the value need not live any longer.
  void keep() { view_ = scratch_.assign(view_); }

 private:
  std::array<char, 24> digits_;
  std::string scratch_;
  std::string_view view_;
};

/// Calls `f` with the bytes of all arguments, valid during the call.
template <class F, class... Args>
decltype(auto) with_arguments(F&& f, const Args&... args) {
  if constexpr ((is_each<Args> || ...)) {
    std::deque<argument> texts;  // arguments do not move
    const auto add = [&texts]<class T>(const T& arg) {
      if constexpr (is_each<T>) {
        for (auto&& element : arg.range) {
          texts.emplace_back(std::as_const(element));
          // What the range makes as it goes along is gone after this round.
          if constexpr (!std::is_lvalue_reference_v<decltype(element)>) texts.back().keep();
        }
      } else {
        texts.emplace_back(arg);
      }
    };
    (add(args), ...);
    std::vector<std::string_view> views;
    views.reserve(texts.size());
    for (const argument& text : texts) views.push_back(text.view());
    return std::forward<F>(f)(std::span<const std::string_view>(views));
  } else {
    const argument texts[] = {argument(args)...};
    std::array<std::string_view, sizeof...(Args)> views;
    for (std::size_t i = 0; i < sizeof...(Args); ++i) views[i] = texts[i].view();
    return std::forward<F>(f)(std::span<const std::string_view>(views));
  }
}

}  // namespace detail

/// Commands that are sent together and answered together, in one round trip and in order. Other clients' commands may
/// run in between; each command succeeds or fails on its own.
///
///   redstart::pipeline batch;
///   batch.add("INCR", "visits").add("EXPIRE", "visits", 60);
///   std::vector<redstart::reply> replies = co_await redis.exec(std::move(batch));
class pipeline {
 public:
  /// Adds a command: its name and arguments, encoded now. Texts are sent as they are, numbers in decimal, other values
  /// as `codec` writes them. Throws `error` for commands that block or change the connection.
  template <class... Args>
  pipeline& add(std::string_view command, const Args&... args) {
    detail::with_arguments([this](auto all) { detail::add_command(request_, all); }, command, args...);
    return *this;
  }

  /// How many commands were added.
  [[nodiscard]] std::size_t size() const noexcept { return request_.replies(); }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

 private:
  friend class commands;
  detail::request request_;
};

/// Commands that Redis runs together, nothing in between: MULTI, the commands, EXEC. When one of them is refused as it
/// is queued (an unknown name, wrong arguments) none runs.
class transaction {
 public:
  transaction() { request_.add(std::array<std::string_view, 1>{"MULTI"}, false); }
  /// As `pipeline::add`.
  template <class... Args>
  transaction& add(std::string_view command, const Args&... args) {
    detail::with_arguments([this](auto all) { detail::add_command(request_, all); }, command, args...);
    return *this;
  }

  [[nodiscard]] std::size_t size() const noexcept { return request_.replies() - 1; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

 private:
  friend class commands;
  friend class session;
  detail::request request_;
};

}  // namespace redstart
