// SPDX-License-Identifier: MIT
// hiredis: its pipeline, as its README describes it: as many commands are appended as shall be in flight, then their
// replies are taken. With one in flight this is what redisCommand does. To append a command for each reply that is
// taken would keep more in flight, but takes more system calls: it was measured, and was slower.
#include "worker/load.hpp"

#include <hiredis/hiredis.h>

#include <memory>

namespace {

struct release {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using context_ptr = std::unique_ptr<redisContext, release>;
using reply_ptr = std::unique_ptr<redisReply, release>;

/// One command after the other, with its arguments as hiredis wants them.
class commands {
 public:
  explicit commands(const bench::task& asked) : asked_(asked), value_(asked.size, 'x') {
    if (asked.kind == "get") {
      set({"GET", "bench:key"});
    } else if (asked.kind == "set") {
      set({"SET", "bench:key", value_});
    } else if (asked.kind == "incr") {
      set({"INCR", "bench:counter"});
    } else if (asked.kind == "mget") {
      std::vector<std::string> all = bench::numbered_keys(bench::mget_keys);
      all.insert(all.begin(), "MGET");
      set(std::move(all));
    } else if (asked.kind == "mix") {
      keys_ = bench::numbered_keys(bench::mix_keys);
    } else {
      throw std::invalid_argument("no workload '" + asked.kind + "'");
    }
  }

  void append(redisContext* to) {
    if (!keys_.empty()) {
      const std::string& key = keys_[choose_.key()];
      if (choose_.writes()) {
        put(std::initializer_list<std::string_view>{"SET", key, value_});
      } else {
        put(std::initializer_list<std::string_view>{"GET", key});
      }
    }
    redisAppendCommandArgv(to, static_cast<int>(texts_.size()), texts_.data(), lengths_.data());
  }

  [[nodiscard]] bool good(const redisReply& reply) const {
    switch (reply.type) {
      case REDIS_REPLY_STRING:
        return reply.len == asked_.size;
      case REDIS_REPLY_STATUS:
      case REDIS_REPLY_INTEGER:
        return true;
      case REDIS_REPLY_ARRAY:
        return reply.elements == bench::mget_keys && reply.element[bench::mget_keys - 1]->len == 64;
      default:
        return false;
    }
  }

 private:
  void set(std::vector<std::string> arguments) {
    owned_ = std::move(arguments);
    put(owned_);
  }
  template <class Texts>
  void put(const Texts& arguments) {
    texts_.clear();
    lengths_.clear();
    for (const std::string_view each : arguments) {
      texts_.push_back(each.data());
      lengths_.push_back(each.size());
    }
  }

  const bench::task& asked_;
  std::string value_;
  std::vector<std::string> owned_;
  std::vector<std::string> keys_;
  bench::mixer choose_;
  std::vector<const char*> texts_;
  std::vector<std::size_t> lengths_;
};

reply_ptr next_reply(redisContext* from) {
  void* reply = nullptr;
  if (redisGetReply(from, &reply) != REDIS_OK) throw std::runtime_error(from->errstr);
  return reply_ptr(static_cast<redisReply*>(reply));
}

void run(const bench::task& asked) {
  const context_ptr context(redisConnect(asked.host.c_str(), std::stoi(asked.port)));
  if (!context || context->err) throw std::runtime_error("cannot connect");
  commands command(asked);
  bench::meter counted(asked);
  bench::window measured({&counted});
  std::vector<std::int64_t> begun(static_cast<std::size_t>(asked.in_flight));
  enum class phase { warming_up, measuring, ending } now_is = phase::warming_up;
  const double warm_up_end = static_cast<double>(bench::now_ns()) + asked.warm_up() * 1e9;
  const double end = warm_up_end + asked.seconds * 1e9;
  const auto watch_the_time = [&] {
    const auto now = static_cast<double>(bench::now_ns());
    if (now_is == phase::warming_up && now >= warm_up_end) {
      measured.open();
      now_is = phase::measuring;
    } else if (now_is == phase::measuring && now >= end) {
      measured.close();
      now_is = phase::ending;
    }
  };
  if (asked.operations != 0) measured.open();
  std::size_t appended = 0;
  do {
    for (appended = 0; appended < begun.size() && counted.more(); ++appended) {
      begun[appended] = counted.begin();
      command.append(context.get());
    }
    for (std::size_t i = 0; i < appended; ++i) {
      const reply_ptr reply = next_reply(context.get());
      if (!command.good(*reply)) throw std::runtime_error("a wrong answer");
      counted.end(begun[i]);
    }
    if (asked.operations == 0) watch_the_time();
  } while (appended != 0);
  if (asked.operations != 0) measured.close();
  measured.print();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(bench::parse_task(argc, argv));
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
  }
}
