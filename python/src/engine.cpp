// SPDX-License-Identifier: MIT
#include "engine.hpp"

#include "arguments.hpp"
#include "awaitable.hpp"
#include "raise.hpp"
#include "session.hpp"
#include "subscription.hpp"
#include "values.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <structmember.h>

#include <cmath>
#include <cstddef>
#include <new>
#include <unordered_set>

namespace redstart::python {

using namespace std::chrono_literals;

// --- The state of a client -------------------------------------------------------------------------------------------

namespace {

std::unordered_set<runtime*> all_runtimes;  // under the interpreter's lock

// The loop's own callback. The capsule goes when the loop lets go of it: told to, or closed.
constexpr const char* capsule_name = "redstart.bridge";

void retire(bridge& which) noexcept {
  which.drop_held();
  which.retire();
  drop_all(which);
  Py_CLEAR(which.end_of_turn);
  Py_CLEAR(which.loop);
}

void drop_capsule(PyObject* capsule) {
  auto* held = static_cast<std::shared_ptr<bridge>*>(PyCapsule_GetPointer(capsule, capsule_name));
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  if ((*held)->born.is_here()) {
    retire(**held);
    delete held;
  }
  PyErr_Restore(type, value, trace);
}

PyObject* on_readable(PyObject* capsule, PyObject*) {
  // Kept: the loop may drop the capsule meanwhile.
  const auto held = *static_cast<std::shared_ptr<bridge>*>(PyCapsule_GetPointer(capsule, capsule_name));
  if (!settle_all(*held)) return nullptr;
  if (held->ending && held->loop) {
    PyObject* const removed = PyObject_CallMethod(held->loop, "remove_reader", "i", held->descriptor());
    if (!removed) return nullptr;
    Py_DECREF(removed);
  }
  Py_RETURN_NONE;
}

// Not an owner: the bridge owns it.
constexpr const char* turn_name = "redstart.turn";

PyObject* on_end_of_turn(PyObject* capsule, PyObject*) {
  const auto of = static_cast<std::weak_ptr<bridge>*>(PyCapsule_GetPointer(capsule, turn_name))->lock();
  if (of) of->begin_held();
  Py_RETURN_NONE;
}

void drop_turn(PyObject* capsule) {
  delete static_cast<std::weak_ptr<bridge>*>(PyCapsule_GetPointer(capsule, turn_name));
}

PyMethodDef on_end_of_turn_method = {"end_of_turn", on_end_of_turn, METH_NOARGS, nullptr};
PyMethodDef on_readable_method = {"settle", on_readable, METH_NOARGS, nullptr};

bool is_closed(PyObject* loop) { return py::cast<bool>(py::reinterpret_borrow<py::object>(loop).attr("is_closed")()); }

}  // namespace

runtime& engine_state::running() {
  if (runtime_ && !runtime_->born.is_here()) {
    throw not_connected(
        "this client was connected before the process forked, and its connections are the parent's: connect "
        "again in the child");
  }
  if (!runtime_ || runtime_->ending) throw not_connected("the client is not connected: await connect() first");
  return *runtime_;
}

runtime& engine_state::start() {
  if (runtime_ && !runtime_->born.is_here()) leave_to_parent();
  if (!runtime_) {
    runtime_ = std::make_shared<runtime>(settings_);
    all_runtimes.insert(runtime_.get());
  }
  return *runtime_;
}

// Its thread is not here, and its locks may be held by it: nothing of it can be used, nor destroyed.
void engine_state::leave_to_parent() noexcept {
  [[maybe_unused]] auto* const leaked = new std::shared_ptr<runtime>(std::move(runtime_));
  runtime_ = nullptr;
}

void engine_state::stop() noexcept {
  if (!runtime_) return;
  if (!runtime_->born.is_here()) return leave_to_parent();
  const std::shared_ptr<runtime> ended = std::exchange(runtime_, nullptr);
  all_runtimes.erase(ended.get());
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  // Nobody awaits what was meant for a loop that is closed: elements of queues go back while there is a way.
  for (const auto& each : ended->bridges) {
    if (each->loop && PyErr_Occurred() == nullptr) {
      try {
        if (is_closed(each->loop)) retire(*each);
      } catch (const py::error_already_set&) {
      }
    }
  }
  // A held operation refers to the client.
  for (const auto& each : ended->bridges) each->drop_held();
  Py_BEGIN_ALLOW_THREADS;
  ended->stop();
  Py_END_ALLOW_THREADS;
  for (const auto& each : ended->bridges) {
    each->ending = true;
    if (each->loop) {
      each->wake();
    } else {
      drop_all(*each);
    }
  }
  PyErr_Restore(type, value, trace);
}

void engine_state::forked() noexcept {
  ++forks;
  all_runtimes.clear();
}

void engine_state::stop_all() noexcept {
  // Their owners find them stopped.
  const std::vector<runtime*> all(all_runtimes.begin(), all_runtimes.end());
  std::vector<std::shared_ptr<runtime>> held;
  held.reserve(all.size());
  for (runtime* each : all) {
    each->ending = true;
    held.push_back(each->shared_from_this());
  }
  all_runtimes.clear();
  for (const auto& each : held) {
    for (const auto& from : each->bridges) from->drop_held();
  }
  Py_BEGIN_ALLOW_THREADS;
  for (const auto& each : held) each->stop();
  Py_END_ALLOW_THREADS;
}

std::shared_ptr<bridge> engine_state::bridge_for(PyObject* loop) {
  auto& all = runtime_->bridges;
  for (const auto& each : all) {
    if (each->loop == loop) return each;
  }
  std::erase_if(all, [](const auto& each) {
    if (each->loop && is_closed(each->loop)) retire(*each);
    if (!each->loop) drop_all(*each);
    return !each->loop && each->in_flight == 0;
  });

  Py_INCREF(loop);
  const auto made = std::make_shared<bridge>(runtime_->context(), loop);
  auto held = std::make_unique<std::shared_ptr<bridge>>(made);
  const auto capsule = py::reinterpret_steal<py::object>(PyCapsule_New(held.get(), capsule_name, drop_capsule));
  if (!capsule) throw py::error_already_set();
  held.release();
  const auto callback = py::reinterpret_steal<py::object>(PyCFunction_New(&on_readable_method, capsule.ptr()));
  if (!callback) throw py::error_already_set();
  auto turn_of = std::make_unique<std::weak_ptr<bridge>>(made);
  const auto turn = py::reinterpret_steal<py::object>(PyCapsule_New(turn_of.get(), turn_name, drop_turn));
  if (!turn) throw py::error_already_set();
  turn_of.release();
  made->end_of_turn = PyCFunction_New(&on_end_of_turn_method, turn.ptr());
  if (!made->end_of_turn) throw py::error_already_set();
  py::reinterpret_borrow<py::object>(loop).attr("add_reader")(made->descriptor(), callback);
  all.push_back(made);
  return made;
}

// --- Verbs -----------------------------------------------------------------------------------------------------------

namespace {

/// Elements that a cancelled pop had taken already.
class returned_elements final : public lost_and_found {
 public:
  returned_elements(runtime& to, std::string_view queue) : to_(to.weak_from_this()), queue_(queue) {}
  void take_back(answer&& what) noexcept override {
    const auto to = to_.lock();
    if (!to || !to->born.is_here()) return;
    if (auto* one = std::get_if<std::string>(&what)) {
      std::vector<std::string> elements;
      elements.push_back(std::move(*one));
      to->give_back(queue_, std::move(elements));
    } else if (auto* many = std::get_if<std::vector<std::string>>(&what); many && !many->empty()) {
      to->give_back(queue_, std::move(*many));
    }
  }

