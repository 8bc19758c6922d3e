// SPDX-License-Identifier: MIT
// Any bytes, cut anywhere: the same replies, at the same offsets, and the same verdict. The input is what a server
// sent.
#include "core/reply_batch.hpp"
#include "fuzz/fuzz.hpp"
#include "redstart/reply.hpp"
#include "resp/reader.hpp"

#include <cstring>
#include <memory>

namespace redstart::fuzz {
namespace {

struct outcome {
  std::vector<reply> replies;
  std::vector<std::size_t> ends;  // of each reply in the bytes
  std::string_view violation;     // empty without one

  bool operator==(const outcome&) const = default;
};

// Everything that can be asked of a reply, so that a node that points astray is seen.
void look_at(reply_view view, const resp::limits& limits, std::size_t depth) {
  require(depth <= limits.depth, "replies nest no deeper than the limit");
  require(view.kind() != reply_kind::bulk_string || view.text().size() <= limits.bulk_bytes,
          "strings are no longer than the limit");
  std::size_t children = 0;
  for (const reply_view child : view) {
    look_at(child, limits, depth + 1);
    ++children;
  }
  require(children == view.size(), "an aggregate has as many children as it says");
  (void)view.number();
  (void)view.integer();
  // On the level of what they describe, however many stand in a row.
  if (view.attributes().is_aggregate()) look_at(view.attributes(), limits, depth);
}

void check(reply_view view, const resp::limits& limits, std::vector<reply>& replies) {
  look_at(view, limits, 0);
  replies.emplace_back(view);
  require(replies.back() == reply(replies.back().view()), "a copy of a reply is equal to it");
  require(to_string(view) == to_string(replies.back()), "a copy of a reply reads the same");
}

// `at` is a reply's first byte and `end` how far the bytes have come; gives what read() is shown.
template <class Show>
outcome read_all(resp::limits limits, std::size_t size, const std::vector<std::size_t>& ends, Show show) {
  resp::reader reader(limits);
  std::vector<reply_node> nodes;
  outcome found;
  std::size_t at = 0;
  for (const std::size_t end : ends) {
    while (at != end) {
      const auto shown = show(at, end);
      const std::string_view data(&shown[0], end - at);
      const resp::read_status status = reader.read(data, nodes);
      if (status == resp::read_status::violation) {
        found.violation = reader.violation();
        require(reader.read(data, nodes) == status, "a violation is for good");
        return found;
      }
      require(nodes.size() <= data.size(), "a node stands for a byte at least");
      require(nodes.size() <= limits.elements + 1, "a reply has no more elements than the limit");
      if (status == resp::read_status::need_more) {
        require(reader.wanted() > data.size(), "a reader waits for more than it has");
        require(reader.wanted() <= data.size() + limits.bulk_bytes + 64, "a reader waits for no more than the limit");
        break;
      }
      require(reader.consumed() != 0 && reader.consumed() <= data.size(), "a reply ends in the bytes that are there");
      require(reader.root() + nodes[reader.root()].extent == nodes.size(), "a reply has the nodes that it says");
      check({nodes.data() + reader.root(), data.data()}, limits, found.replies);
      at += reader.consumed();
      found.ends.push_back(at);
      nodes.clear();
    }
  }
  require(at <= size, "no reply ends behind the bytes");
  return found;
}

outcome read_whole_and_cut(std::string_view bytes, resp::limits limits) {
  const auto in_place = [&](std::size_t at, std::size_t) { return bytes.data() + at; };
  outcome whole = read_all(limits, bytes.size(), {bytes.size()}, in_place);

  std::vector<std::size_t> every;
  for (std::size_t end = 1; end <= bytes.size(); ++end) every.push_back(end);
  require(read_all(limits, bytes.size(), every, in_place) == whole, "byte by byte it is the same");

  // Each time at another address, where the address sanitizer sees who looks too far or keeps a pointer.
  const auto elsewhere = [&](std::size_t at, std::size_t end) {
    auto copy = std::make_unique<char[]>(end - at);
    std::memcpy(copy.get(), bytes.data() + at, end - at);
    return copy;
  };
  const outcome cut = read_all(limits, bytes.size(), cuts(bytes.size(), hash_of(bytes)), elsewhere);
  require(cut == whole, "cut anywhere it is the same");
  return whole;
}

void read_in_batches(std::string_view bytes, resp::limits limits, const outcome& expected) {
  core::reply_batch batch(limits);
  std::vector<reply> replies;
  std::size_t begin = 0;
  bool fits = true;
  for (const std::size_t end : cuts(bytes.size(), ~hash_of(bytes))) {
    while (fits && begin != end) {
      const auto room = batch.prepare();
      const std::size_t size = std::min(room.size(), end - begin);
      std::memcpy(room.data(), bytes.data() + begin, size);
      begin += size;
      fits = batch.commit(size);
      for (std::size_t i = 0; i < batch.size(); ++i) check(batch[i], limits, replies);
      batch.clear();
    }
  }
  require(fits == expected.violation.empty(), "batches come to the same verdict");
  require(fits || batch.violation() == expected.violation, "batches say the same about it");
  require(replies == expected.replies, "batches hold the same replies");
  const bool rest = expected.ends.empty() ? !bytes.empty() : expected.ends.back() != bytes.size();
  require(!fits || batch.has_unfinished() == rest, "a batch knows whether a reply is unfinished");
}

}  // namespace
}  // namespace redstart::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redstart;
  const std::string_view bytes = fuzz::text_of(data, size);
  // Small bounds, which small inputs reach, and those that a client has.
  constexpr resp::limits small = {.depth = 3, .elements = 24, .bulk_bytes = 48};
  for (const resp::limits& limits : {small, resp::limits{}}) {
    const fuzz::outcome whole = fuzz::read_whole_and_cut(bytes, limits);
    // What a bulk string announces is reserved, as the peer is trusted up to the limit: not here.
    constexpr resp::limits modest = {.bulk_bytes = 64 * 1024};
    if (limits.bulk_bytes == small.bulk_bytes)
      fuzz::read_in_batches(bytes, limits, whole);
    else
      fuzz::read_in_batches(bytes, modest, fuzz::read_whole_and_cut(bytes, modest));
  }
  return 0;
}
