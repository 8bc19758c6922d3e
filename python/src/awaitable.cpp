// SPDX-License-Identifier: MIT
#include "awaitable.hpp"

#include "raise.hpp"
#include "subscription.hpp"
#include "values.hpp"

#include <structmember.h>

#include <cstddef>
#include <cstring>
#include <new>
#include <vector>

namespace redstart::python {

namespace {

enum class phase : std::uint8_t {
  unstarted,
  pending,
  done,       ///< there is an answer or a failure
  cancelled,  ///< by `cancel`
  closed,     ///< it ended before it began
};

struct listener {
  PyObject* callback;
  PyObject* context;
};

struct awaitable {
  PyObject_HEAD const verb* what;
  engine_object* engine;     // until it is started
  PyObject* args[max_args];  // as well
  PyObject* loop;            // from then on
  operation* op;             // as well, owned
  PyObject* value;           // what was made of the answer
  PyObject* error;           // what was made of the failure
  PyObject* cancel_message;
  listener first;  // nearly always the only one
  std::vector<listener>* others;
  PyObject* weak_references;
  phase state;
  bool blocking;
  bool taken;  // the answer, by `await`
  bool seen;   // the outcome, by anyone
};

PyTypeObject* type = nullptr;
// Borrowed for ever from their modules.
PyObject* get_running_loop = nullptr;
PyObject* cancelled_error = nullptr;
PyObject* context_keyword = nullptr;
struct names {
  PyObject* call_soon;
  PyObject* call_exception_handler;
} name;

awaitable* self_of(PyObject* object) noexcept { return reinterpret_cast<awaitable*>(object); }

// --- Starting --------------------------------------------------------------------------------------------------------

void drop_arguments(awaitable* self) noexcept {
  for (PyObject*& arg : self->args) Py_CLEAR(arg);
  Py_CLEAR(self->engine);
}

/// False with the interpreter's error set: nothing was started, and nothing will be.
bool start(awaitable* self) noexcept {
  PyObject* const loop = PyObject_CallNoArgs(get_running_loop);
  if (!loop) return false;
  self->loop = loop;
  self->state = phase::closed;
  operation_ptr op;
  bool good = false;
  try {
    engine_state& engine = *self->engine->state;
    runtime& run = self->what->connects ? engine.start() : engine.running();
    op = new operation(reinterpret_cast<PyObject*>(self), engine.bridge_for(loop));
    Py_INCREF(self);
    self->what->start({run, self->engine->options, self->args, op});
    op->home().in_flight++;
    self->op = op.detach();
    self->state = phase::pending;
    good = true;
  } catch (...) {
    set_error(std::current_exception());
    // Its handler may have been dropped with the exception, and is on its way then.
    if (op && op->abandon()) {
      Py_DECREF(self);
    } else if (op) {
      op->home().in_flight++;
    }
  }
  drop_arguments(self);
  return good;
}

// --- Telling ---------------------------------------------------------------------------------------------------------

void report(awaitable* self, const char* message, PyObject* exception) noexcept {
  try {
    py::dict context;
    context["message"] = message;
    context["exception"] = py::reinterpret_borrow<py::object>(exception ? exception : Py_None);
    context["future"] = py::str(self->what ? self->what->name : "");
    PyObject* const result = PyObject_CallMethodOneArg(self->loop, name.call_exception_handler, context.ptr());
    if (result) return Py_DECREF(result);
  } catch (py::error_already_set& e) {
    e.restore();
  }
  PyErr_WriteUnraisable(self->loop);
}

/// Has the loop call it in its next turn.
bool call_soon(awaitable* self, const listener& whom) noexcept {
  PyObject* const method = PyObject_GetAttr(self->loop, name.call_soon);
  if (!method) return false;
  PyObject* const args[] = {whom.callback, reinterpret_cast<PyObject*>(self), whom.context};
  PyObject* const handle = PyObject_Vectorcall(method, args, 2, whom.context ? context_keyword : nullptr);
  Py_DECREF(method);
  Py_XDECREF(handle);
  return handle != nullptr;
}

/// Calls it now, as the loop would: we are a callback of the loop ourselves, so this is its turn. False with the
/// interpreter's error set when the program is to end.
bool call_now(awaitable* self, const listener& whom) noexcept {
  if (!whom.context || PyContext_Enter(whom.context) != 0) {
    PyErr_Clear();
    return call_soon(self, whom);
  }
  PyObject* const result = PyObject_CallOneArg(whom.callback, reinterpret_cast<PyObject*>(self));
  Py_XDECREF(result);
  PyObject *type_of, *value, *trace;
  PyErr_Fetch(&type_of, &value, &trace);
  if (PyContext_Exit(whom.context) != 0) PyErr_WriteUnraisable(whom.callback);
  if (result) return true;
  PyErr_NormalizeException(&type_of, &value, &trace);
  if (PyErr_GivenExceptionMatches(type_of, PyExc_KeyboardInterrupt) ||
      PyErr_GivenExceptionMatches(type_of, PyExc_SystemExit)) {
    PyErr_Restore(type_of, value, trace);
    return false;
  }
  if (trace) PyException_SetTraceback(value, trace);
  report(self, "an exception in a callback of an operation", value);
  Py_XDECREF(type_of);
  Py_XDECREF(value);
  Py_XDECREF(trace);
  return true;
}

template <class Call>
bool tell_listeners(awaitable* self, Call how) noexcept {
  const listener first = std::exchange(self->first, {});
  const std::unique_ptr<std::vector<listener>> others(std::exchange(self->others, nullptr));
  bool good = true;
  const auto tell = [&](const listener& whom) {
    if (!whom.callback) return;
    if (!how(self, whom)) good = false;
    Py_DECREF(whom.callback);
    Py_XDECREF(whom.context);
  };
  tell(first);
  if (others) {
    for (const listener& whom : *others) tell(whom);
  }
  return good;
}

// --- Results ---------------------------------------------------------------------------------------------------------

void raise_cancelled(awaitable* self) noexcept {
  if (self->cancel_message) {
    PyErr_SetObject(cancelled_error, self->cancel_message);
  } else {
    PyErr_SetNone(cancelled_error);
  }
}

/// Makes Python objects of the outcome. False with the interpreter's error set.
bool materialize(awaitable* self) noexcept {
  if (self->value || self->error) return true;
  operation& op = *self->op;
  if (op.failure) {
    self->error = exception_object(op.failure);
    op.failure = nullptr;
    return self->error != nullptr;
  }
  try {
    self->value = answer_object(op.value, op.as_text);
    // Kept while it might have to go back.
    if (!op.keeper) op.value = {};
    return true;
  } catch (...) {
    set_error(std::current_exception());
    return false;
  }
}

/// The value, a new reference; null with the interpreter's error set to what the operation failed with.
PyObject* outcome(awaitable* self) noexcept {
  switch (self->state) {
    case phase::done:
      break;
    case phase::cancelled:
      raise_cancelled(self);
      return nullptr;
    case phase::closed:
      PyErr_SetString(PyExc_RuntimeError, "cannot reuse an operation that ended already");
      return nullptr;
    default: {
      const py::object invalid = py::module_::import("asyncio").attr("InvalidStateError");
      PyErr_SetString(invalid.ptr(), "the result is not there yet");
      return nullptr;
    }
  }
  self->seen = true;
  if (!materialize(self)) return nullptr;
  if (self->error) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(self->error)), self->error);
    return nullptr;
  }
  Py_INCREF(self->value);
  return self->value;
}

