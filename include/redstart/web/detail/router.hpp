// SPDX-License-Identifier: MIT
// Which route a path means.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace redstart::web::detail {

// A tree over the segments of paths. Patterns are paths whose segments may be `{name}`, any one segment, or, at the
// end, `{name...}`: all that remain, none included. Where several fit, the text that is written out wins, segment by
// segment.
class router {
 public:
  struct match {
    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    std::size_t place = none;                                            // what `add` returned
    std::vector<std::pair<std::string_view, std::string>> parameters{};  // named by the pattern's own text
  };

  // The number of the pattern's place: the same one for the same pattern. Throws `config_error` for a pattern that
  // is none, or whose parameters have other names than those of a pattern that matches the same paths.
  std::size_t add(std::string_view pattern);

  [[nodiscard]] match find(const std::vector<std::string>& segments) const;

 private:
  struct node {
    std::map<std::string, std::unique_ptr<node>, std::less<>> fixed;
    std::string parameter_name;
    std::unique_ptr<node> parameter;
    std::string rest_name;
    std::size_t rest = match::none;
    std::size_t place = match::none;
  };

  static bool walk(const node& from, const std::vector<std::string>& segments, std::size_t index, match& found);

  node root_;
  std::size_t places_ = 0;
};

}  // namespace redstart::web::detail