 private:
  std::weak_ptr<runtime> to_;
  std::string queue_;
};

std::int64_t integer_of(PyObject* object) {
  const long long value = PyLong_AsLongLong(object);
  if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
  return value;
}

/// A time in seconds, int, float or timedelta.
double seconds_of(PyObject* object) {
  if (!PyFloat_Check(object) && !PyLong_Check(object) && PyObject_HasAttrString(object, "total_seconds")) {
    return py::cast<double>(py::reinterpret_borrow<py::object>(object).attr("total_seconds")());
  }
  const double value = PyFloat_AsDouble(object);
  if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
  if (std::isnan(value)) throw py::value_error("a time must be a number");
  return value;
}

/// Rounded up, so that a time above zero stays one. What no clock counts to is a hundred years.
template <class Unit>
Unit time_of(PyObject* object) {
  constexpr double most = 100.0 * 365 * 86400;
  const double seconds = std::min(seconds_of(object), most);
  return Unit(static_cast<std::int64_t>(std::ceil(seconds * Unit::period::den)));
}

std::chrono::nanoseconds wait_of(PyObject* object) {
  if (object == Py_None) return 0ns;
  const auto time = time_of<std::chrono::nanoseconds>(object);
  if (time < 0ns) throw py::value_error("a timeout must not be negative");
  return time;
}

// The last element of a queue's name list: names as run-time arguments.
std::vector<std::string_view> names_of(PyObject* tuple, std::string_view verb) {
  const Py_ssize_t count = PyTuple_GET_SIZE(tuple);
  if (count == 0) throw py::type_error(std::string(verb) + " needs at least one name");
  std::vector<std::string_view> names;
  names.reserve(static_cast<std::size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) names.push_back(name_bytes(PyTuple_GET_ITEM(tuple, i)));
  return names;
}

void start_get(const call& c) { c.begin(c.redis().get<std::string>(name_bytes(c.args[0]))); }

// Arguments: key, value, expire or None, flags.
void start_set(const call& c) {
  const std::int64_t flags = integer_of(c.args[3]);
  set_options options{
      .expire = {}, .keep_ttl = (flags & 1) != 0, .if_absent = (flags & 2) != 0, .if_exists = (flags & 4) != 0};
  if (c.args[2] != Py_None) options.expire = time_of<std::chrono::milliseconds>(c.args[2]);
  std::string scratch;
  const std::string_view value = value_bytes(c.args[1], scratch);
  c.begin(c.redis().set(name_bytes(c.args[0]), value, options));
}

void start_exists(const call& c) {
  c.begin(c.redis().exec<std::size_t>("EXISTS", each(names_of(c.args[0], "exists"))));
}
void start_delete(const call& c) { c.begin(c.redis().exec<std::size_t>("DEL", each(names_of(c.args[0], "delete")))); }
void start_expire(const call& c) {
  c.begin(c.redis().expire(name_bytes(c.args[0]), time_of<std::chrono::milliseconds>(c.args[1])));
}
void start_ttl(const call& c) { c.begin(c.redis().ttl(name_bytes(c.args[0]))); }

void start_add_to_queue(const call& c) {
  std::string scratch;
  const std::string_view value = value_bytes(c.args[1], scratch);
  c.begin(c.redis().add_to_queue(name_bytes(c.args[0]), value));
}
void start_add_all_to_queue(const call& c) {
  std::vector<std::string> values;
  for (const py::handle item : py::reinterpret_borrow<py::object>(c.args[1])) {
    std::string scratch;
    values.emplace_back(value_bytes(item.ptr(), scratch));
  }
  c.begin(c.redis().add_to_queue(name_bytes(c.args[0]), each(values)));
}
void start_get_from_queue(const call& c) {
  const std::string_view queue = name_bytes(c.args[0]);
  c.op->keeper = std::make_unique<returned_elements>(c.engine, queue);
  c.begin(c.redis().get_from_queue<std::string>(queue, wait_of(c.args[1])));
}
void start_get_batch_from_queue(const call& c) {
  const std::string_view queue = name_bytes(c.args[0]);
  const std::int64_t most = integer_of(c.args[1]);
  if (most < 1) throw py::value_error("a batch has at least one element");
  c.op->keeper = std::make_unique<returned_elements>(c.engine, queue);
  c.begin(c.redis().get_batch_from_queue<std::string>(queue, static_cast<std::size_t>(most), wait_of(c.args[2])));
}
void start_get_queue_length(const call& c) { c.begin(c.redis().get_queue_length(name_bytes(c.args[0]))); }
void start_peek_queue(const call& c) {
  c.begin(c.redis().peek_queue<std::string>(name_bytes(c.args[0]), integer_of(c.args[1]), integer_of(c.args[2])));
}
void start_clear_queue(const call& c) { c.begin(c.redis().clear_queue(name_bytes(c.args[0]))); }

void start_publish(const call& c) {
  std::string scratch;
  const std::string_view value = value_bytes(c.args[1], scratch);
  c.begin(c.redis().publish(name_bytes(c.args[0]), value));
}

// Arguments: the command as a tuple.
void start_execute(const call& c) {
  const arguments all(c.args[0]);
  c.begin(c.redis().exec<reply>(all.command(), each(all.rest())));
}

// Arguments: commands, each a tuple; whether they are a transaction.
void start_execute_all(const call& c) {
  if (c.args[1] == Py_True) {
    c.begin(c.redis().exec(batch_of<transaction>(c.args[0])));
  } else {
    c.begin(c.redis().exec(batch_of<pipeline>(c.args[0])));
  }
}

void start_health_check(const call& c) { c.engine.redis().health_check(c.handler()); }
void start_connect(const call& c) { c.engine.redis().connect(c.handler()); }
void start_disconnect(const call& c) {
  c.op->home().begin_held();  // what was called before
  asio::co_spawn(c.engine.context(), c.engine.disconnect(), c.handler());
}

template <const verb& What>
PyObject* call_verb(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != What.args) {
    return PyErr_Format(PyExc_TypeError, "%s takes %d arguments, not %zd", What.name, What.args, count);
  }
  return make_awaitable(What, reinterpret_cast<engine_object*>(self), args);
}

constexpr verb get_verb{"get", 1, start_get};
constexpr verb set_verb{"set", 4, start_set};
constexpr verb exists_verb{"exists", 1, start_exists};
constexpr verb delete_verb{"delete", 1, start_delete};
constexpr verb expire_verb{"expire", 2, start_expire};
constexpr verb ttl_verb{"ttl", 1, start_ttl};
constexpr verb add_to_queue_verb{"add_to_queue", 2, start_add_to_queue};
constexpr verb add_all_to_queue_verb{"add_all_to_queue", 2, start_add_all_to_queue};
constexpr verb get_from_queue_verb{"get_from_queue", 2, start_get_from_queue};
constexpr verb get_batch_from_queue_verb{"get_batch_from_queue", 3, start_get_batch_from_queue};
constexpr verb get_queue_length_verb{"get_queue_length", 1, start_get_queue_length};
constexpr verb peek_queue_verb{"peek_queue", 3, start_peek_queue};
constexpr verb clear_queue_verb{"clear_queue", 1, start_clear_queue};
constexpr verb publish_verb{"publish", 2, start_publish};
constexpr verb execute_verb{"execute_command", 1, start_execute};
constexpr verb execute_all_verb{"pipeline", 2, start_execute_all};
constexpr verb health_check_verb{"health_check", 0, start_health_check};
constexpr verb connect_verb{"connect", 0, start_connect, true};
constexpr verb disconnect_verb{"disconnect", 0, start_disconnect};

// --- The type --------------------------------------------------------------------------------------------------------

engine_object* self_of(PyObject* object) noexcept { return reinterpret_cast<engine_object*>(object); }

PyTypeObject* type = nullptr;

template <class Field>
void set_option(Field& field, const py::handle value) {
  if constexpr (std::is_same_v<Field, std::chrono::milliseconds>) {
    field = time_of<std::chrono::milliseconds>(value.ptr());
  } else {
    field = py::cast<Field>(value);
  }
}

/// False when there is no such option.
bool set_option(config& to, std::string_view name, const py::handle value) {
#define REDSTART_OPTION(option)   \
  if (name == #option) {          \
    set_option(to.option, value); \
    return true;                  \
  }
#define REDSTART_TLS_OPTION(option)   \
  if (name == "tls_" #option) {       \
    set_option(to.tls.option, value); \
    return true;                      \
  }
  REDSTART_OPTION(url)
  REDSTART_OPTION(username)
  REDSTART_OPTION(password)
  REDSTART_OPTION(client_name)
  REDSTART_OPTION(protocol)
  REDSTART_OPTION(timeout)
  REDSTART_OPTION(connect_timeout)
  REDSTART_OPTION(connect_attempts)
  REDSTART_OPTION(backoff_initial)
  REDSTART_OPTION(backoff_max)
  REDSTART_OPTION(health_check_interval)
  REDSTART_OPTION(liveness_timeout)
  REDSTART_OPTION(lanes)
  REDSTART_OPTION(max_leased)
  REDSTART_OPTION(lease_idle_timeout)
  REDSTART_OPTION(lease_check_after)
  REDSTART_OPTION(max_operations)
  REDSTART_OPTION(max_output_bytes)
  REDSTART_OPTION(max_reply_bytes)
  REDSTART_OPTION(max_reply_elements)
  REDSTART_OPTION(max_reply_depth)
  REDSTART_TLS_OPTION(ca_file)
  REDSTART_TLS_OPTION(certificate_file)
  REDSTART_TLS_OPTION(key_file)
  REDSTART_TLS_OPTION(server_name)
  REDSTART_TLS_OPTION(verify)
#undef REDSTART_OPTION
#undef REDSTART_TLS_OPTION
  return false;
}

config config_of(const py::dict& options) {
  config made = config::from_env();
  for (const auto& [name, value] : options) {
    const auto text = py::cast<std::string>(name);
    try {
      if (!set_option(made, text, value)) throw py::type_error("RedisClient has no option '" + text + "'");
    } catch (const py::cast_error&) {
      throw py::type_error("the option '" + text + "' cannot be of type " + Py_TYPE(value.ptr())->tp_name);
    }
  }
  return made;
}

engine_object* allocate(PyTypeObject* of, std::shared_ptr<engine_state> state, const call_options& options) noexcept {
  auto* const self = reinterpret_cast<engine_object*>(of->tp_alloc(of, 0));
  if (!self) return nullptr;
  new (&self->state) std::shared_ptr<engine_state>(std::move(state));
  new (&self->options) call_options(options);
  return self;
}

PyObject* make_engine(PyTypeObject* of, PyObject* args, PyObject*) {
  try {
    if (PyTuple_GET_SIZE(args) != 1) throw py::type_error("Engine takes its options as a dict");
    const auto options = py::reinterpret_borrow<py::object>(PyTuple_GET_ITEM(args, 0)).cast<py::dict>();
    return reinterpret_cast<PyObject*>(allocate(of, std::make_shared<engine_state>(config_of(options)), {}));
  } catch (...) {
    set_error(std::current_exception());
  }
  return nullptr;
}

// Arguments: timeout or None, idempotent.
PyObject* with_options(PyObject* object, PyObject* const* args, Py_ssize_t count) {
  try {
    if (count != 2) throw py::type_error("with_options takes a timeout and a bool");
    call_options options = self_of(object)->options;
    if (args[0] != Py_None) options.timeout = time_of<std::chrono::milliseconds>(args[0]);
    options.idempotent = options.idempotent || args[1] == Py_True;
    return reinterpret_cast<PyObject*>(allocate(type, self_of(object)->state, options));
  } catch (...) {
    set_error(std::current_exception());
  }
  return nullptr;
}

PyObject* stop(PyObject* object, PyObject*) {
  self_of(object)->state->stop();
  Py_RETURN_NONE;
}

PyObject* is_running(PyObject* object, PyObject*) { return PyBool_FromLong(self_of(object)->state->is_running()); }

void dealloc(PyObject* object) {
  if (self_of(object)->weak_references) PyObject_ClearWeakRefs(object);
  self_of(object)->state.~shared_ptr();
  PyTypeObject* const mine = Py_TYPE(object);
  mine->tp_free(object);
  Py_DECREF(mine);
}

template <const verb& What>
PyMethodDef method() {
  return {What.name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call_verb<What>)), METH_FASTCALL,
          nullptr};
}

}  // namespace