/// An answer that nobody took goes back where it came from.
void put_back(awaitable* self) noexcept {
  if (self->op && !std::exchange(self->taken, true)) self->op->take_back();
}

// --- The protocol of coroutines --------------------------------------------------------------------------------------

PySendResult send_next(PyObject* object, PyObject*, PyObject** result) {
  awaitable* const self = self_of(object);
  *result = nullptr;
  if (self->state == phase::unstarted && !start(self)) return PYGEN_ERROR;
  if (self->state == phase::pending) {
    self->blocking = true;
    Py_INCREF(object);
    *result = object;
    return PYGEN_NEXT;
  }
  *result = outcome(self);
  if (!*result) return PYGEN_ERROR;
  self->taken = true;
  if (self->op) self->op->value = {};
  return PYGEN_RETURN;
}

PyObject* set_stop_iteration(PyObject* value) noexcept {
  // A tuple or an exception would be taken for its arguments.
  PyObject* const stop = PyObject_CallOneArg(PyExc_StopIteration, value);
  if (stop) {
    PyErr_SetObject(PyExc_StopIteration, stop);
    Py_DECREF(stop);
  }
  return nullptr;
}

PyObject* next(PyObject* self) {
  PyObject* result = nullptr;
  if (send_next(self, Py_None, &result) != PYGEN_RETURN) return result;
  set_stop_iteration(result);
  Py_DECREF(result);
  return nullptr;
}

