// SPDX-License-Identifier: MIT
#include "redstart/reply.hpp"

#include "resp/double_text.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <system_error>

namespace redstart {
namespace {

constexpr reply_node null_node{};

// The first of the attributes that stand in a row before the node, or the node itself.
const reply_node* first_attribute(const reply_node* node) noexcept {
  while (node->attributes != 0) node -= node->attributes;
  return node;
}

// Kinds and numbers of children, in pre-order, fix the structure: extents and attributes follow from them.
bool same_node(reply_view left, reply_view right) noexcept {
  return left.kind() == right.kind() && left.size() == right.size() && left.integer() == right.integer() &&
         left.text() == right.text();
}

}  // namespace

double reply_view::number() const noexcept {
  double value = std::numeric_limits<double>::quiet_NaN();
  // On failure the value stays NaN, whatever the reason.
  (void)resp::parse_double(text(), value);
  return value;
}

reply_view reply_view::operator[](std::size_t index) const noexcept {
  assert(index < size());
  iterator child = begin();
  while (index-- > 0) ++child;
  return *child;
}

reply_view reply_view::attributes() const noexcept {
  if (node_->attributes == 0) return {&null_node, base_};
  return {node_ - node_->attributes, base_};
}

reply_view::iterator::iterator(const reply_node* node, const char* base, std::size_t left) noexcept
    : node_(node), base_(base), left_(left) {
  skip_attributes();
}

reply_view::iterator& reply_view::iterator::operator++() noexcept {
  node_ += node_->extent;
  --left_;
  skip_attributes();
  return *this;
}

reply_view::iterator reply_view::iterator::operator++(int) noexcept {
  const iterator before = *this;
  ++*this;
  return before;
}

void reply_view::iterator::skip_attributes() noexcept {
  // Behind the last child there may be no node to look at.
  if (left_ == 0) return;
  while (node_->kind == reply_kind::attribute) node_ += node_->extent;
}

reply::reply() : nodes_(1) {}

reply::reply(reply_view view) {
  const reply_node* const first = first_attribute(view.nodes());
  nodes_.assign(first, view.nodes() + view.nodes()->extent);
  root_ = static_cast<std::size_t>(view.nodes() - first);

  std::size_t bytes = 0;
  for (const reply_node& node : nodes_) bytes += reply_view(&node, view.base()).text().size();
  bytes_.reserve(bytes);
  for (reply_node& node : nodes_) {
    const reply_view original(&node, view.base());
    if (!original.has_text()) continue;
    const std::string_view text = original.text();
    node.offset = bytes_.size();
    bytes_.append(text);
  }
}

bool operator==(const reply& left, const reply& right) noexcept {
  if (left.nodes_.size() != right.nodes_.size()) return false;
  for (std::size_t i = 0; i < left.nodes_.size(); ++i) {
    if (!same_node({&left.nodes_[i], left.bytes_.data()}, {&right.nodes_[i], right.bytes_.data()})) return false;
  }
  return true;
}

}  // namespace redstart
