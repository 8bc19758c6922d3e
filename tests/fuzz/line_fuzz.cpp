// SPDX-License-Identifier: MIT
// The session machine: a handshake, then a line, with callers, a driver and a server that do what the input says, in
// any order. The server answers what it was sent, each reply names its command; or it says what the input has for it,
// which may be anything. Each letter of an input is a step; the numbers behind some are digits or bytes:
//
//   callers   g read, w write, s repeatable write, p pipeline, m transaction, b blocking write, each with a deadline of
//             n hundredths of a second (9: none); L n a write of n times 100 bytes; c n cancels the n-th that is alive
//   driver    o connects, h n text` shakes hands (n: how; text: what the server says); f writes all, F n n bytes,
//             D n all or a part while others push and cancel; r reads all, R n n bytes, d n the same with cancellations
//             among the replies; l loses the connection;
//             t n lets n ms pass, T n n tenths of a second; a turns callers away
//   server    e begins or ends refusing, P sends a push, x text` says something else
#include "core/handshake_fsm.hpp"
#include "core/line.hpp"
#include "core/operation_pool.hpp"
#include "core/reply_batch.hpp"
#include "fuzz/fuzz.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <deque>
#include <exception>
#include <numeric>
#include <optional>
#include <utility>

namespace redstart::fuzz {
namespace {

using namespace std::chrono_literals;
using core::operation_end;
using core::operation_state;
using core::time_point;
using action = core::line::reply_action;

constexpr core::line_config bounds = {
    .max_operations = 24, .max_output_bytes = 2000, .high_water = 300, .backoff_initial = 5ms, .backoff_max = 40ms};
constexpr resp::limits reply_bounds = {.bulk_bytes = 64 * 1024};
constexpr std::size_t longest_request = 2700;
// One that nobody says by accident, and one that is part of what servers and the library say.
constexpr std::array<std::string_view, 2> passwords{"hunter2", "no"};

enum class kind { read, write, repeatable_write, pipeline, transaction, blocking };

// What a caller asked for and was told, and what the server did.
struct record {
  kind what = kind::read;
  core::operation* op = nullptr;  // null once it was given back
  time_point deadline;
  bool told = false;
  operation_end end = operation_end::none;  // none: it was answered
  bool was_sent = false;
  bool refused = false;  // it was answered with the server's refusal
  bool delayed = false;  // it lost its place in the order
  std::array<int, 3> effects{};
  std::size_t collected = 0;
};

// A command that the server has read whole.
struct command {
  std::size_t id;
  std::size_t part;
};

std::size_t to_number(std::string_view text) {
  std::size_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  require(problem == std::errc() && end == text.data() + text.size(), "what was sent arrives as it was", text);
  return number;
}

class waiter_stub final : public detail::completion {
 public:
  void collect(reply_view /*reply*/) noexcept override { called(); }
  void answer(reply_view /*reply*/, const detail::operation_context& /*context*/,
              detail::outbox& /*away*/) noexcept override {
    called();
  }
  void fail(std::exception_ptr /*failure*/, detail::completion_site /*site*/) noexcept override { called(); }
  void discard() noexcept override { called(); }

 private:
  static void called() { require(false, "the line calls nobody"); }
};

// --- The server ------------------------------------------------------------------------------------------------------

// Commands are `<verb> <record> <part>`, replies bulk strings `<record> <part>` or `-LOADING <record> <part>`.
class model_server {
 public:
  explicit model_server(std::deque<record>& records) : records_(records) {}

  void connected() {
    unread_.clear();
    answers_.clear();
    commands_.clear();
    queued_.clear();
    in_transaction_ = false;
    newest_ = 0;
    received_ = 0;
  }
  void receive(std::string_view bytes) {
    received_ += bytes.size();
    unread_ += bytes;
    std::vector<reply_node> nodes;
    resp::reader reader;
    while (!unread_.empty() && reader.read(unread_, nodes) == resp::read_status::complete) {
      execute({nodes.data(), unread_.data()});
      unread_.erase(0, reader.consumed());
      nodes.clear();
    }
  }
  // What it has said and nobody has read yet.
  std::string& wire() noexcept { return answers_; }
  [[nodiscard]] const std::vector<command>& commands() const noexcept { return commands_; }
  [[nodiscard]] std::size_t received() const noexcept { return received_; }
  bool refusing = false;