void add_engine_type(py::module_& to) {
  static PyMethodDef methods[] = {
      method<get_verb>(),
      method<set_verb>(),
      method<exists_verb>(),
      method<delete_verb>(),
      method<expire_verb>(),
      method<ttl_verb>(),
      method<add_to_queue_verb>(),
      method<add_all_to_queue_verb>(),
      method<get_from_queue_verb>(),
      method<get_batch_from_queue_verb>(),
      method<get_queue_length_verb>(),
      method<peek_queue_verb>(),
      method<clear_queue_verb>(),
      method<publish_verb>(),
      method<execute_verb>(),
      method<execute_all_verb>(),
      method<health_check_verb>(),
      method<connect_verb>(),
      method<disconnect_verb>(),
      method<subscribe_verb>(),
      method<unsubscribe_verb>(),
      method<lease_verb>(),
      method<session_execute_verb>(),
      method<session_transaction_verb>(),
      {"with_options", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(with_options)), METH_FASTCALL,
       nullptr},
      {"stop", stop, METH_NOARGS, nullptr},
      {"is_running", is_running, METH_NOARGS, nullptr},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyMemberDef members[] = {
      {"__weaklistoffset__", T_PYSSIZET, offsetof(engine_object, weak_references), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(make_engine)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_methods, methods},
      {Py_tp_members, members},
      {0, nullptr},
  };
  static PyType_Spec spec = {"redstart._redstart.Engine", sizeof(engine_object), 0, Py_TPFLAGS_DEFAULT, slots};
  type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!type) throw py::error_already_set();
  to.attr("Engine") = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(type));
}

}  // namespace redstart::python
