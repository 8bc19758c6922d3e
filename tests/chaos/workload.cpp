// SPDX-License-Identifier: MIT
#include "chaos/workload.hpp"

#include <map>

namespace redstart::chaos {
namespace {

// FNV-1a: enough to tell a value that was made from one that was damaged.
std::uint64_t fingerprint(std::string_view of) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char each : of) hash = (hash ^ static_cast<unsigned char>(each)) * 1099511628211u;
  return hash;
}

constexpr const char* script = "return redis.call('INCR', KEYS[1])";
constexpr const char* script_digest = "61636018f4e6b5817b89791bbed242f93fa089e3";

std::int64_t number_in(const test::answer& found) {
  if (found.null) return 0;
  return found.type == ':' ? found.integer : std::stoll(found.text);
}

}  // namespace

std::string key_of(std::uint64_t number) { return "key:" + std::to_string(number); }

std::string value_of(const std::string& key) { return key + "|" + std::to_string(fingerprint(key)); }

verdict judge(const std::string& key, const std::string& value) {
  if (value == value_of(key)) return verdict::right;
  const std::string named = value.substr(0, value.find('|'));
  return value == value_of(named) ? verdict::foreign : verdict::damaged;
}

void fill_keys(test::redis_server& at) {
  std::vector<std::string> words{"MSET"};
  for (std::uint64_t i = 0; i < keys; ++i) {
    words.push_back(key_of(i));
    words.push_back(value_of(key_of(i)));
  }
  demand(at, words);
  demand(at, {"SCRIPT", "LOAD", script});
}

void workload::acknowledge(tally& of, std::int64_t answer, const char* name) {
  ++answered_;
  ++of.acknowledged;
  in_.expect(of.answers.insert(answer).second,
             std::string(name) + ": two operations were answered " + std::to_string(answer));
}

void workload::note(tally& of, const char* name, const error& how) {
  if (how.maybe_applied()) ++of.maybe;
  in_.failed(name, how);
}

asio::awaitable<void> workload::any(int worker) {
  const std::uint64_t kind = in_.chance(10);
  if (kind == 0) {
    co_await increment();
  } else if (kind == 1) {
    co_await push(worker);
  } else if (kind == 2) {
    co_await pipelined();
  } else if (kind == 3 && in_.about.what->at_server == server_action::no_script) {
    co_await run_script();
  } else {
    co_await read();
  }
}

asio::awaitable<void> workload::read() {
  const std::string key = key_of(in_.chance(keys));
  const auto begin = clock::now();
  try {
    const std::optional<std::string> value = co_await in_.redis->get<std::string>(key);
    ++answered_;
    const verdict found = value ? judge(key, *value) : verdict::foreign;
    if (found == verdict::damaged) ++damaged_;
    in_.expect(found != verdict::foreign, "GET " + key + " got " + value.value_or("nothing"));
  } catch (const error& e) {
    in_.failed("GET", e);
  }
  in_.ended("GET", begin, allowed.timeout);
}

asio::awaitable<void> workload::increment() {
  const auto begin = clock::now();
  try {
    const auto answer = co_await in_.redis->exec<std::int64_t>("INCR", "counter");
    acknowledge(counter_, answer, "INCR");
  } catch (const error& e) {
    note(counter_, "INCR", e);
  }
  in_.ended("INCR", begin, allowed.timeout);
}

asio::awaitable<void> workload::push(int worker) {
  const std::string element = std::to_string(worker) + ":" + std::to_string(++pushed_);
  const auto begin = clock::now();
  try {
    co_await in_.redis->add_to_queue("list", element);
    ++answered_;
    on_list_.insert(element);
  } catch (const error& e) {
    if (e.maybe_applied()) maybe_list_.insert(element);
    in_.failed("RPUSH", e);
  }
  in_.ended("RPUSH", begin, allowed.timeout);
}

asio::awaitable<void> workload::pipelined() {
  const std::string key = key_of(in_.chance(keys));
  pipeline batch;
  batch.add("INCR", "batched").add("GET", key).add("INCR", "batched");
  const auto begin = clock::now();
  try {
    const std::vector<reply> answers = co_await in_.redis->exec(std::move(batch));
    in_.expect(answers.size() == 3, "a pipeline of three was answered " + std::to_string(answers.size()));
    if (answers.size() == 3) {
      note_in_pipeline(answers[0]);
      note_in_pipeline(answers[2]);
      note_in_pipeline(key, answers[1]);
    }
  } catch (const error& e) {
    // Of several commands, which may all have been executed.
    if (e.maybe_applied()) batched_.maybe += 2;
    in_.failed("a pipeline", e);
  }
  in_.ended("a pipeline", begin, allowed.timeout);
}

void workload::note_in_pipeline(const reply& answer) {
  if (answer.is_error()) return in_.refused_with("INCR in a pipeline", answer.text());
  acknowledge(batched_, answer.view().integer(), "INCR in a pipeline");
}

