// SPDX-License-Identifier: MIT
// A reply of Redis as a value: any RESP2 or RESP3 answer, flat in memory, walked without allocation.
//
// A reply is an array of nodes in pre-order. Each node knows how many nodes its subtree has (`extent`), so that the
// next sibling is found by one addition. Texts are not copied into nodes: a node holds offset and length into the
// bytes that the reply was read from. Example, `*2\r\n:1\r\n$2\r\nhi\r\n` at base b:
//
//   [0] array    extent 3  size 2
//   [1] integer  extent 1  integer 1
//   [2] bulk     extent 1  text b[12, 14)
//
// RESP3 attributes stand before the node they describe, as a node of kind `attribute` with their subtree; views skip
// them while iterating and hand them out through `attributes()`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace redstart {

/// What a node is. Aggregates come last, `array` is the first of them.
enum class reply_kind : std::uint8_t {
  null,           ///< `_`, and RESP2's `$-1` and `*-1`
  simple_string,  ///< `+`
  error,          ///< `-` and `!`
  integer,        ///< `:`
  bulk_string,    ///< `$`
  verbatim,       ///< `=`; the text is without its three-letter format
  boolean,        ///< `#`
  number,         ///< `,` a double
  big_number,     ///< `(`, kept as text
  array,          ///< `*`
  map,            ///< `%`; keys and values alternate, `size` counts both
  set,            ///< `~`
  push,           ///< `>`
  attribute,      ///< `|`; laid out as a map, stands before the node it describes
};

/// One node of a reply. Filled by the reader, read through `reply_view`.
struct reply_node {
  reply_kind kind = reply_kind::null;
  std::uint32_t extent = 1;      ///< nodes of this subtree, this one included
  std::uint32_t attributes = 0;  ///< how many nodes back the attribute that describes this node stands; 0 without any
  std::uint64_t offset = 0;      ///< texts: first byte, counted from the reply's base
  union {
    std::uint64_t size = 0;  ///< texts: bytes. Aggregates: direct children
    std::int64_t integer;    ///< integers; booleans as 0 or 1
  };
};

/// Looks at a reply, or at a part of one, without owning it. Copy freely; valid as long as what it looks at.
class reply_view {
 public:
  reply_view(const reply_node* node, const char* base) noexcept : node_(node), base_(base) {}

  [[nodiscard]] reply_kind kind() const noexcept { return node_->kind; }
  [[nodiscard]] bool is_null() const noexcept { return kind() == reply_kind::null; }
  [[nodiscard]] bool is_error() const noexcept { return kind() == reply_kind::error; }
  /// True for strings of every sort, errors, doubles and big numbers: what has a `text()`.
  [[nodiscard]] bool has_text() const noexcept {
    return kind() == reply_kind::bulk_string || kind() == reply_kind::simple_string || kind() == reply_kind::error ||
           kind() == reply_kind::verbatim || kind() == reply_kind::number || kind() == reply_kind::big_number;
  }
  /// True for arrays, maps, sets, pushes and attributes: what has children.
  [[nodiscard]] bool is_aggregate() const noexcept { return kind() >= reply_kind::array; }

  /// The bytes of a string, an error, a double or a big number; empty for other kinds.
  [[nodiscard]] std::string_view text() const noexcept {
    return has_text() ? std::string_view(base_ + node_->offset, node_->size) : std::string_view();
  }
  /// The value of an integer or a boolean; 0 for other kinds.
  [[nodiscard]] std::int64_t integer() const noexcept {
    return kind() == reply_kind::integer || kind() == reply_kind::boolean ? node_->integer : 0;
  }
  /// The value of a text that spells a double, of whatever kind, because RESP2 sends doubles as bulk strings. NaN when
  /// the text spells none or one that a `double` cannot hold.
  [[nodiscard]] double number() const noexcept;

  /// Direct children of an aggregate (a map counts keys and values), 0 for other kinds.
  [[nodiscard]] std::size_t size() const noexcept { return is_aggregate() ? node_->size : 0; }

  class iterator {
   public:
    using value_type = reply_view;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    iterator() = default;
    iterator(const reply_node* node, const char* base, std::size_t left) noexcept;
    reply_view operator*() const noexcept { return {node_, base_}; }
    iterator& operator++() noexcept;
    iterator operator++(int) noexcept;
    bool operator==(const iterator& other) const noexcept { return left_ == other.left_; }

   private:
    void skip_attributes() noexcept;
    const reply_node* node_ = nullptr;
    const char* base_ = nullptr;
    std::size_t left_ = 0;
  };
  [[nodiscard]] iterator begin() const noexcept { return {node_ + 1, base_, size()}; }
  [[nodiscard]] iterator end() const noexcept { return {nullptr, nullptr, 0}; }
  /// The child at `index`, which must be below `size()`. Linear in `index`.
  [[nodiscard]] reply_view operator[](std::size_t index) const noexcept;

  /// The RESP3 attributes that stand before this node, as a view of kind `attribute`; of kind `null` without any.
  /// Several in a row: the last describes the node, each earlier one is found through the `attributes()` of the next.
  [[nodiscard]] reply_view attributes() const noexcept;

  /// What the nodes of this subtree are: for copying and tests.
  [[nodiscard]] const reply_node* nodes() const noexcept { return node_; }
  [[nodiscard]] const char* base() const noexcept { return base_; }

 private:
  const reply_node* node_;
  const char* base_;
};

/// A reply that owns its bytes. What `exec` completes with when no type is asked for. After it was moved from it may
/// only be assigned to or destroyed.
class reply {
 public:
  reply();
  /// Copies what the view looks at and its attributes: only these nodes and their texts, not the bytes around them.
  explicit reply(reply_view view);

  [[nodiscard]] reply_view view() const noexcept { return {nodes_.data() + root_, bytes_.data()}; }
  // NOLINTNEXTLINE(google-explicit-constructor): a reply is used wherever a view is
  operator reply_view() const noexcept { return view(); }

  [[nodiscard]] reply_kind kind() const noexcept { return view().kind(); }
  [[nodiscard]] bool is_null() const noexcept { return view().is_null(); }
  [[nodiscard]] bool is_error() const noexcept { return view().is_error(); }
  [[nodiscard]] std::string_view text() const noexcept { return view().text(); }
  [[nodiscard]] std::int64_t integer() const noexcept { return view().integer(); }
  [[nodiscard]] std::size_t size() const noexcept { return view().size(); }
  [[nodiscard]] reply_view operator[](std::size_t index) const noexcept { return view()[index]; }
  [[nodiscard]] reply_view::iterator begin() const noexcept { return view().begin(); }
  [[nodiscard]] reply_view::iterator end() const noexcept { return view().end(); }

  /// Equal in structure, kinds and texts.
  friend bool operator==(const reply& left, const reply& right) noexcept;

 private:
  std::vector<reply_node> nodes_;
  std::string bytes_;
  std::size_t root_ = 0;
};

/// Writes a reply as redis-cli would show it, one line a leaf, without a newline at the end: for logs and tests, not
/// for parsing. Bytes that are not printable ASCII are escaped. Aggregates nested deeper than 64 are shown as `(...)`.
std::string to_string(reply_view view);

}  // namespace redstart
