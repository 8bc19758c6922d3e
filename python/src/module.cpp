// SPDX-License-Identifier: MIT
// The module redstart._redstart. What users see is Python: redstart/client.py.
#include "awaitable.hpp"
#include "engine.hpp"
#include "session.hpp"
#include "subscription.hpp"

#include <pybind11/pybind11.h>

PYBIND11_MODULE(_redstart, module) {
  using namespace redstart::python;
  add_awaitable_type(module);
  add_engine_type(module);
  add_subscription_type(module);
  add_session_type(module);

  // What runs is ended while there still is an interpreter to tell.
  py::module_::import("atexit").attr("register")(py::cpp_function([] { engine_state::stop_all(); }));
  py::dict hooks;
  hooks["after_in_child"] = py::cpp_function([] { engine_state::forked(); });
  py::module_::import("os").attr("register_at_fork")(**hooks);
}
