// SPDX-License-Identifier: MIT
#include "redstart/detail/outbox.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/recycling_allocator.hpp>

#include <algorithm>
#include <memory>

namespace redstart::detail {

namespace {

struct parcel {
  asio::any_io_executor to;
  letter_list letters;

  void open() noexcept {
    while (letter* each = letters.pop_front()) each->open(to);
  }
};

}  // namespace

void outbox::add(const asio::any_io_executor& to, letter& one, const asio::any_io_executor& home) noexcept {
  auto place = std::find_if(bags_.begin(), bags_.end(), [&](const bag& each) { return each.to == to; });
  if (place == bags_.end()) {
    if (bags_.size() == most_executors) send();
    place = bags_.insert(bags_.end(), bag{to, asio::prefer(to, asio::execution::outstanding_work.tracked), home, {}});
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
    while (letter* each = full.letters.pop_front()) each->send(full.to, full.home);
  }
}

}  // namespace redstart::detail