 private:
  void execute(reply_view words) {
    require(words.size() >= 3, "what was sent arrives as it was");
    const command sent{to_number(words[1].text()), to_number(words[2].text())};
    require(sent.id < records_.size() && sent.part < 3, "what was sent arrives as it was");
    record& of = records_[sent.id];
    require(!of.told || of.end == operation_end::none || of.was_sent,
            "what a caller was promised not to be sent is not sent");
    require(of.delayed || sent.id >= newest_, "commands are sent in their order");
    if (!of.delayed) newest_ = sent.id;
    commands_.push_back(sent);
    const std::string payload = std::string(words[1].text()) + " " + std::string(words[2].text());
    if (words[0].text() == "MULTI") {
      in_transaction_ = true;
    } else if (words[0].text() == "EXEC") {
      for (const command& queued : queued_) ++records_[queued.id].effects[queued.part];
      queued_.clear();
      in_transaction_ = false;
    } else if (in_transaction_) {
      queued_.push_back(sent);
    } else if (refusing) {
      answers_ += "-LOADING " + payload + "\r\n";
      return;
    } else {
      ++of.effects[sent.part];
    }
    answers_ += "$" + std::to_string(payload.size()) + "\r\n" + payload + "\r\n";
  }

  std::deque<record>& records_;
  std::string unread_;
  std::string answers_;
  std::vector<command> commands_;  // of this connection
  std::vector<command> queued_;    // in a transaction
  bool in_transaction_ = false;
  std::size_t newest_ = 0;
  std::size_t received_ = 0;  // bytes of this connection
};

// --- Everybody else --------------------------------------------------------------------------------------------------

class session {
 public:
  void step(choices& input);
  // Closes for good. Whatever happened, nothing may be left, and everybody was told the truth.
  void finish();

 private:
  struct claim {
    core::operation* op;
    std::size_t reply;
    bool last;
  };

  void act(choices& input);

  // Callers.
  void push(kind what, unsigned patience, std::size_t padding = 0);
  static detail::request request_for(std::size_t id, kind what, std::size_t padding);
  void cancel_any(std::size_t which);
  void cancel(core::operation& op);
  void tell(core::operation& op);

  // The driver.
  void open();
  void shake_hands(unsigned how, std::string_view said);
  bool advance(core::handshake_fsm& fsm, core::handshake_action next, std::size_t& first);
  [[nodiscard]] bool shows_password(const core::handshake_action& failed) const;
  void write(std::size_t most);
  void write_meanwhile(unsigned what);
  void receive(std::size_t most, unsigned cancels);
  bool feed(std::string_view bytes);
  bool hand_over(std::size_t first, unsigned cancels);
  bool take(std::size_t index, std::vector<claim>& claims);
  void check_pairing(action what, const core::operation& op, reply_view reply, std::size_t place);
  void deliver(const claim& one);
  void expire(std::chrono::milliseconds later);
  void lose(bool for_good);
  void drain(core::ended_list& ended);
  void give_back(core::operation& op);

  void check_bounds();
  void check_truth(const record& of) const;

  [[nodiscard]] static std::size_t id_of(const core::operation& op) { return to_number(op.request.first_argument()); }
  record& record_of(const core::operation& op) { return records_[id_of(op)]; }

