// SPDX-License-Identifier: MIT
// Reads replies, RESP2 and RESP3, from bytes that arrive in pieces of any size.
//
// The reader keeps no bytes. It is shown the same buffer again and again while that grows, remembers how far it has
// understood it, and describes what it found as nodes (see redstart/reply.hpp) that point into the buffer.
//
//   bytes      *2\r\n:1\r\n$2\r\nh|     … and then, grown,    *2\r\n:1\r\n$2\r\nhi\r\n|+OK…
//   read()     need_more, wanted() 16                         complete, consumed() 16
//   nodes      array, integer                                 array, integer, bulk string
//
// It goes from left to right and never back: a reply costs time linear in its size, however it is cut, because what
// became a node is not looked at again and the search for a line's end goes on where it stopped. Only the header of the
// value that is being waited for, 34 bytes at most, is read a second time.
//
// The bytes come from outside and may be anything. What is announced is checked against the limits before it is
// believed, and nothing is reserved for it. Open aggregates stand on a stack of the reader's own, not on the call
// stack.
//
// Streamed strings and aggregates (`$?`, `*?`) are part of the RESP3 document, but no Redis sends them: a violation.
#pragma once

#include "redstart/reply.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace redstart::resp {

/// How much a reply may ask for. Reaching a limit is allowed, passing it is a violation.
struct limits {
  /// Aggregates within aggregates, the outermost counted: 1 allows arrays of scalars. Attributes are a level too.
  std::size_t depth = 32;
  /// Elements of all aggregates of a reply together, as announced; a map counts keys and values, an attribute also
  /// itself. More than 2^32 - 2 count as that many: a node has no room for a longer extent.
  std::size_t elements = 16 * 1024 * 1024;
  /// Bytes of one bulk string, bulk error or verbatim string, as announced.
  std::size_t bulk_bytes = 512 * 1024 * 1024;
};

enum class read_status : std::uint8_t {
  need_more,  ///< the reply goes on behind the end of the data
  complete,   ///< the reply's nodes are all there
  violation,  ///< these bytes are not RESP, or break a limit
};

/// Reads the replies of one connection, one after the other. Not thread-safe. A copy goes on from the same point.
class reader {
 public:
  explicit reader(limits bounds = {});

  /// Goes on reading one reply.
  ///
  /// `data` begins at the reply's first byte; while the answer is `need_more` it may grow and may move, but what it
  /// contained stays. Nodes are appended to `nodes`, with offsets counted from the beginning of `data`; between calls
  /// for the same reply, whoever owns `nodes` may remove others in front of the reply's own, and nothing else.
  ///
  /// After `complete` the next call begins the next reply, whose `data` begins at `consumed()`. After `violation` the
  /// same answer is given until `reset`: where the next reply would begin is unknown, the connection has to be closed.
  /// Allocates only when `nodes` has no spare capacity, or for a reply that nests deeper than 32 and than any before.
  /// When that fails, `std::bad_alloc` passes through and the connection has to be closed as after a violation.
  [[nodiscard]] read_status read(std::string_view data, std::vector<reply_node>& nodes);

  /// After `complete`: how many bytes the reply took.
  [[nodiscard]] std::size_t consumed() const noexcept { return next_; }

  /// After `need_more`: the reply cannot be complete before the data has this many bytes. A lower bound, there to size
  /// the buffer once for a big bulk string. It is announced, not received: who reserves trusts the peer up to
  /// `limits::bulk_bytes`.
  [[nodiscard]] std::size_t wanted() const noexcept { return wanted_; }

  /// After `violation`: what was wrong, as a static text.
  [[nodiscard]] std::string_view violation() const noexcept { return violation_; }

  /// After `complete`: where the reply's root stands, counted from the first node that was appended for it. Not 0 only
  /// when attributes come before it.
  [[nodiscard]] std::size_t root() const noexcept { return root_; }

  /// Forgets the reply that is being read, and a violation. What it appended to the nodes stays there.
  void reset() noexcept;

 private:
  struct open_aggregate {
    std::size_t node;    // counted from the reply's first node
    std::uint64_t left;  // children that have not ended yet, never 0
  };

  void begin() noexcept;
  bool read_whole_bulk(std::string_view data, std::vector<reply_node>& nodes);
  read_status read_item(std::string_view data, std::vector<reply_node>& nodes);
  read_status read_text(reply_kind kind, std::string_view data, std::vector<reply_node>& nodes);
  read_status read_integer(std::string_view data, std::vector<reply_node>& nodes);
  read_status read_boolean(std::string_view data, std::vector<reply_node>& nodes);
  read_status read_null(std::string_view data, std::vector<reply_node>& nodes);
  read_status read_bulk(reply_kind kind, std::string_view data, std::vector<reply_node>& nodes);
  read_status read_aggregate(reply_kind kind, std::string_view data, std::vector<reply_node>& nodes);

  // The two shapes of a line behind its type byte. On `complete`, `after` is the offset behind its CRLF.
  read_status scan_line(std::string_view data, std::size_t longest, std::string_view& line, std::size_t& after);
  read_status scan_integer(std::string_view data, std::int64_t& value, std::size_t& after);

  read_status accept_count(reply_kind kind, std::int64_t count, std::uint64_t& children);
  reply_node& append(reply_kind kind, std::vector<reply_node>& nodes);
  read_status end_value(std::size_t after, std::vector<reply_node>& nodes);
  read_status wait_for(std::size_t bytes) noexcept;
  read_status fail(std::string_view why) noexcept;

  limits limits_;
  std::vector<open_aggregate> open_;
  read_status status_ = read_status::complete;
  std::size_t next_ = 0;       // the type byte of the value to read next; everything before it has become nodes
  std::size_t scanned_ = 0;    // no line end stands before this offset, as far as the current line is concerned
  std::size_t wanted_ = 1;     // with fewer bytes than this, nothing can be read that was not read before
  std::size_t appended_ = 0;   // nodes of this reply
  std::size_t announced_ = 0;  // elements of this reply, counted when announced
  std::size_t attribute_ = 0;  // the attribute that waits for the node it describes, counted from 1; 0: none
  std::size_t root_ = 0;
  std::string_view violation_;
};

}  // namespace redstart::resp
