// SPDX-License-Identifier: MIT
#include "redstart/detail/outbox.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/recycling_allocator.hpp>

#include <algorithm>
#include <chrono>
#include <memory>

namespace redstart::detail {

namespace {

// Handlers of a thread pool that take longer than this in all are left to its other threads.
constexpr std::chrono::microseconds together{200};

struct parcel {
  asio::any_io_executor to;
  letter_list letters;

  void open() noexcept {
    const auto begin = std::chrono::steady_clock::now();
    while (letter* each = letters.pop_front()) {
      each->open(to);
      if (letters.size() == 0 || std::chrono::steady_clock::now() - begin < together) continue;
      while (letter* rest = letters.pop_front()) rest->send(to, completion_site::caller);
    }
  }
};

}  // namespace

void outbox::add(const asio::any_io_executor& to, letter& one) noexcept {
  auto place = std::find_if(bags_.begin(), bags_.end(), [&](const bag& each) { return each.to == to; });
  if (place == bags_.end()) {
    if (bags_.size() == most_executors) send();
    place = bags_.insert(bags_.end(), bag{to, {}});
  }
  place->letters.push_back(one);
  if (place->letters.size() == enough) send(*place);
}

void outbox::send() noexcept {
  for (bag& each : bags_) send(each);
  bags_.clear();
}

void outbox::send(bag& full) noexcept {
  if (full.letters.size() == 0) return;
  std::shared_ptr<parcel> sent;
  try {
    sent = std::allocate_shared<parcel>(asio::recycling_allocator<parcel>());
    sent->to = full.to;
    sent->letters = std::move(full.letters);
    asio::dispatch(full.to, [sent] { sent->open(); });
  } catch (...) {
    // Asio destroys what it has no memory for; the letters are still there, and each has its own way to be told.
    if (sent) full.letters = std::move(sent->letters);
    while (letter* each = full.letters.pop_front()) each->send(full.to, completion_site::loop);
  }
}

}  // namespace redstart::detail