PyObject* send(PyObject* self, PyObject*) { return next(self); }

PyObject* await(PyObject* self) {
  Py_INCREF(self);
  return self;
}

bool cancel_now(awaitable* self, PyObject* message) noexcept;

PyObject* throw_into(PyObject* object, PyObject* const* args, Py_ssize_t count) {
  awaitable* const self = self_of(object);
  if (count < 1 || count > 3) {
    PyErr_SetString(PyExc_TypeError, "throw takes one to three arguments");
    return nullptr;
  }
  if (self->state == phase::unstarted) {
    self->state = phase::closed;
    drop_arguments(self);
  }
  if (self->state == phase::pending) cancel_now(self, nullptr);
  if (self->state == phase::done) put_back(self);

  PyObject* const what = args[0];
  PyObject* const value = count > 1 && args[1] != Py_None ? args[1] : nullptr;
  PyObject* const trace = count > 2 && args[2] != Py_None ? args[2] : nullptr;
  if (PyExceptionInstance_Check(what)) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(what)), what);
  } else if (PyExceptionClass_Check(what)) {
    Py_INCREF(what);
    Py_XINCREF(value);
    Py_XINCREF(trace);
    PyErr_Restore(what, value, trace);
  } else {
    PyErr_SetString(PyExc_TypeError, "exceptions must be classes or instances deriving from BaseException");
  }
  return nullptr;
}

PyObject* close(PyObject* object, PyObject*) {
  awaitable* const self = self_of(object);
  if (self->state == phase::unstarted) {
    self->state = phase::closed;
    drop_arguments(self);
  } else if (self->state == phase::pending) {
    cancel_now(self, nullptr);
  } else if (self->state == phase::done) {
    put_back(self);
  }
  Py_RETURN_NONE;
}

// --- The protocol of futures -----------------------------------------------------------------------------------------

PyObject* get_blocking(PyObject* object, void*) {
  const awaitable* const self = self_of(object);
  // asyncio.isfuture asks for this: not one until it is started, so that whoever gets it starts it as a coroutine.
  if (self->state == phase::unstarted) Py_RETURN_NONE;
  return PyBool_FromLong(self->blocking);
}

int set_blocking(PyObject* object, PyObject* value, void*) {
  const int blocking = value ? PyObject_IsTrue(value) : 0;
  if (blocking < 0) return -1;
  self_of(object)->blocking = blocking != 0;
  return 0;
}

PyObject* get_loop(PyObject* object, PyObject*) {
  awaitable* const self = self_of(object);
  if (self->loop) {
    Py_INCREF(self->loop);
    return self->loop;
  }
  return PyObject_CallNoArgs(get_running_loop);
}

bool is_over(const awaitable* self) noexcept {
  return self->state == phase::done || self->state == phase::cancelled || self->state == phase::closed;
}

PyObject* done(PyObject* object, PyObject*) { return PyBool_FromLong(is_over(self_of(object))); }
PyObject* was_cancelled(PyObject* object, PyObject*) {
  return PyBool_FromLong(self_of(object)->state == phase::cancelled);
}
PyObject* result(PyObject* object, PyObject*) { return outcome(self_of(object)); }

PyObject* exception(PyObject* object, PyObject*) {
  awaitable* const self = self_of(object);
  PyObject* const value = outcome(self);
  if (value) {
    Py_DECREF(value);
    Py_RETURN_NONE;
  }
  if (self->state != phase::done || !self->error) return nullptr;
  PyErr_Clear();
  Py_INCREF(self->error);
  return self->error;
}

