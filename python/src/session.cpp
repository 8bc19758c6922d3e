// SPDX-License-Identifier: MIT
#include "session.hpp"

#include "arguments.hpp"
#include "raise.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>

#include <new>

namespace redstart::python {

namespace {

struct session_object {
  PyObject_HEAD std::shared_ptr<leased> from;
};
PyTypeObject* type = nullptr;

session_object* self_of(PyObject* object) noexcept { return reinterpret_cast<session_object*>(object); }

session& session_of(const call& c) {
  if (Py_TYPE(c.args[0]) != type) throw py::type_error("this is no session");
  leased& from = *self_of(c.args[0])->from;
  if (!from.is_here()) throw error("this session is of the process that forked this one");
  // Nothing runs any more where it would be sent.
  if (!from.is_of(c.engine)) {
    throw not_connected("the client was disconnected since this session began: begin another with session()");
  }
  return from.own();
}

/// Holds the session for Python before its operation is delivered, so that one nobody waits for any more goes back.
class deliver_session {
 public:
  using cancellation_slot_type = asio::cancellation_slot;

  deliver_session(deliver to, runtime& engine) noexcept : to_(std::move(to)), engine_(&engine) {}
  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return to_.get_cancellation_slot(); }

  void operator()(std::exception_ptr failure, session own) {
    std::shared_ptr<leased> made;
    if (!failure) made = std::make_shared<leased>(engine_->shared_from_this(), std::move(own));
    to_(std::move(failure), std::move(made));
  }

 private:
  deliver to_;
  runtime* engine_;
};

void start_lease(const call& c) { c.engine.redis().lease(deliver_session(c.handler(), c.engine)); }

// Arguments: the session, the command as a tuple.
void start_execute(const call& c) {
  const arguments all(c.args[1]);
  c.begin(session_of(c).exec<reply>(all.command(), each(all.rest())));
}

// Arguments: the session, commands, each a tuple.
void start_transaction(const call& c) { c.begin(session_of(c).exec(batch_of<transaction>(c.args[1]))); }

PyObject* close(PyObject* object, PyObject*) {
  if (self_of(object)->from->is_here()) self_of(object)->from->own().close();
  Py_RETURN_NONE;
}

void dealloc(PyObject* object) {
  self_of(object)->from.~shared_ptr();
  PyTypeObject* const mine = Py_TYPE(object);
  mine->tp_free(object);
  Py_DECREF(mine);
}

}  // namespace

constexpr verb lease_verb{"lease", 0, start_lease};
constexpr verb session_execute_verb{"session_execute", 2, start_execute};
constexpr verb session_transaction_verb{"session_transaction", 2, start_transaction};

PyObject* make_session(std::shared_ptr<leased> from) noexcept {
  auto* const self = reinterpret_cast<session_object*>(type->tp_alloc(type, 0));
  if (self) new (&self->from) std::shared_ptr<leased>(std::move(from));
  return reinterpret_cast<PyObject*>(self);
}

void add_session_type(py::module_& to) {
  static PyMethodDef methods[] = {
      {"close", close, METH_NOARGS, nullptr},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_methods, methods},
      {0, nullptr},
  };
  static PyType_Spec spec = {"redstart._redstart.Session", sizeof(session_object), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!type) throw py::error_already_set();
  to.attr("Session") = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(type));
}

}  // namespace redstart::python
