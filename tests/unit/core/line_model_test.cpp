// SPDX-License-Identifier: MIT
// Everything at once, at random, against a model of the server: callers, cancellations, deadlines, cut writes, losses,
// refusals. The server executes complete commands, in their order, and counts; every reply names the command that it
// answers. At the end the counts must fit what each caller was told.
#include "core/line.hpp"
#include "support/line_fixture.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <numeric>
#include <optional>
#include <random>

namespace redstart::test {
namespace {

enum class kind { read, write, repeatable_write, pipeline, transaction, blocking };

// What a caller asked for and what it was told, and what the server did.
struct record {
  kind what;
  core::operation* op = nullptr;  // null once it was given back
  core::time_point deadline;
  bool told = false;
  operation_end end = operation_end::none;  // none: it was answered
  bool was_sent = false;
  bool refused = false;  // it was answered with the server's refusal
  bool delayed = false;  // it lost its place in the order
  std::array<int, 3> effects{};
  std::size_t collected = 0;
};

// --- The server ------------------------------------------------------------------------------------------------------

// Commands are `<verb> <record> <part>`; replies are bulk strings `<record> <part>` or `-LOADING <record>`.
class model_server {
 public:
  model_server(std::deque<record>& records, std::mt19937_64& random) : records_(records), random_(random) {}

  void disconnected() {
    unread_.clear();
    answers_.clear();
    newest_ = 0;
    in_transaction_ = false;
    queued_.clear();
  }
  void receive(std::string_view bytes) {
    unread_ += bytes;
    while (auto words = next_command()) execute(*words);
  }
  [[nodiscard]] std::size_t answers() const { return answers_.size(); }
  std::string next_answer() {
    std::string answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  bool loading = false;

 private:
  std::optional<strings> next_command() {
    std::vector<reply_node> nodes;
    resp::reader reader;
    if (unread_.empty() || reader.read(unread_, nodes) != resp::read_status::complete) return std::nullopt;
    strings words;
    for (const reply_view word : reply_view(nodes.data(), unread_.data())) words.emplace_back(word.text());
    unread_.erase(0, reader.consumed());
    return words;
  }
  void execute(const strings& words) {
    ASSERT_EQ(words.size(), 3U);
    const std::size_t id = std::stoul(words[1]);
    const std::size_t part = std::stoul(words[2]);
    ASSERT_LT(id, records_.size());
    record& of = records_[id];
    if (!of.delayed) {
      EXPECT_GE(id, newest_) << "overtaken";
      newest_ = id;
    }
    const std::string payload = words[1] + " " + words[2];
    const std::string answer = "$" + std::to_string(payload.size()) + "\r\n" + payload + "\r\n";
    if (words[0] == "MULTI") {
      in_transaction_ = true;
    } else if (words[0] == "EXEC") {
      for (const auto& [queued_id, queued_part] : queued_) ++records_[queued_id].effects[queued_part];
      queued_.clear();
      in_transaction_ = false;
    } else if (in_transaction_) {
      queued_.emplace_back(id, part);
    } else if (loading || random_() % 16 == 0) {
      answers_.push_back("-LOADING " + payload + "\r\n");
      return;
    } else {
      ++of.effects[part];
    }
    answers_.push_back(answer);
  }

  std::deque<record>& records_;
  std::mt19937_64& random_;
  std::string unread_;
  std::deque<std::string> answers_;
  std::size_t newest_ = 0;
  bool in_transaction_ = false;
  std::vector<std::pair<std::size_t, std::size_t>> queued_;
};

// --- The driver ------------------------------------------------------------------------------------------------------

class model {
 public:
  explicit model(std::uint64_t seed) : random_(seed), server_(records_, random_) {}

  void step() {
    switch (below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return push();
      case 4:
      case 5:
        return cancel_any();
      case 6:
      case 7:
      case 8:
        return write();
      case 9:
      case 10:
      case 11:
      case 12:
        return receive();
      case 13:
        return expire(std::chrono::milliseconds(below(8)));
      case 14:
        return below(4) == 0 ? lose(false) : write();
      default:
        if (!line_.is_open()) open();
        if (below(64) == 0) server_.loading = !server_.loading;
    }
  }

  // Lets everything that can end do so.
  void finish() {
    server_.loading = false;
    for (int i = 0; i < 1000 && !line_.empty(); ++i) {
      if (!line_.is_open()) open();
      expire(100ms);
      for (int j = 0; j < 100; ++j) write();
      while (server_.answers() != 0) receive();
    }
    EXPECT_TRUE(line_.empty());
    EXPECT_FALSE(line_.next_due()) << "a deadline is still linked";
    lose(true);
    check_balance();
    for (std::size_t id = 0; id < records_.size(); ++id) check(id);
  }

