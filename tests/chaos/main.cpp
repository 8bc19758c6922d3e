// SPDX-License-Identifier: MIT
// Faults against a client of a real server: the matrix, and cancelling at every point.
#include "chaos/cancel_storm.hpp"
#include "chaos/matrix.hpp"
#include "chaos/measure.hpp"
#include "chaos/overload.hpp"
#include "chaos/self_test.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <thread>

namespace redstart::chaos {
namespace {

struct options {
  std::uint64_t seed = 1;
  unsigned minutes = 0;
  std::string json{};
  std::string cell{};
  bool quick = false;
  std::uint64_t operations = 1'000'000;
  unsigned seconds = 60;
};

// Cells whose name is, begins with, or holds what was asked for.
std::vector<cell> wanted_cells(const options& with, std::uint64_t seed) {
  if (with.cell.empty()) return with.quick ? some_cells(seed) : every_cell();
  std::vector<cell> all = every_cell();
  std::erase_if(all, [&](const cell& each) { return each.name().find(with.cell) == std::string::npos; });
  return all;
}

int run_matrix(const options& with) {
  // What is made once, and kept, is made by the first cells: the last one is of TLS.
  run_cell(every_cell().front(), with.seed);
  run_cell(every_cell().back(), with.seed);
  const std::size_t heap = heap_in_use();
  const auto end = clock::now() + std::chrono::minutes(with.minutes);
  figures measured;
  std::jthread measuring([&] {
    if (!with.cell.empty()) return;
    measured.dead_peer_found_ms = measure_dead_peer();
    measured.restart_to_first_answer_ms = measure_restart(with.quick ? 1 : 5);
  });
  std::vector<cell_result> results;
  std::uint64_t seed = with.seed;
  do {
    const std::vector<cell> cells = wanted_cells(with, seed);
    std::fprintf(stderr, "seed %llu: %zu cells\n", static_cast<unsigned long long>(seed), cells.size());
    std::vector<cell_result> round = run_cells(cells, seed);
    std::move(round.begin(), round.end(), std::back_inserter(results));
    ++seed;
  } while (clock::now() < end);
  measuring.join();
  const std::size_t kept = heap_in_use() - std::min(heap, heap_in_use());

  print_matrix(results);
  const auto failed = std::count_if(results.begin(), results.end(), [](const auto& each) { return !each.got.ok(); });
  milliseconds slowest{};
  int undecided = 0;
  for (const cell_result& each : results) {
    slowest = std::max(slowest, each.got.recovered);
    undecided += each.undecided;
  }
  std::printf("slowest recovery: %lld ms after the end of the fault (at most %lld ms are allowed)\n",
              static_cast<long long>(slowest.count()), static_cast<long long>(allowed.recovery.count()));
  if (with.cell.empty()) {
    std::printf("dead_peer_found_ms %ld (at most %ld): from a peer's silence to the answer over a new connection\n",
                measured.dead_peer_found_ms, dead_peer_bound());
    std::printf("restart_to_first_answer_ms %ld (at most %ld): from the start of a killed server\n",
                measured.restart_to_first_answer_ms, restart_bound());
  }
  const std::size_t may_keep = allowed.kept + results.size() * 512;  // and what is kept of each, for the report
  std::printf("memory: %zu KiB in use more than after the first cell (at most %zu)\n", kept / 1024, may_keep / 1024);
  if (!with.json.empty()) std::ofstream(with.json) << to_json(with.seed, results, measured) << '\n';
  std::printf("%zu cells, %lld failed; %d tries were repeated because the machine stood still\n", results.size(),
              static_cast<long long>(failed), undecided);
  const auto within = [](long found, long bound) { return found >= 0 && found <= bound; };
  const bool measures_good = within(measured.dead_peer_found_ms, dead_peer_bound()) &&
                             within(measured.restart_to_first_answer_ms, restart_bound());
  if (!measures_good) std::printf("FAILED: a measure is beyond its bound\n");
  if (kept > may_keep) std::printf("FAILED: memory is not flat\n");
  if (results.empty()) std::printf("FAILED: no such cell\n");
  return results.empty() || failed != 0 || !measures_good || kept > may_keep ? 1 : 0;
}

int run_cancel(const options& with) {
  const std::uint64_t elements = std::clamp<std::uint64_t>(with.operations / 100, 200, 100'000);
  bool good = true;
  for (const transport via : {transport::tcp, transport::unix_socket}) {
    good = run_read_storm(via, with.operations / 2, with.seed) && good;
    good = run_pop_storm(via, elements / 2, with.seed) && good;
  }
  return good ? 0 : 1;
}

int run_too_much(const options& with) {
  const bool more = run_overload(std::chrono::seconds(with.seconds), with.seed);
  const bool away = run_outage(std::chrono::seconds(with.seconds), with.seed);
  return more && away ? 0 : 1;
}

}  // namespace
}  // namespace redstart::chaos

int main(int count, char** words) {
  using namespace redstart::chaos;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // whoever reads a log of it sees how far it is
  options with;
  CLI::App app("Does to a client of a real server whatever can happen, and checks what must hold.");
  app.add_option("--seed", with.seed, "decides where and when faults strike")->capture_default_str();
  app.add_option("--minutes", with.minutes, "goes on with further seeds for this long");
  app.add_option("--json", with.json, "writes the results to a file");
  app.add_option("--cell", with.cell, "only cells whose name contains this: fault/state/protocol/transport");
  app.add_flag("--quick", with.quick, "a part of the matrix, chosen by the seed");
  CLI::App* cancel = app.add_subcommand("cancel", "cancels reads and pops at every point");
  cancel->add_option("--operations", with.operations, "how many reads")->capture_default_str();
  cancel->add_option("--seed", with.seed, "decides what is cancelled when")->capture_default_str();
  CLI::App* overload = app.add_subcommand("overload", "offers more than is taken, then takes the server away");
  overload->add_option("--seconds", with.seconds, "how long each")->capture_default_str()->check(CLI::Range(4, 3600));
  overload->add_option("--seed", with.seed, "decides what is offered")->capture_default_str();
  const CLI::App* self_test =
      app.add_subcommand("self-test", "breaks each rule at the server's end, and wants it to be seen");
  CLI11_PARSE(app, count, words);
  try {
    if (self_test->parsed()) return run_self_test() ? 0 : 1;
    if (overload->parsed()) return run_too_much(with);
    return cancel->parsed() ? run_cancel(with) : run_matrix(with);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "redstart-chaos: %s\n", e.what());
    return 2;
  }
}