PyObject* make_cancelled_error(PyObject* object, PyObject*) {
  const awaitable* const self = self_of(object);
  if (!self->cancel_message) return PyObject_CallNoArgs(cancelled_error);
  return PyObject_CallOneArg(cancelled_error, self->cancel_message);
}

bool cancel_now(awaitable* self, PyObject* message) noexcept {
  self->state = phase::cancelled;
  Py_XINCREF(message);
  Py_XSETREF(self->cancel_message, message);
  operation* const op = self->op;
  if (op->abandon()) {
    // The engine no longer touches what Python owns; it only has to hear of it.
    op->home().in_flight--;
    op->owner = nullptr;
    try {
      op->home().cancel(op);
    } catch (...) {
      // No memory to say so: what the engine brings is taken back all the same.
    }
    const bool good = tell_listeners(self, call_soon);
    Py_DECREF(self);
    return good;
  }
  // Brought already, and not handed out yet.
  put_back(self);
  return tell_listeners(self, call_soon);
}

PyObject* cancel(PyObject* object, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  awaitable* const self = self_of(object);
  if (count + (keywords ? PyTuple_GET_SIZE(keywords) : 0) > 1) {
    PyErr_SetString(PyExc_TypeError, "cancel takes a message at most");
    return nullptr;
  }
  if (self->state == phase::unstarted) {
    self->state = phase::cancelled;
    drop_arguments(self);
    Py_RETURN_TRUE;
  }
  if (self->state != phase::pending) Py_RETURN_FALSE;
  PyObject* message = count > 0 || keywords ? args[0] : nullptr;
  if (message == Py_None) message = nullptr;
  // Kept: what it owns may own itself.
  Py_INCREF(object);
  const bool good = cancel_now(self, message);
  Py_DECREF(object);
  if (!good) return nullptr;
  Py_RETURN_TRUE;
}

PyObject* add_done_callback(PyObject* object, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  awaitable* const self = self_of(object);
  if (count != 1) {
    PyErr_SetString(PyExc_TypeError, "add_done_callback takes one callback");
    return nullptr;
  }
  if (self->state == phase::unstarted && !start(self)) return nullptr;
  PyObject* context = keywords && PyTuple_GET_SIZE(keywords) == 1 ? args[1] : nullptr;
  if (context == Py_None) context = nullptr;
  Py_XINCREF(context);
  if (!context && !(context = PyContext_CopyCurrent())) return nullptr;
  const listener whom{args[0], context};
  Py_INCREF(args[0]);
  if (is_over(self)) {
    if (!self->loop) self->loop = PyObject_CallNoArgs(get_running_loop);
    const bool good = self->loop && call_soon(self, whom);
    Py_DECREF(whom.callback);
    Py_DECREF(whom.context);
    if (!good) return nullptr;
    Py_RETURN_NONE;
  }
  if (!self->first.callback && !self->others) {
    self->first = whom;
  } else {
    if (!self->others) self->others = new std::vector<listener>();
    self->others->push_back(whom);
  }
  Py_RETURN_NONE;
}

PyObject* remove_done_callback(PyObject* object, PyObject* callback) {
  awaitable* const self = self_of(object);
  std::vector<listener> all;
  if (self->first.callback) all.push_back(std::exchange(self->first, {}));
  const std::unique_ptr<std::vector<listener>> others(std::exchange(self->others, nullptr));
  if (others) all.insert(all.end(), others->begin(), others->end());
  Py_ssize_t removed = 0;
  bool failed = false;
  for (const listener& whom : all) {
    const int same = failed ? 0 : PyObject_RichCompareBool(whom.callback, callback, Py_EQ);
    failed = failed || same < 0;
    if (same > 0) {
      ++removed;
      Py_DECREF(whom.callback);
      Py_XDECREF(whom.context);
    } else if (!self->first.callback) {
      self->first = whom;
    } else {
      if (!self->others) self->others = new std::vector<listener>();
      self->others->push_back(whom);
    }
  }
  return failed ? nullptr : PyLong_FromSsize_t(removed);
}

