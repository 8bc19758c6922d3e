// SPDX-License-Identifier: MIT
// A client with a thread of its own. That thread never waits for the interpreter.
#pragma once

#include "bridge.hpp"
#include "redstart/client.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace redstart::python {

class runtime : public std::enable_shared_from_this<runtime> {
 public:
  explicit runtime(const config& settings);
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;
  ~runtime() { stop(); }

  [[nodiscard]] client& redis() noexcept { return *client_; }
  [[nodiscard]] asio::io_context& context() noexcept { return context_; }

  /// Runs `f` on the engine's thread.
  template <class F>
  void post(F&& f) {
    asio::post(context_, std::forward<F>(f));
  }
  /// Elements that were taken from a queue for nobody: back to its head, in the order they had.
  void give_back(std::string queue, std::vector<std::string> elements) noexcept;
  /// Waits for what is being given back, then disconnects. Call it on the engine's thread.
  asio::awaitable<void> disconnect();

  /// Ends the client and its thread; every operation is delivered before this returns. Not for a thread that holds the
  /// interpreter's lock, so that nobody waits for this one meanwhile. To be called before the last owner lets go, so
  /// that the engine never joins itself. After a fork there is no thread: then it is neither stopped nor destroyed.
  void stop() noexcept;

  // For threads that hold the interpreter's lock.
  std::vector<std::shared_ptr<bridge>> bridges;
  birthplace born;
  bool ending = false;  ///< `stop` was or is about to be called

 private:
  void run() noexcept;
  asio::awaitable<void> return_to_queue(std::string queue, std::vector<std::string> backwards);

  asio::io_context context_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  std::optional<client> client_;
  std::atomic<int> giving_back_ = 0;
  std::promise<void> ended_;
  std::thread thread_;
};

}  // namespace redstart::python
