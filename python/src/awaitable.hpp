// SPDX-License-Identifier: MIT
// The Python object that a verb returns: a coroutine until it is started, a future of its event loop from then on.
//
// It is both, because either alone costs: a coroutine that awaits a future is two objects and two calls more for each
// operation, and a bare future is not what `asyncio.run`, `create_task` and a loop that does not run yet take.
// As a coroutine it does nothing before it is awaited, and then encodes its arguments; as a future it yields itself.
#pragma once

#include "engine.hpp"
#include "operation.hpp"

#include <pybind11/pybind11.h>

namespace redstart::python {

/// What a verb needs to begin.
struct call {
  runtime& engine;
  const call_options& options;
  PyObject* const* args;
  operation_ptr op;

  [[nodiscard]] commands redis() const { return engine.redis().with(options); }
  [[nodiscard]] deliver handler() const { return deliver(op); }
  /// Begins what a verb without a token returned, now or with the rest of the loop's turn.
  template <class Deferred>
  void begin(Deferred&& what) const {
    bridge& home = op->home();
    if (!home.holds()) return std::forward<Deferred>(what)(handler());
    home.hold(std::make_unique<held<std::decay_t<Deferred>>>(std::forward<Deferred>(what), op));
  }
};

struct verb {
  const char* name;
  int args;  ///< exactly so many
  void (*start)(const call&);
  bool connects = false;  ///< may be called while there is no runtime
};

inline constexpr int max_args = 4;

/// A new awaitable for `what`, not started. Null with the interpreter's error set.
[[nodiscard]] PyObject* make_awaitable(const verb& what, engine_object* engine, PyObject* const* args) noexcept;
/// One that is done already. Steals `value`.
[[nodiscard]] PyObject* make_ready_awaitable(PyObject* value) noexcept;

/// Settles every operation of a chain: the callback of the loop that watches the bridge. False with the interpreter's
/// error set when one of the callbacks ends the program; the rest is back in the bridge then.
[[nodiscard]] bool settle_all(bridge& from) noexcept;
/// Lets go of what nobody will take: the loop is closed.
void drop_all(bridge& from) noexcept;

void add_awaitable_type(py::module_& to);

/// Makes what Redis answered a Python object. Throws.
[[nodiscard]] PyObject* answer_object(const answer& value, bool as_text);

}  // namespace redstart::python
