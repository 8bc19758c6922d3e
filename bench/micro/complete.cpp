// SPDX-License-Identifier: MIT
// The way of a GET through the library without its sockets: submitted, staged, written, answered, decoded, handed over.
// What net::lane does around the machines, less its lock and its clock.
#include "core/line.hpp"
#include "core/operation_pool.hpp"
#include "micro/counting.hpp"
#include "redstart/detail/from_reply.hpp"
#include "redstart/detail/initiate.hpp"
#include "redstart/detail/outbox.hpp"
#include "resp/reader.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace core = redstart::core;
namespace detail = redstart::detail;

class no_target final : public detail::cancel_target {
 public:
  void cancel(void* /*op*/, std::uint64_t /*id*/) noexcept override {}
  std::shared_ptr<detail::cancel_target> keep_alive() override { return nullptr; }
};

class no_context final : public detail::operation_context {
 public:
  [[nodiscard]] std::string describe() const override { return {}; }
  [[nodiscard]] std::string advise(std::string_view /*error_text*/) const override { return {}; }
};

void complete_get(benchmark::State& state) {
  const auto in_flight = static_cast<std::size_t>(state.range(0));
  const std::string bytes = "$64\r\n" + std::string(64, 'x') + "\r\n";
  redstart::resp::reader reader;
  std::vector<redstart::reply_node> nodes;
  if (reader.read(bytes, nodes) != redstart::resp::read_status::complete) state.SkipWithError("no reply");
  const redstart::reply_view reply(nodes.data(), bytes.data());

  asio::io_context context;
  const asio::any_io_executor home = context.get_executor();
  no_target target;
  const core::random_source random = [] { return std::uint64_t{0}; };
  const core::time_point now = core::time_point{} + std::chrono::hours(1);
  core::line line(core::line_config{}, random, now);
  core::operation_pool pool;
  line.opened();
  std::size_t answered = 0;
  std::size_t written = 0;

  const auto round = [&] {
    for (std::size_t i = 0; i < in_flight; ++i) {
      core::operation& op = *pool.take();
      op.request = detail::request(true, {"GET", "bench:key"});
      op.deadline = now + std::chrono::seconds(5);
      auto handler = [&answered](const std::exception_ptr& failure, const std::optional<std::string>& value) {
        if (!failure && value) ++answered;
      };
      using maker_type = detail::typed_completion_maker<decltype(handler), std::optional<std::string>,
                                                        detail::decode_optional_value<std::string>>;
      detail::decode_optional_value<std::string> decode;
      maker_type maker(handler, decode, home);
      if (maker.size > sizeof op.storage) state.SkipWithError("the completion needs memory of its own");
      op.waiter = maker.make(op.storage, false, {target, &op, op.id});
      benchmark::DoNotOptimize(line.push(op));
    }
    while (line.has_output()) {
      const std::size_t count = line.output().size();
      line.wrote(count);
      written += count;
    }
    detail::outbox away;
    for (std::size_t i = 0; i < in_flight; ++i) {
      const auto taken = line.take_reply(reply, now);
      std::exchange(taken.op->waiter, nullptr)->answer(reply, no_context(), away);
      pool.put(*taken.op);
    }
  };
  round();
  answered = written = 0;
  bench::counting counted(state);
  for (auto _ : state) round();
  // Into the operation, from there into the output, and the value into the user's string.
  counted.finish(in_flight, 2 * written + 64 * answered);
  if (answered != static_cast<std::size_t>(state.iterations()) * in_flight) state.SkipWithError("an answer is missing");
}
BENCHMARK(complete_get)->ArgName("in_flight")->Arg(1)->Arg(64)->Arg(1000)->Arg(10000);

}  // namespace
