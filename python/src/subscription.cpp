// SPDX-License-Identifier: MIT
#include "subscription.hpp"

#include "raise.hpp"
#include "values.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <structmember.h>

#include <cstddef>
#include <new>

namespace redstart::python {

// --- Reading ahead ---------------------------------------------------------------------------------------------------

namespace {

/// A message that nobody took.
class returned_message final : public lost_and_found {
 public:
  explicit returned_message(std::shared_ptr<message_pump> to) : to_(std::move(to)) {}
  void take_back(answer&& what) noexcept override {
    if (auto* one = std::get_if<std::unique_ptr<message>>(&what); one && *one) to_->put_back(std::move(*one));
  }

 private:
  std::shared_ptr<message_pump> to_;
};

}  // namespace

void message_pump::start() {
  {
    const std::lock_guard lock(mutex_);
    pulling_ = true;
  }
  engine_->post([self = shared_from_this()] { self->pull(); });
}

void message_pump::pull() noexcept {
  try {
    from_.next([self = shared_from_this()](std::exception_ptr failure, message what) {
      self->arrived(std::move(failure), std::move(what));
    });
  } catch (...) {
    arrived(std::current_exception(), {});
  }
}

void message_pump::arrived(std::exception_ptr failure, message&& what) noexcept {
  operation_ptr waiter;
  std::unique_ptr<message> first;
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    try {
      if (failure) {
        end_ = std::move(failure);
      } else {
        push(std::make_unique<message>(std::move(what)), false);
      }
    } catch (const std::bad_alloc&) {
      end_ = std::current_exception();
    }
    if (waiting_ && waiting_->is_abandoned()) waiting_ = nullptr;
    if (waiting_ && (!ready_.empty() || end_)) {
      waiter = std::move(waiting_);
      first = ready_.empty() ? nullptr : pop();
    }
    more = !end_ && !is_full();
    pulling_ = more;
  }
  if (waiter) {
    if (first) {
      waiter->deliver(nullptr, std::move(first));
    } else {
      waiter->deliver(end_, {});
    }
  }
  if (more) pull();
}

void message_pump::push(std::unique_ptr<message> what, bool at_front) {
  const std::size_t size = what->payload.size() + what->channel.size();
  if (at_front) {
    ready_.push_front(std::move(what));
  } else {
    ready_.push_back(std::move(what));
  }
  ready_bytes_ += size;
}

std::unique_ptr<message> message_pump::pop() {
  auto what = std::move(ready_.front());
  ready_.pop_front();
  ready_bytes_ -= what->payload.size() + what->channel.size();
  return what;
}

bool message_pump::should_resume() noexcept {
  // By halves, so that the engine is not told for each message.
  if (pulling_ || end_ || ready_.size() > ahead / 2 || ready_bytes_ > ahead_bytes / 2) return false;
  return pulling_ = true;
}

std::unique_ptr<message> message_pump::try_take() {
  std::unique_ptr<message> what;
  bool resume = false;
  {
    const std::lock_guard lock(mutex_);
    if (ready_.empty() || (waiting_ && !waiting_->is_abandoned())) return nullptr;
    what = pop();
    resume = should_resume();
  }
  if (resume) engine_->post([self = shared_from_this()] { self->pull(); });
  return what;
}

void message_pump::wait(operation_ptr op) noexcept {
  std::unique_ptr<message> first;
  std::exception_ptr failure;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_ && !waiting_->is_abandoned()) {
      failure = std::make_exception_ptr(error("another task listens to this subscription already; give each its own"));
    } else if (!ready_.empty()) {
      first = pop();
    } else if (end_) {
      failure = end_;
    } else {
      waiting_ = std::move(op);
      return;
    }
  }
  if (failure) {
    op->deliver(failure, {});
  } else {
    op->deliver(nullptr, std::move(first));
  }
}