  time_point now_ = time_point{} + 1h;
  time_point checked_ = now_;
  std::deque<record> records_;
  model_server server_{records_};
  std::uint64_t bits_ = 0;
  core::random_source jitter_ = [this] { return bits_ += 0x9E3779B97F4A7C15U; };
  waiter_stub waiter_;
  core::operation_pool pool_;
  core::line line_{bounds, jitter_, now_};
  std::optional<core::reply_batch> batch_;
  std::size_t answered_ = 0;  // replies on this connection, pushes not counted
  bool logs_in_ = false;      // the handshake has a password:
  std::string_view password_;
  bool made_up_ = false;  // the server has said on this connection what it should not
  bool lied_ = false;     // and on any
};

void session::step(choices& input) {
  act(input);
  check_bounds();
}

void session::act(choices& input) {
  switch (input.next()) {
    case 'g':
      return push(kind::read, input.number());
    case 'w':
      return push(kind::write, input.number());
    case 's':
      return push(kind::repeatable_write, input.number());
    case 'p':
      return push(kind::pipeline, input.number());
    case 'm':
      return push(kind::transaction, input.number());
    case 'b':
      return push(kind::blocking, input.number());
    case 'L':
      return push(kind::write, 9, 100 * std::size_t{input.number() % 26});
    case 'c':
      return cancel_any(input.number());
    case 'o':
      return open();
    case 'h': {
      const unsigned how = input.number();
      return shake_hands(how, input.until('`'));
    }
    case 'f':
      return write(std::string::npos);
    case 'F':
      return write(input.number());
    case 'D':
      return write_meanwhile(input.number());
    case 'r':
      return receive(std::string::npos, 0);
    case 'R':
      return receive(input.number(), 0);
    case 'd':
      return receive(std::string::npos, 1 + input.number());
    case 'l':
      return lose(false);
    case 't':
      return expire(std::chrono::milliseconds(input.number()));
    case 'T':
      return expire(std::chrono::milliseconds(100 * input.number()));
    case 'a': {
      core::ended_list ended;
      line_.turn_away(operation_end::shut_down, ended);
      return drain(ended);
    }
    case 'e':
      server_.refusing = !server_.refusing;
      return;
    case 'P':
      // Not into the middle of a reply that was cut, nor of what was made up: that would make it something else.
      if (line_.is_open() && !made_up_) server_.wire() += ">2\r\n+invalidate\r\n*0\r\n";
      return;
    case 'x': {
      const std::string_view said = input.until('`');
      if (!line_.is_open() || said.empty()) return;
      server_.wire() += said;
      made_up_ = lied_ = true;
      return;
    }
    default:
      return;
  }
}

void session::push(kind what, unsigned patience, std::size_t padding) {
  const std::size_t id = records_.size();
  record& made = records_.emplace_back();
  made.what = what;
  made.deadline = patience == 9 ? time_point::max() : now_ + std::chrono::milliseconds(10 * patience);
  core::operation& op = *pool_.take();
  op.request = request_for(id, what, padding);
  require(op.request.bytes().size() <= longest_request, "requests are as long as they are meant to be");
  op.deadline = made.deadline;
  op.blocks = what == kind::blocking;
  op.waiter = &waiter_;
  made.op = &op;
  if (line_.push(op) == core::line::admission::accepted) return;
  require(op.state == operation_state::idle && op.waiter == &waiter_, "what is not taken is untouched");
  pool_.put(op);
  records_.pop_back();
}

detail::request session::request_for(std::size_t id, kind what, std::size_t padding) {
  static constexpr std::array<std::string_view, 3> transaction{"MULTI", "INCR", "EXEC"};
  detail::request request;
  const std::string name = std::to_string(id);
  const bool several = what == kind::pipeline || what == kind::transaction;
  for (std::size_t part = 0; part < (several ? 3U : 1U); ++part) {
    const std::string number = std::to_string(part);
    const std::string filler(padding, 'x');
    const std::string_view verb = what == kind::transaction ? transaction[part] : what == kind::read ? "GET" : "INCR";
    const std::array<std::string_view, 4> words{verb, name, number, filler};
    request.add(std::span(words).first(padding == 0 ? 3 : 4), what == kind::read);
  }
  if (what == kind::repeatable_write) request.declare_repeatable();
  if (what == kind::transaction) request.declare_atomic();
  return request;
}

void session::cancel_any(std::size_t which) {
  for (const record& one : records_) {
    if (one.op && !one.told && which-- == 0) return cancel(*one.op);
  }
}

void session::cancel(core::operation& op) {
  detail::completion* const told = line_.detach(op, operation_end::cancelled);
  if (!told) return;
  require(told == &waiter_ && !op.waiter, "whoever waits is told");
  tell(op);
  give_back(op);
}

void session::tell(core::operation& op) {
  record& of = record_of(op);
  require(!of.told, "nobody is told twice");
  of.told = true;
  of.end = op.end;
  of.was_sent = op.was_sent;
  op.waiter = nullptr;
}

void session::open() {
  if (line_.is_open()) return;
  server_.connected();
  batch_.emplace(reply_bounds);
  answered_ = 0;
  made_up_ = false;
  line_.opened();
}

void session::shake_hands(unsigned how, std::string_view said) {
  if (line_.is_open()) return;
  logs_in_ = (how & 2U) != 0;
  password_ = passwords[(how & 64U) != 0 ? 1 : 0];
  core::handshake_fsm fsm({.username = (how & 1U) != 0 ? "hub" : "",
                           .password = logs_in_ ? std::string(password_) : "",
                           .client_name = (how & 4U) != 0 ? "fuzz" : "",
                           .database = (how & 8U) != 0 ? 3U : 0U,
                           .protocol = (how & 16U) != 0 ? 2 : 3,
                           .want_client_id = (how & 32U) != 0});
  server_.connected();
  batch_.emplace(reply_bounds);
  std::size_t first = 0;
  const core::handshake_action begin = fsm.start();
  require(begin.kind == core::handshake_action::kind_type::send, "a handshake begins by saying something");
  const bool fits = feed(said);
  if (!advance(fsm, begin, first)) return;
  answered_ = 0;
  made_up_ = lied_ = true;  // nobody knows what else it said
  line_.opened();
  const bool expected = hand_over(first, 0);
  if (!fits || !expected) lose(false);
}

// True when the connection is ready; `first` is then the first reply that is not the handshake's.
bool session::advance(core::handshake_fsm& fsm, core::handshake_action next, std::size_t& first) {
  using kind_type = core::handshake_action::kind_type;
  std::size_t due = 0;
  std::size_t answers = 0;
  for (;;) {
    switch (next.kind) {
      case kind_type::send:
        require(!next.commands.empty(), "a handshake that speaks says something");
        due += next.commands.size();
        break;
      case kind_type::wait:
        require(answers < due, "a handshake waits only for what is due");
        break;
      case kind_type::done:
        require(answers == due, "a handshake is done with the last answer");
        require(fsm.result().protocol == 2 || fsm.result().protocol == 3, "there are two protocols");
        return true;
      case kind_type::fail:
        require(!next.command.empty(), "a failure says what was refused");
        require(!logs_in_ || !shows_password(next), "no failure shows the password", next.text);
        return false;
    }
    if (first == batch_->size()) return false;
    const reply_view reply = (*batch_)[first++];
    if (reply.kind() != reply_kind::push) ++answers;
    next = fsm.on_reply(reply);
  }
}

// The words of the library's own are the same for every password.
bool session::shows_password(const core::handshake_action& failed) const {
  constexpr std::string_view instead = " (the rest of the answer contains the password and is not shown)";
  if (failed.text == "the answer is not one that Redis gives") return false;
  std::string_view said = failed.text;
  if (said.ends_with(instead)) said.remove_suffix(instead.size());
  return said.find(password_) != std::string_view::npos;
}

void session::write(std::size_t most) {
  expire(0ms);  // as drivers do: what is late must not be sent
  const std::string_view bytes = line_.output();
  require(line_.is_open() || bytes.empty(), "nothing is written without a connection");
  require(bytes.size() <= bounds.high_water + longest_request, "little is staged ahead of the socket");
  const std::size_t count = std::min(most, bytes.size());
  server_.receive(bytes.substr(0, count));
  line_.wrote(count);
}

// Other threads go on while the bytes are being written.
void session::write_meanwhile(unsigned what) {
  expire(0ms);
  const std::string_view bytes = line_.begin_write();
  const std::string before(bytes);
  push(kind::read, 9);
  if (what % 2 == 1) cancel_any(what / 2);
  push(kind::write, 3);
  if (what % 3 == 1) cancel_any(what / 3);
  if (what % 5 == 1) cancel_any(records_.size() - 1);
  require(bytes == before, "what is being written stays as it is");
  const std::size_t count = bytes.size() * (what % 4 + 1) / 4;
  server_.receive(bytes.substr(0, count));
  line_.wrote(count);
}

void session::receive(std::size_t most, unsigned cancels) {
  while (line_.is_open() && most != 0 && !server_.wire().empty()) {
    const std::string bytes = server_.wire().substr(0, std::min(most, batch_->prepare().size()));
    server_.wire().erase(0, bytes.size());
    most -= bytes.size();
    const bool fits = feed(bytes);
    const bool expected = hand_over(0, cancels);
    require(made_up_ || (fits && expected), "a server that answers what it was sent is understood");
    if (!fits || !expected) lose(false);
  }
}

// False when the bytes break the protocol.
bool session::feed(std::string_view bytes) {
  const auto room = batch_->prepare();
  require(bytes.size() <= room.size(), "there is room for what inputs hold");
  std::memcpy(room.data(), bytes.data(), bytes.size());
  return batch_->commit(bytes.size());
}

// Finds out whose replies these are, hands them over, and takes the nodes back: as a driver does. False when there was
// one too many.
bool session::hand_over(std::size_t first, unsigned cancels) {
  std::vector<claim> claims;
  bool expected = true;
  for (std::size_t i = first; expected && i < batch_->size(); ++i) expected = take(i, claims);
  for (const claim& one : claims) {
    if (cancels % 2 != 0) cancel_any(cancels / 2);
    if (cancels % 3 == 1) cancel(*one.op);
    if (cancels % 5 == 1) expire(1ms);
    deliver(one);
  }
  batch_->clear();
  return expected;
}

bool session::take(std::size_t index, std::vector<claim>& claims) {
  const reply_view reply = (*batch_)[index];
  if (reply.kind() == reply_kind::push) return true;
  const std::size_t place = answered_++;
  const auto [what, op] = line_.take_reply(reply, now_);
  if (what == action::unexpected) {
    require(place >= server_.commands().size(), "a reply to a command is expected");
    return false;
  }
  require(op->begin < server_.received(), "a reply goes to an operation of which something was sent");
  check_pairing(what, *op, reply, place);
  if (what == action::retry) {
    require(op->waiter && reply.is_error(), "only what was refused, and somebody waits for, is sent again");
    record_of(*op).delayed = true;
  } else if (op->waiter) {
    claims.push_back({op, index, what == action::answer});
  } else {
    require(record_of(*op).told, "who left was told so");
    if (what == action::answer) give_back(*op);
  }
  return true;
}

void session::check_pairing(action what, const core::operation& op, reply_view reply, std::size_t place) {
  if (place >= server_.commands().size()) {
    require(made_up_, "a server that answers only commands is not ahead of them");
    require(what == action::collect || reply.is_error(), "half a command is answered with an error or not at all");
    return;
  }
  const command& answered = server_.commands()[place];
  require(answered.id == id_of(op), "a reply goes to the operation of its command");
  if (made_up_) return;
  std::string_view payload = reply.text();
  if (reply.is_error()) payload.remove_prefix(std::string_view("LOADING ").size());
  require(payload == std::to_string(answered.id) + " " + std::to_string(answered.part),
          "a reply names the command that it answers", payload);
}

void session::deliver(const claim& one) {
  core::operation& op = *one.op;
  record& of = record_of(op);
  require(op.waiter == &waiter_, "nobody leaves while a reply is being handed over");
  const std::size_t part = of.collected++;
  const reply_view reply = (*batch_)[one.reply];
  if (!made_up_) {
    const std::string_view payload = reply.text();
    require(to_number(payload.substr(payload.rfind(' ') + 1)) == part, "replies of a pipeline come in order", payload);
  }
  if (!one.last) {
    if (line_.collected(op)) tell(op);
    return;
  }
  of.refused = reply.is_error();
  require(op.end == operation_end::none, "an answer is the end");
  tell(op);
  give_back(op);
}

void session::expire(std::chrono::milliseconds later) {
  now_ += later;
  core::ended_list ended;
  line_.expire(now_, ended);
  drain(ended);
  const auto next = line_.next_due();
  require(!next || *next >= now_, "what was due is done");
}

void session::lose(bool for_good) {
  core::ended_list ended;
  line_.lost(for_good, for_good ? operation_end::shut_down : operation_end::lost, ended);
  drain(ended);
}

void session::drain(core::ended_list& ended) {
  while (core::operation* op = ended.pop_front()) {
    if (op->waiter) tell(*op);
    give_back(*op);
  }
}

void session::give_back(core::operation& op) {
  if (op.state != operation_state::idle) return;
  record& of = record_of(op);
  require(of.told, "nobody is forgotten");
  of.op = nullptr;
  pool_.put(op);
}

void session::check_bounds() {
  require(line_.operations() == pool_.in_use(), "the line knows its operations");
  require(line_.operations() <= bounds.max_operations, "operations are bounded");
  require(line_.empty() == (pool_.in_use() == 0), "the line knows when it is empty");
  if (std::exchange(checked_, now_) == now_) return;
  for (const record& one : records_) require(one.told || one.deadline >= now_, "nobody waits beyond the deadline");
}

void session::finish() {
  check_bounds();
  lose(true);
  check_bounds();
  require(line_.empty() && !line_.next_due() && pool_.in_use() == 0, "closing for good leaves nothing");
  for (const record& one : records_) check_truth(one);
}

void session::check_truth(const record& of) const {
  require(of.told, "everybody is told");
  if (lied_) return;  // who believes a liar cannot tell the truth
  const int most = *std::ranges::max_element(of.effects);
  const int all = std::accumulate(of.effects.begin(), of.effects.end(), 0);
  const bool repeatable = of.what == kind::read || of.what == kind::repeatable_write;
  require(repeatable || most <= 1, "what must not run twice does not");
  if (of.end != operation_end::none) {
    require(of.was_sent || all == 0, "what was executed is not said to be unsent");
  } else if (of.what != kind::pipeline) {  // parts of a pipeline are refused one by one
    require(!of.refused || repeatable || all == 0, "what was refused was not executed");
    require(of.refused || all >= 1, "what was answered was executed");
  }
}

}  // namespace
}  // namespace redstart::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  redstart::fuzz::choices input(redstart::fuzz::text_of(data, size));
  redstart::fuzz::session session;
  while (!input.empty()) session.step(input);
  session.finish();
  return 0;
}