// --- The type --------------------------------------------------------------------------------------------------------

PyObject* get_name(PyObject* object, void*) {
  const awaitable* const self = self_of(object);
  return PyUnicode_FromString(self->what ? self->what->name : "ready");
}

PyObject* repr(PyObject* object) {
  static constexpr const char* words[] = {"not awaited yet", "pending", "done", "cancelled", "closed"};
  const awaitable* const self = self_of(object);
  return PyUnicode_FromFormat("<redstart operation %s: %s>", self->what ? self->what->name : "ready",
                              words[static_cast<int>(self->state)]);
}

int traverse(PyObject* object, visitproc visit, void* arg) {
  awaitable* const self = self_of(object);
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->engine);
  for (PyObject* const held : self->args) Py_VISIT(held);
  Py_VISIT(self->loop);
  Py_VISIT(self->value);
  Py_VISIT(self->error);
  Py_VISIT(self->cancel_message);
  Py_VISIT(self->first.callback);
  Py_VISIT(self->first.context);
  if (self->others) {
    for (const listener& whom : *self->others) {
      Py_VISIT(whom.callback);
      Py_VISIT(whom.context);
    }
  }
  return 0;
}

int clear(PyObject* object) {
  awaitable* const self = self_of(object);
  drop_arguments(self);
  Py_CLEAR(self->loop);
  Py_CLEAR(self->value);
  Py_CLEAR(self->error);
  Py_CLEAR(self->cancel_message);
  Py_CLEAR(self->first.callback);
  Py_CLEAR(self->first.context);
  if (const std::unique_ptr<std::vector<listener>> others(std::exchange(self->others, nullptr)); others) {
    for (const listener& whom : *others) {
      Py_DECREF(whom.callback);
      Py_XDECREF(whom.context);
    }
  }
  return 0;
}

void finalize(PyObject* object) {
  awaitable* const self = self_of(object);
  PyObject *type_of, *value, *trace;
  PyErr_Fetch(&type_of, &value, &trace);
  if (self->state == phase::unstarted) {
    if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "operation '%s' was never awaited", self->what->name) != 0) {
      PyErr_WriteUnraisable(object);
    }
  } else if (self->state == phase::done && !self->seen) {
    put_back(self);
    if (self->op && self->op->failure && self->loop && materialize(self) && self->error) {
      report(self, "the exception of an operation was never retrieved", self->error);
    }
  }
  PyErr_Restore(type_of, value, trace);
}

void dealloc(PyObject* object) {
  awaitable* const self = self_of(object);
  // Nearly every operation was awaited to its end.
  if (!(self->seen && self->state == phase::done) && PyObject_CallFinalizerFromDealloc(object) < 0) return;
  PyObject_GC_UnTrack(object);
  if (self->weak_references) PyObject_ClearWeakRefs(object);
  clear(object);
  if (self->op) intrusive_ptr_release(self->op);
  PyTypeObject* const mine = Py_TYPE(object);
  PyObject_GC_Del(object);
  Py_DECREF(mine);
}

template <class F>
PyCFunction function(F* f) noexcept {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

awaitable* make() noexcept {
  awaitable* const self = PyObject_GC_New(awaitable, type);
  if (!self) return nullptr;
  std::memset(reinterpret_cast<char*>(self) + offsetof(awaitable, what), 0,
              sizeof(awaitable) - offsetof(awaitable, what));
  return self;
}

/// Settles the first of a chain. False with the interpreter's error set when the program is to end.
bool settle(operation* op) noexcept {
  awaitable* const self = self_of(op->owner);
  bool good = true;
  op->home().in_flight--;
  if (self->state == phase::pending) {
    self->state = phase::done;
    good = tell_listeners(self, call_now);
  }
  intrusive_ptr_release(op);
  Py_DECREF(self);
  return good;
}

}  // namespace