void message_pump::put_back(std::unique_ptr<message> what) noexcept {
  operation_ptr waiter;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_ && !waiting_->is_abandoned()) {
      waiter = std::move(waiting_);
    } else {
      try {
        push(std::move(what), true);
      } catch (const std::bad_alloc&) {
        // A message at most is lost, as it would be with the connection.
      }
    }
  }
  if (waiter) waiter->deliver(nullptr, std::move(what));
}

void message_pump::close() noexcept {
  {
    const std::lock_guard lock(mutex_);
    ready_.clear();
    ready_bytes_ = 0;
    // Full, nobody reads who would find out.
    if (!pulling_ && !end_) end_ = std::make_exception_ptr(cancelled("the subscription was closed"));
  }
  from_.close();
}

bool message_pump::is_open() {
  const std::lock_guard lock(mutex_);
  return !ready_.empty() || !end_;
}

// --- Verbs -----------------------------------------------------------------------------------------------------------

namespace {

/// Makes the pump in the engine, before its operation is delivered.
class deliver_pump {
 public:
  using cancellation_slot_type = asio::cancellation_slot;

  deliver_pump(deliver to, runtime& engine) noexcept : to_(std::move(to)), engine_(&engine) {}
  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return to_.get_cancellation_slot(); }

  void operator()(std::exception_ptr failure, subscription from) {
    std::shared_ptr<message_pump> pump;
    if (!failure) {
      pump = std::make_shared<message_pump>(engine_->shared_from_this(), std::move(from));
      pump->start();
    }
    to_(std::move(failure), std::move(pump));
  }

 private:
  deliver to_;
  runtime* engine_;
};

std::vector<std::string> texts_of(PyObject* tuple) {
  std::vector<std::string> texts;
  for (const py::handle item : py::reinterpret_borrow<py::object>(tuple)) texts.emplace_back(name_bytes(item.ptr()));
  return texts;
}

// Arguments: channels, patterns, (max_messages, max_bytes, when_full).
void start_subscribe(const call& c) {
  subscription_options options{.channels = texts_of(c.args[0]), .patterns = texts_of(c.args[1])};
  if (options.channels.empty() && options.patterns.empty()) throw py::type_error("subscribe needs at least one name");
  const auto bounds = py::reinterpret_borrow<py::tuple>(c.args[2]);
  options.max_messages = bounds[0].cast<std::size_t>();
  options.max_bytes = bounds[1].cast<std::size_t>();
  const auto policy = bounds[2].cast<std::string>();
  if (policy == "drop_oldest") {
    options.when_full = overflow_policy::drop_oldest;
  } else if (policy == "drop_newest") {
    options.when_full = overflow_policy::drop_newest;
  } else if (policy == "close") {
    options.when_full = overflow_policy::close;
  } else {
    throw py::value_error("when_full is 'drop_oldest', 'drop_newest' or 'close', not '" + policy + "'");
  }
  c.engine.redis().subscribe(std::move(options), deliver_pump(c.handler(), c.engine));
}

asio::awaitable<void> unsubscribe_all(runtime& engine, std::vector<std::string> names) {
  for (const std::string& name : names) co_await engine.redis().unsubscribe(name)(asio::use_awaitable);
}

void start_unsubscribe(const call& c) {
  asio::co_spawn(c.engine.context(), unsubscribe_all(c.engine, texts_of(c.args[0])), c.handler());
}

struct subscription_object {
  PyObject_HEAD std::shared_ptr<message_pump> pump;
  PyObject* weak_references;
};
PyTypeObject* type = nullptr;

subscription_object* self_of(PyObject* object) noexcept { return reinterpret_cast<subscription_object*>(object); }

void start_next_message(const call& c) {
  const auto& pump = self_of(c.args[0])->pump;
  c.op->as_text = c.args[1] == Py_False;
  c.op->keeper = std::make_unique<returned_message>(pump);
  pump->wait(c.op);
}
constexpr verb next_verb{"next_message", 2, start_next_message};

