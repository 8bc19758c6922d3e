// SPDX-License-Identifier: MIT
// Workers: take events from the queue in batches, score them, publish alerts.
#pragma once

#include "batch.hpp"
#include "settings.hpp"
#include "totals.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <redstart/client.hpp>
#include <redstart/log.hpp>

#include <chrono>
#include <list>
#include <string>
#include <string_view>
#include <vector>

namespace hub {

namespace asio = boost::asio;

/// The workers of one hub: `settings::workers` coroutines on a strand of their own.
///
/// An element that was taken ends in one of three ways: it is processed (its alert, if any, is published); it is no
/// event and is kept in `detections:unreadable`, or logged when Redis refuses that again and again; or it goes back to
/// the head of the queue. While Redis is away workers keep what they have, and try again until it is back.
///
/// So an alert reaches screens at least once, and stands in `alerts` once. What a lost connection leaves unknown is
/// done again: an alert may be published twice, with the same id. What remains: when the workers stop just then, its
/// event goes back, and whoever takes it again publishes an alert with another id. When the process dies with an alert
/// listed and not published, only who reads the list learns of it.
///
/// Everything that is passed in must live longer. An object that was started must be stopped before it is destroyed,
/// unless its execution context is gone already.
class workers {
 public:
  /// `log` is called on the strand, one call at a time.
  workers(const asio::any_io_executor& executor, const redstart::client& redis, const settings& of, totals& counts,
          redstart::log_sink log = {});
  workers(const workers&) = delete;
  workers& operator=(const workers&) = delete;
  ~workers();

  /// Begins to work. Once only.
  void start();

  /// Takes no more elements, and returns when all workers have ended. Waits end at once; a batch that is being written
  /// is finished; what cannot be finished goes back to the queue, within `limit`. Returns the elements that could not
  /// be given back, because Redis was away: nobody else has them. Not to be cancelled.
  asio::awaitable<std::vector<std::string>> stop(std::chrono::milliseconds limit);

 private:
  struct worker {
    explicit worker(const asio::any_io_executor& on) : timer(on) {}
    asio::steady_timer timer;          // pauses
    asio::cancellation_signal cancel;  // of the operation that is under way
    bool waiting = false;              // for elements: may be cancelled without loss
  };
  using elements = std::vector<std::string>;

  asio::awaitable<void> work(worker& me);
  asio::awaitable<elements> take(worker& me);
  asio::awaitable<void> handle(worker& me, elements batch);
  asio::awaitable<void> write(worker& me, class delivery& out);
  asio::awaitable<std::string> write_next(worker& me, class delivery& out);
  asio::awaitable<void> give_back(worker& me, elements unfinished, elements alerts);
  asio::awaitable<std::string> try_give_back(worker& me, const elements& unfinished, elements& alerts);
  asio::awaitable<void> pause(worker& me, std::chrono::milliseconds& time);
  asio::awaitable<elements> stop_here(std::chrono::milliseconds limit);
  asio::awaitable<void> all_ended();
  void interrupt(bool everything);
  void count(const class delivery& out, std::size_t taken);
  void tell_refused(const struct delivery_trouble& trouble) const;
  void tell_unlisted();
  void log(redstart::log_level level, const std::string& text) const;

  asio::any_io_executor strand_;
  const redstart::client& redis_;
  redstart::commands writes_;
  const settings& settings_;
  totals& totals_;
  redstart::log_sink log_;
  batch_scorer scorer_;
  moment unlisted_told_{};
  std::list<worker> workers_;
  asio::steady_timer ended_;  // cancelled when the last worker ends
  std::size_t running_ = 0;
  bool stopping_ = false;
  bool out_of_time_ = false;
  elements leftovers_;
};

}  // namespace hub
