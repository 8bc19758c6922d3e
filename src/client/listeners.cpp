// SPDX-License-Identifier: MIT
#include "client/listeners.hpp"

#include <algorithm>
#include <utility>

namespace redstart::detail {

void listener_index::add(const std::shared_ptr<listener>& added) {
  try {
    listeners_.emplace(added->state.get(), added);
    for (const core::subscription_kind kind : subscription_kinds) {
      by_name& names = names_[static_cast<std::size_t>(kind)];
      for (const std::string& name : added->names_of(kind)) names[name].push_back(added);
    }
  } catch (...) {
    remove(*added);
    throw;
  }
}

void listener_index::remove(const listener& removed) noexcept {
  const auto found = listeners_.find(removed.state.get());
  if (found == listeners_.end()) return;
  const std::shared_ptr<listener> kept = std::move(found->second);  // `removed` may live by it alone
  listeners_.erase(found);
  for (const core::subscription_kind kind : subscription_kinds) {
    for (const std::string& name : kept->names_of(kind)) remove_name(kind, name, *kept);
  }
}

void listener_index::remove_name(core::subscription_kind kind, std::string_view name, const listener& from) noexcept {
  by_name& names = names_[static_cast<std::size_t>(kind)];
  const auto found = names.find(name);
  if (found == names.end()) return;
  holder_list& holders = found->second;
  const auto place = std::ranges::find(holders, &from, [](const auto& holder) { return holder.get(); });
  if (place != holders.end()) {
    // The order of listeners means nothing.
    std::swap(*place, holders.back());
    holders.pop_back();
  }
  if (holders.empty()) names.erase(found);
}

const listener_index::holder_list& listener_index::holders(core::subscription_kind kind,
                                                           std::string_view name) const noexcept {
  static const holder_list nobody;
  const auto place = static_cast<std::size_t>(kind);
  if (place >= names_.size()) return nobody;
  const auto found = names_[place].find(name);
  return found == names_[place].end() ? nobody : found->second;
}

std::shared_ptr<listener> listener_index::find(const subscription_state* state) const noexcept {
  const auto found = listeners_.find(state);
  return found == listeners_.end() ? nullptr : found->second;
}

}  // namespace redstart::detail
