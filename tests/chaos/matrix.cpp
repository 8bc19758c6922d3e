// SPDX-License-Identifier: MIT
#include "chaos/matrix.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <random>
#include <thread>

namespace redstart::chaos {
namespace {

constexpr unsigned most_at_once = 4;
constexpr int most_tries = 4;
constexpr transport every_transport[] = {transport::tcp, transport::unix_socket, transport::tls};
constexpr int every_protocol[] = {2, 3};

// FNV-1a over the name, so that a cell does the same alone as among others.
std::uint64_t seed_of(const cell& one, std::uint64_t seed) {
  std::uint64_t hash = 14695981039346656037u ^ seed;
  for (const char each : one.name()) hash = (hash ^ static_cast<unsigned char>(each)) * 1099511628211u;
  return hash;
}

cell_result try_cell(const cell& one, std::uint64_t seed) {
  cell_result result{.what = one, .seed = seed, .got = {}};
  for (;;) {
    result.got = run_cell(one, seed_of(one, seed));
    if (!result.got.undecided() || result.undecided + 1 == most_tries) return result;
    ++result.undecided;
  }
}

void report(const cell_result& of, std::size_t done, std::size_t all) {
  if (of.got.ok()) {
    if (done % 50 == 0) std::fprintf(stderr, "%zu of %zu cells\n", done, all);
    return;
  }
  std::printf("FAILED %s, after %lld ms\n", of.what.name().c_str(), static_cast<long long>(of.got.spent.count()));
  for (const std::string& each : of.got.failures) std::printf("  %s\n", each.c_str());
  std::printf("  repeat: %s\n", repeat_command(of).c_str());
  std::fflush(stdout);
}

}  // namespace

std::vector<cell> every_cell() {
  std::vector<cell> result;
  for (const fault& what : every_fault()) {
    for (const state_kind state : every_state) {
      for (const transport via : every_transport) {
        for (const int protocol : every_protocol) {
          if (what.applies(state, via)) result.push_back({&what, state, protocol, via});
        }
      }
    }
  }
  return result;
}

std::vector<cell> some_cells(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::map<const fault*, std::vector<cell>> by_fault;
  for (const cell& each : every_cell()) by_fault[each.what].push_back(each);
  std::vector<cell> result;
  for (const fault& each : every_fault()) {
    const std::vector<cell>& cells = by_fault[&each];
    result.push_back(cells[random() % cells.size()]);
  }
  return result;
}

std::vector<cell_result> run_cells(const std::vector<cell>& cells, std::uint64_t seed) {
  std::vector<cell_result> results(cells.size());
  std::atomic<std::size_t> next{0};
  std::size_t done = 0;
  std::mutex printing;
  const auto work = [&] {
    for (std::size_t i = next++; i < cells.size(); i = next++) {
      results[i] = try_cell(cells[i], seed);
      const std::scoped_lock lock(printing);
      report(results[i], ++done, cells.size());
    }
  };
  std::vector<std::jthread> threads;
  const unsigned at_once = std::clamp(std::thread::hardware_concurrency(), 1u, most_at_once);
  for (unsigned i = 0; i < at_once; ++i) threads.emplace_back(work);
  threads.clear();
  return results;
}

std::string repeat_command(const cell_result& of) {
  return "./dev chaos --seed " + std::to_string(of.seed) + " --cell " + of.what.name();
}

void print_matrix(const std::vector<cell_result>& results) {
  struct count {
    int right = 0;
    int all = 0;
  };
  std::map<std::pair<const fault*, state_kind>, count> counts;
  for (const cell_result& each : results) {
    count& here = counts[{each.what.what, each.what.state}];
    ++here.all;
    here.right += each.got.ok() ? 1 : 0;
  }
  std::printf("%-16s", "");
  for (const state_kind state : every_state) std::printf(" %10s", std::string(name_of(state)).c_str());
  std::printf("\n");
  for (const fault& what : every_fault()) {
    std::printf("%-16s", std::string(what.name).c_str());
    for (const state_kind state : every_state) {
      const auto found = counts.find({&what, state});
      std::string text = "-";
      if (found != counts.end()) {
        const count& here = found->second;
        text = std::to_string(here.right);
        if (here.right != here.all) text += "/" + std::to_string(here.all) + "!";
      }
      std::printf(" %10s", text.c_str());
    }
    std::printf("\n");
  }
  std::printf("A number counts protocols, transports and rounds that were right; n/m! is a failure; - is not run.\n");
}

std::string to_json(std::uint64_t seed, const std::vector<cell_result>& results, const figures& measured) {
  boost::json::array cells;
  // A cell that ran in several rounds is right when it always was.
  std::map<std::string, const cell_result*> by_name;
  for (const cell_result& each : results) {
    const cell_result*& known = by_name[each.what.name()];
    if (known == nullptr || (known->got.ok() && !each.got.ok())) known = &each;
  }
  for (const auto& [name, each] : by_name) {
    cells.push_back(boost::json::object{{"fault", each->what.what->name},
                                        {"state", name_of(each->what.state)},
                                        {"protocol", each->what.protocol == 3 ? "RESP3" : "RESP2"},
                                        {"transport", name_of(each->what.via)},
                                        {"ok", each->got.ok()},
                                        {"repeat", repeat_command(*each)}});
  }
  const boost::json::object all{{"seed", seed},
                                {"cells", std::move(cells)},
                                {"dead_peer_found_ms", measured.dead_peer_found_ms},
                                {"restart_to_first_answer_ms", measured.restart_to_first_answer_ms}};
  return boost::json::serialize(all);
}

}  // namespace redstart::chaos