void workload::note_in_pipeline(const std::string& key, const reply& answer) {
  if (answer.is_error()) return in_.refused_with("GET in a pipeline", answer.text());
  ++answered_;
  const verdict found = judge(key, std::string(answer.text()));
  if (found == verdict::damaged) ++damaged_;
  in_.expect(found != verdict::foreign, "GET " + key + " in a pipeline got " + std::string(answer.text()));
}

asio::awaitable<void> workload::run_script() {
  auto begin = clock::now();
  bool forgotten = false;
  try {
    const auto answer = co_await in_.redis->exec<std::int64_t>("EVALSHA", script_digest, 1, "scripted");
    acknowledge(scripted_, answer, "EVALSHA");
  } catch (const server_error& e) {
    forgotten = true;
    note(scripted_, "EVALSHA", e);
  } catch (const error& e) {
    note(scripted_, "EVALSHA", e);
  }
  in_.ended("EVALSHA", begin, allowed.timeout);
  if (!forgotten) co_return;
  begin = clock::now();
  try {
    const auto answer = co_await in_.redis->exec<std::int64_t>("EVAL", script, 1, "scripted");
    acknowledge(scripted_, answer, "EVAL");
  } catch (const error& e) {
    note(scripted_, "EVAL", e);
  }
  in_.ended("EVAL", begin, allowed.timeout);
}

asio::awaitable<void> workload::transact() {
  transaction both;
  both.add("INCR", "pair:a").add("INCR", "pair:b");
  const auto begin = clock::now();
  try {
    const std::vector<reply> answers = co_await in_.redis->exec(std::move(both));
    in_.expect(answers.size() == 2, "a transaction of two was answered " + std::to_string(answers.size()));
    if (answers.size() == 2) {
      const auto a = answers[0].view().integer();
      const auto b = answers[1].view().integer();
      in_.expect(a == b, "a transaction was answered " + std::to_string(a) + " and " + std::to_string(b));
      acknowledge(pair_, a, "EXEC");
    }
  } catch (const error& e) {
    note(pair_, "EXEC", e);
  }
  in_.ended("EXEC", begin, allowed.timeout);
}

asio::awaitable<void> workload::watch_and_set() {
  auto begin = clock::now();
  bool changing = false;
  try {
    session own = co_await in_.redis->lease();
    in_.ended("lease", begin, allowed.timeout);
    begin = clock::now();
    co_await own.exec("WATCH", "watched");
    in_.ended("WATCH", begin, allowed.timeout);
    begin = clock::now();
    const auto before = co_await own.exec<std::optional<std::int64_t>>("GET", "watched");
    in_.ended("GET of a session", begin, allowed.timeout);
    begin = clock::now();
    transaction change;
    const std::int64_t after = before.value_or(0) + 1;
    change.add("SET", "watched", after);
    changing = true;
    const auto done = co_await own.exec(std::move(change));
    if (done) acknowledge(watched_, after, "EXEC of a session");
  } catch (const error& e) {
    // What was watched and not yet changed cannot have been applied, whatever a WATCH says of itself.
    if (changing && e.maybe_applied()) ++watched_.maybe;
    in_.failed("a session", e);
  }
  in_.ended("a session", begin, allowed.timeout);
}

asio::awaitable<void> workload::verify() {
  std::vector<test::answer> found;
  std::function<void()> look = [&] {
    for (const char* key : {"counter", "scripted", "batched", "watched", "pair:a", "pair:b"})
      found.push_back(demand(in_.server, {"GET", key}));
    found.push_back(demand(in_.server, {"LRANGE", "list", "0", "-1"}));
  };
  co_await in_.elsewhere(std::move(look));
  compare(counter_, "counter", found[0]);
  compare(scripted_, "scripted", found[1]);
  compare(batched_, "batched", found[2]);
  compare(watched_, "watched", found[3]);
  compare(pair_, "pair:a", found[4]);
  in_.expect(number_in(found[4]) == number_in(found[5]), "half of a transaction was executed");
  compare_list(found[6]);
  const std::uint64_t excuse = in_.between.figures().corrupted;
  in_.expect(damaged_ <= (in_.about.via == transport::tls ? 0 : excuse),
             std::to_string(damaged_) + " values were damaged, " + std::to_string(excuse) + " bytes were");
}

void workload::compare(const tally& of, const std::string& key, const test::answer& found) {
  const std::int64_t at_server = number_in(found);
  in_.expect(at_server >= of.acknowledged && at_server <= of.acknowledged + of.maybe,
             key + " is " + std::to_string(at_server) + " at the server: " + std::to_string(of.acknowledged) +
                 " acknowledged, " + std::to_string(of.maybe) + " perhaps");
}

void workload::compare_list(const test::answer& found) {
  std::map<std::string, int> times;
  for (const test::answer& each : found.items) ++times[each.text];
  for (const auto& [element, count] : times) {
    in_.expect(count == 1, "element " + element + " was pushed " + std::to_string(count) + " times");
    in_.expect(on_list_.contains(element) || maybe_list_.contains(element),
               "element " + element + " is there, though its RPUSH was reported as not applied");
  }
  for (const std::string& element : on_list_) {
    in_.expect(times.contains(element), "element " + element + " is missing, though its RPUSH was acknowledged");
  }
}

}  // namespace redstart::chaos