// Arguments: the engine that the loop's bridge is of, whether data is taken for JSON.
PyObject* next_message(PyObject* object, PyObject* const* args, Py_ssize_t count) {
  try {
    if (count != 2) throw py::type_error("next_message takes an engine and a bool");
    if (!self_of(object)->pump->is_here()) throw error("this subscription is of the process that forked this one");
    if (const auto what = self_of(object)->pump->try_take()) {
      return make_ready_awaitable(message_object(*what, args[1] == Py_False).release().ptr());
    }
    PyObject* const forward[] = {object, args[1]};
    return make_awaitable(next_verb, reinterpret_cast<engine_object*>(args[0]), forward);
  } catch (...) {
    set_error(std::current_exception());
    return nullptr;
  }
}

PyObject* close(PyObject* object, PyObject*) {
  if (self_of(object)->pump->is_here()) self_of(object)->pump->close();
  Py_RETURN_NONE;
}

PyObject* is_open(PyObject* object, PyObject*) {
  const auto& pump = self_of(object)->pump;
  return PyBool_FromLong(pump->is_here() && pump->is_open());
}

void dealloc(PyObject* object) {
  if (self_of(object)->weak_references) PyObject_ClearWeakRefs(object);
  if (self_of(object)->pump->is_here()) {
    self_of(object)->pump->close();
    self_of(object)->pump.~shared_ptr();
  }
  PyTypeObject* const mine = Py_TYPE(object);
  mine->tp_free(object);
  Py_DECREF(mine);
}

}  // namespace

constexpr verb subscribe_verb{"subscribe", 3, start_subscribe};
constexpr verb unsubscribe_verb{"unsubscribe", 1, start_unsubscribe};

PyObject* make_subscription(std::shared_ptr<message_pump> pump) noexcept {
  auto* const self = reinterpret_cast<subscription_object*>(type->tp_alloc(type, 0));
  if (self) new (&self->pump) std::shared_ptr<message_pump>(std::move(pump));
  return reinterpret_cast<PyObject*>(self);
}

py::object message_object(const message& what, bool as_text) {
  const auto text = [](std::string_view bytes) {
    auto made = py::reinterpret_steal<py::object>(text_object(bytes));
    if (!made) throw py::error_already_set();
    return made;
  };
  py::dict made;
  switch (what.kind) {
    case message::kind_type::message: {
      made["type"] = what.pattern.empty() ? "message" : "pmessage";
      made["pattern"] = what.pattern.empty() ? py::object(py::none()) : text(what.pattern);
      made["channel"] = text(what.channel);
      auto data = py::reinterpret_steal<py::object>(as_text ? text_object(what.payload) : value_object(what.payload));
      if (!data) throw py::error_already_set();
      made["data"] = data;
      return made;
    }
    case message::kind_type::gap:
      made["type"] = "gap";
      made["outage"] = std::chrono::duration<double>(what.outage).count();
      break;
    case message::kind_type::overflow:
      made["type"] = "overflow";
      made["dropped"] = what.dropped;
      break;
  }
  made["pattern"] = py::none();
  made["channel"] = py::none();
  made["data"] = py::none();
  return made;
}

void add_subscription_type(py::module_& to) {
  static PyMethodDef methods[] = {
      {"next_message", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(next_message)), METH_FASTCALL,
       nullptr},
      {"close", close, METH_NOARGS, nullptr},
      {"is_open", is_open, METH_NOARGS, nullptr},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyMemberDef members[] = {
      {"__weaklistoffset__", T_PYSSIZET, offsetof(subscription_object, weak_references), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_methods, methods},
      {Py_tp_members, members},
      {0, nullptr},
  };
  static PyType_Spec spec = {"redstart._redstart.Subscription", sizeof(subscription_object), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!type) throw py::error_already_set();
  to.attr("Subscription") = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(type));
}

}  // namespace redstart::python
