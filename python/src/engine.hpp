// SPDX-License-Identifier: MIT
// What a RedisClient holds: settings, and the runtime while it is connected.
#pragma once

#include "runtime.hpp"

#include <pybind11/pybind11.h>

#include <memory>

namespace redstart::python {

namespace py = pybind11;

/// Shared by the views of one client that `with_options` makes.
class engine_state {
 public:
  explicit engine_state(config settings) : settings_(std::move(settings)) { settings_.validate(); }
  engine_state(const engine_state&) = delete;
  engine_state& operator=(const engine_state&) = delete;
  ~engine_state() { stop(); }

  /// The runtime, or `not_connected`, which says so in a forked child.
  [[nodiscard]] runtime& running();
  [[nodiscard]] bool is_running() const noexcept { return runtime_ && runtime_->born.is_here(); }
  /// Starts it unless it runs.
  runtime& start();
  /// Ends it; operations are told through their loops. Releases the interpreter's lock meanwhile.
  void stop() noexcept;
  [[nodiscard]] std::shared_ptr<bridge> bridge_for(PyObject* loop);

  /// Called in the child of a fork.
  static void forked() noexcept;
  /// Ends every runtime there is: for the end of the interpreter.
  static void stop_all() noexcept;

 private:
  void leave_to_parent() noexcept;

  config settings_;
  std::shared_ptr<runtime> runtime_;
};

struct engine_object {
  PyObject_HEAD std::shared_ptr<engine_state> state;
  call_options options;
  PyObject* weak_references;
};

/// Adds the type `Engine` to the module.
void add_engine_type(py::module_& to);

}  // namespace redstart::python