  // The operations of the pool are those of the line, always.
  void check_balance() const {
    ASSERT_EQ(line_.operations(), pool_.in_use());
    ASSERT_EQ(line_.empty(), pool_.in_use() == 0);
  }
  // How often each end occurred, to see that the walk went everywhere.
  [[nodiscard]] std::map<std::string, std::size_t> ends() const {
    std::map<std::string, std::size_t> counts;
    for (const record& one : records_) {
      ++counts[std::to_string(static_cast<int>(one.end)) + (one.was_sent ? " sent" : "") +
               (one.refused ? " refused" : "")];
      if (one.delayed) ++counts["delayed"];
      if (one.what == kind::read && one.effects[0] > 1) ++counts["repeated"];
    }
    return counts;
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  static void add(detail::request& request, std::string_view verb, std::size_t id, std::size_t part, bool repeatable) {
    const std::string name = std::to_string(id);
    const std::string number = std::to_string(part);
    request.add(std::array<std::string_view, 3>{verb, name, number}, repeatable);
  }
  detail::request request_for(std::size_t id, kind what) {
    detail::request request;
    switch (what) {
      case kind::read:
        add(request, "GET", id, 0, true);
        break;
      case kind::write:
      case kind::blocking:
        add(request, "INCR", id, 0, false);
        break;
      case kind::repeatable_write:
        add(request, "SET", id, 0, false);
        request.declare_repeatable();
        break;
      case kind::pipeline:
        for (std::size_t part = 0; part < 3; ++part) add(request, "INCR", id, part, false);
        break;
      case kind::transaction: {
        constexpr std::array<std::string_view, 3> verbs{"MULTI", "INCR", "EXEC"};
        for (std::size_t part = 0; part < 3; ++part) add(request, verbs[part], id, part, false);
        request.declare_atomic();
        break;
      }
    }
    return request;
  }

  void push() {
    const std::size_t id = records_.size();
    record& made = records_.emplace_back();
    made.what = static_cast<kind>(below(6));
    made.deadline = below(16) == 0 ? core::time_point::max() : now_ + std::chrono::milliseconds(below(400));
    core::operation& op = *pool_.take();
    op.request = request_for(id, made.what);
    op.deadline = made.deadline;
    op.blocks = made.what == kind::blocking;
    op.waiter = &waiter_;
    if (line_.push(op) == core::line::admission::full) {
      pool_.put(op);
      records_.pop_back();
      return;
    }
    made.op = &op;
    alive_.push_back(id);
  }

  static std::size_t id_of(const core::operation& op) { return std::stoul(std::string(op.request.first_argument())); }

  void tell(core::operation& op) {
    record& of = records_[id_of(op)];
    EXPECT_FALSE(of.told) << "told twice";
    of.told = true;
    of.end = op.end;
    of.was_sent = op.was_sent;
    op.waiter = nullptr;
  }
  void give_back(core::operation& op) {
    if (op.state != operation_state::idle) return;
    records_[id_of(op)].op = nullptr;
    pool_.put(op);
  }
  void drain(core::ended_list& ended) {
    while (core::operation* op = ended.pop_front()) {
      if (op->waiter) tell(*op);
      give_back(*op);
    }
  }

  void cancel_any() {
    while (!alive_.empty() && !records_[alive_.front()].op) alive_.pop_front();
    if (alive_.empty()) return;
    core::operation* op = records_[alive_[below(alive_.size())]].op;
    if (op) cancel(*op);
  }
  void cancel(core::operation& op) {
    if (detail::completion* told = line_.detach(op, operation_end::cancelled)) {
      op.waiter = told;
      tell(op);
      give_back(op);
    }
  }

  void open() { line_.opened(); }
  void write() {
    expire(0ms);  // as drivers do: what is late must not be sent
    const std::string_view bytes = below(2) == 0 ? line_.output() : begin_write();
    const std::size_t count = below(2) == 0 ? bytes.size() : below(bytes.size() + 1);
    server_.receive(bytes.substr(0, count));
    line_.wrote(count);
  }
  // Other threads go on while the bytes are being written.
  std::string_view begin_write() {
    const std::string_view bytes = line_.begin_write();
    const std::string before(bytes);
    for (std::uint64_t left = below(5); left != 0; --left) below(3) == 0 ? cancel_any() : push();
    EXPECT_EQ(bytes, before);
    return bytes;
  }
  void lose(bool for_good) {
    core::ended_list ended;
    server_.disconnected();
    line_.lost(for_good, operation_end::lost, ended);
    drain(ended);
  }
  void expire(std::chrono::milliseconds later) {
    now_ += later;
    core::ended_list ended;
    line_.expire(now_, ended);
    drain(ended);
    if (line_.next_due()) {
      EXPECT_GE(*line_.next_due(), now_);
    }
  }

  // Several replies arrive at once; while they are handed over, callers cancel.
  void receive() {
    struct claim {
      std::unique_ptr<parsed_reply> reply;
      core::operation* op;
      bool last;
    };
    std::vector<claim> claims;
    for (std::uint64_t left = below(6); left != 0 && server_.answers() != 0; --left) {
      auto reply = std::make_unique<parsed_reply>(server_.next_answer());
      const auto [action, op] = line_.take_reply(reply->view(), now_);
      ASSERT_NE(action, core::line::reply_action::unexpected);
      check_pairing(reply->view().text(), *op);
      if (action == core::line::reply_action::retry) {
        records_[id_of(*op)].delayed = true;
      } else if (action == core::line::reply_action::answer && !op->waiter) {
        give_back(*op);
      } else if (op->waiter) {
        claims.push_back({std::move(reply), op, action == core::line::reply_action::answer});
      }
    }
    for (const claim& one : claims) {
      if (below(4) == 0) cancel_any();
      if (below(16) == 0) cancel(*one.op);
      deliver(*one.op, one.reply->view(), one.last);
    }
  }
  void deliver(core::operation& op, reply_view reply, bool last) {
    ASSERT_NE(op.waiter, nullptr) << "it left while a reply was being handed to it";
    record& of = records_[id_of(op)];
    EXPECT_EQ(part_of(reply.text()), of.collected++) << "a reply is missing";
    if (!last) {
      if (line_.collected(op)) tell(op);
      return;
    }
    of.refused = reply.is_error();
    EXPECT_EQ(op.end, operation_end::none);
    tell(op);
    give_back(op);
  }

  static std::size_t part_of(std::string_view payload) {
    return std::stoul(std::string(payload.substr(payload.rfind(' '))));
  }
  static void check_pairing(std::string_view payload, const core::operation& op) {
    if (payload.starts_with("LOADING ")) payload.remove_prefix(8);
    EXPECT_EQ(payload.substr(0, payload.find(' ')), op.request.first_argument());
  }

  void check(std::size_t id) const {
    const record& of = records_[id];
    ASSERT_TRUE(of.told) << id << " was never told";
    const int most = *std::max_element(of.effects.begin(), of.effects.end());
    const int all = std::accumulate(of.effects.begin(), of.effects.end(), 0);
    const bool repeatable = of.what == kind::read || of.what == kind::repeatable_write;
    if (!repeatable) {
      EXPECT_LE(most, 1) << id << " was executed twice";
    }
    if (of.end != operation_end::none) {
      if (!of.was_sent) {
        EXPECT_EQ(all, 0) << id << " was executed, but its caller was promised that it was not";
      }
      return;
    }
    // Answered: done, once, unless the answer was the refusal. Parts of a pipeline are refused one by one.
    if (of.what == kind::pipeline) return;
    if (of.refused && !repeatable) {
      EXPECT_EQ(all, 0) << id;
    } else if (!of.refused) {
      EXPECT_GE(all, 1) << id << " was answered without being executed";
    }
  }

  std::mt19937_64 random_;
  core::time_point now_ = core::time_point{} + 1h;
  std::deque<record> records_;
  std::deque<std::size_t> alive_;  // at least those that are
  model_server server_;
  core::random_source jitter_ = [this] { return random_(); };
  silent_waiter waiter_;
  core::operation_pool pool_;
  core::line line_{
      {.max_operations = 64, .max_output_bytes = 2000, .high_water = 300, .backoff_initial = 5ms, .backoff_max = 40ms},
      jitter_,
      now_};
};

class line_model : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(line_model, every_reply_finds_its_operation_and_every_caller_is_told_the_truth) {
  constexpr int steps = 100'000;
  model walk(GetParam());
  for (int i = 0; i < steps; ++i) {
    walk.step();
    walk.check_balance();
    if (HasFailure()) FAIL() << "seed " << GetParam() << ", step " << i;
  }
  walk.finish();
  std::map<std::string, std::size_t> ends = walk.ends();
  for (const char* end : {"0", "0 refused", "1", "1 sent", "2", "2 sent", "3 sent", "delayed", "repeated"}) {
    EXPECT_GT(ends[end], 20U) << "the walk hardly ever went here: " << end;
  }
}

INSTANTIATE_TEST_SUITE_P(seeds, line_model, ::testing::Values(1, 2, 3, 4, 5));

}  // namespace
}  // namespace redstart::test
