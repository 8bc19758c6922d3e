// SPDX-License-Identifier: MIT
// Commands from the arguments of verbs, and results from replies.
#include "core/command_rules.hpp"
#include "redstart/client.hpp"

#include <array>
#include <charconv>

namespace redstart::detail {

namespace {

void check(const set_options& options) {
  const auto refuse = [](const std::string& what) { throw config_error("set: " + what); };
  if (options.if_absent && options.if_exists) refuse("if_absent and if_exists exclude each other");
  if (options.expire && options.keep_ttl) refuse("expire and keep_ttl exclude each other");
  if (options.expire && options.expire->count() < 1) {
    refuse("expire is " + std::to_string(options.expire->count()) + " ms, it must be at least 1 ms");
  }
}

void refuse_unshareable(std::span<const std::string_view> args) {
  if (const auto text = core::refusal(args)) throw error(std::string(args.front()) + ": " + std::string(*text));
}

}  // namespace

request set_request(std::string_view key, std::string_view value, const set_options& options) {
  check(options);
  std::array<std::string_view, 7> args{"SET", key, value};
  std::size_t count = 3;
  std::array<char, 24> time;
  if (options.expire) {
    const auto end = std::to_chars(time.data(), time.data() + time.size(), options.expire->count()).ptr;
    args[count++] = "PX";
    args[count++] = {time.data(), static_cast<std::size_t>(end - time.data())};
  }
  if (options.keep_ttl) args[count++] = "KEEPTTL";
  if (options.if_absent) args[count++] = "NX";
  if (options.if_exists) args[count++] = "XX";
  return {false, std::span<const std::string_view>(args.data(), count)};
}

void add_command(request& to, std::span<const std::string_view> args) {
  refuse_unshareable(args);
  if (core::blocks(args)) {
    throw error(std::string(args[0]) + " blocks, and would hold up everything behind it; send it alone, with exec");
  }
  to.add(args, core::is_read(args));
}

any_command make_command(std::span<const std::string_view> args) {
  refuse_unshareable(args);
  any_command made;
  made.command.add(args, core::is_read(args));
  made.blocks = core::blocks(args);
  if (made.blocks) made.block_time = core::block_time(args).value_or(std::chrono::milliseconds(1));
  // Longer than anybody lives is for ever; it also leaves room to count in.
  constexpr std::chrono::milliseconds a_century = std::chrono::hours(24 * 365 * 100);
  if (made.block_time > a_century) made.block_time = {};
  return made;
}

void add_exec(request& transaction) {
  transaction.add(std::array<std::string_view, 1>{"EXEC"}, false);
  transaction.declare_atomic();
}

void decode_ttl::operator()(reply_view reply, std::optional<std::chrono::milliseconds>& result) const {
  constexpr std::int64_t no_key = -2;
  constexpr std::int64_t no_expiry = -1;
  const std::int64_t time = reply.integer();
  if (time == no_key) return;
  result = time == no_expiry ? std::chrono::milliseconds::max() : std::chrono::milliseconds(time);
}

void collect_transaction::collect(reply_view reply) {
  if (reply.is_error() && refusal.empty()) refusal = reply.text();
}

void collect_transaction::operator()(reply_view reply, std::vector<class reply>& result) const {
  if (reply.is_error()) throw server_refusal{refusal.empty() ? std::string(reply.text()) : refusal};
  if (!reply.is_aggregate()) throw_unexpected(reply, "the answers of a transaction");
  for (const reply_view element : reply) result.emplace_back(element);
}

void throw_unexpected(reply_view reply, const char* wanted) {
  throw mismatch(std::string("expected ") + wanted + ", got " + to_string(reply));
}

}  // namespace redstart::detail