PyObject* make_awaitable(const verb& what, engine_object* engine, PyObject* const* args) noexcept {
  awaitable* const self = make();
  if (!self) return nullptr;
  self->what = &what;
  Py_INCREF(engine);
  self->engine = engine;
  for (int i = 0; i < what.args; ++i) {
    Py_INCREF(args[i]);
    self->args[i] = args[i];
  }
  PyObject_GC_Track(self);
  return reinterpret_cast<PyObject*>(self);
}

PyObject* make_ready_awaitable(PyObject* value) noexcept {
  awaitable* const self = value ? make() : nullptr;
  if (!self) {
    Py_XDECREF(value);
    return nullptr;
  }
  self->value = value;
  self->state = phase::done;
  PyObject_GC_Track(self);
  return reinterpret_cast<PyObject*>(self);
}

bool settle_all(bridge& from) noexcept {
  from.clear_wake();
  operation* chain = from.take_all();
  while (chain) {
    operation* const op = std::exchange(chain, chain->next);
    if (!settle(op)) {
      from.put_back(chain);
      return false;
    }
  }
  return true;
}

void drop_all(bridge& from) noexcept {
  operation* chain = from.take_all();
  while (chain) {
    operation* const op = std::exchange(chain, chain->next);
    from.in_flight--;
    PyObject* const owner = op->owner;
    // Whoever holds it still can see what became of it; its listeners are of a loop that is over.
    if (self_of(owner)->state == phase::pending) self_of(owner)->state = phase::done;
    if (op->failure) self_of(owner)->seen = true;
    intrusive_ptr_release(op);
    Py_DECREF(owner);
  }
}

void add_awaitable_type(py::module_& to) {
  static PyMethodDef methods[] = {
      {"send", send, METH_O, nullptr},
      {"throw", function(throw_into), METH_FASTCALL, nullptr},
      {"close", close, METH_NOARGS, nullptr},
      {"get_loop", get_loop, METH_NOARGS, nullptr},
      {"done", done, METH_NOARGS, nullptr},
      {"cancelled", was_cancelled, METH_NOARGS, nullptr},
      {"result", result, METH_NOARGS, nullptr},
      {"exception", exception, METH_NOARGS, nullptr},
      {"cancel", function(cancel), METH_FASTCALL | METH_KEYWORDS, nullptr},
      {"add_done_callback", function(add_done_callback), METH_FASTCALL | METH_KEYWORDS, nullptr},
      {"remove_done_callback", remove_done_callback, METH_O, nullptr},
      {"_make_cancelled_error", make_cancelled_error, METH_NOARGS, nullptr},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyGetSetDef properties[] = {
      {"_asyncio_future_blocking", get_blocking, set_blocking, nullptr, nullptr},
      {"__name__", get_name, nullptr, nullptr, nullptr},
      {"__qualname__", get_name, nullptr, nullptr, nullptr},
      {nullptr, nullptr, nullptr, nullptr, nullptr},
  };
  static PyMemberDef members[] = {
      {"__weaklistoffset__", T_PYSSIZET, offsetof(awaitable, weak_references), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_am_await, reinterpret_cast<void*>(await)},
      {Py_am_send, reinterpret_cast<void*>(send_next)},
      {Py_tp_iter, reinterpret_cast<void*>(await)},
      {Py_tp_iternext, reinterpret_cast<void*>(next)},
      {Py_tp_repr, reinterpret_cast<void*>(repr)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(clear)},
      {Py_tp_finalize, reinterpret_cast<void*>(finalize)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {Py_tp_members, members},
      {0, nullptr},
  };
  static PyType_Spec spec = {"redstart._redstart.Operation", sizeof(awaitable), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!type) throw py::error_already_set();
  const auto made = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(type));
  to.attr("Operation") = made;
  // asyncio takes for a coroutine what is registered as one.
  py::module_::import("collections.abc").attr("Coroutine").attr("register")(made);

  const py::module_ asyncio = py::module_::import("asyncio");
  get_running_loop = py::object(asyncio.attr("get_running_loop")).release().ptr();
  cancelled_error = py::object(asyncio.attr("CancelledError")).release().ptr();
  context_keyword = py::make_tuple("context").release().ptr();
  name = {PyUnicode_InternFromString("call_soon"), PyUnicode_InternFromString("call_exception_handler")};
}

}  // namespace redstart::python
