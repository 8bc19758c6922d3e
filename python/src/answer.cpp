// SPDX-License-Identifier: MIT
// What Redis answered as Python objects.
#include "awaitable.hpp"
#include "raise.hpp"
#include "session.hpp"
#include "subscription.hpp"
#include "values.hpp"

namespace redstart::python {

namespace {

py::object owned(PyObject* made) {
  if (!made) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

// As Redis said it, nothing taken for JSON. An error within a reply is an exception object, not thrown.
py::object reply_object(reply_view from) {
  switch (from.kind()) {
    case reply_kind::null:
      return py::none();
    case reply_kind::integer:
      return py::int_(from.integer());
    case reply_kind::boolean:
      return py::bool_(from.integer() != 0);
    case reply_kind::number:
      return py::float_(from.number());
    case reply_kind::big_number:
      return owned(PyLong_FromString(std::string(from.text()).c_str(), nullptr, 10));
    case reply_kind::error: {
      const std::string text(from.text());
      return owned(exception_object(std::make_exception_ptr(server_error(text, text.substr(0, text.find(' ')), text))));
    }
    case reply_kind::map:
    case reply_kind::attribute: {
      py::dict made;
      for (auto it = from.begin(); it != from.end(); ++it) {
        const reply_view key = *it++;
        // A list cannot be a key; the text of it can.
        made[key.is_aggregate() ? py::object(py::str(to_string(key))) : reply_object(key)] = reply_object(*it);
      }
      return made;
    }
    case reply_kind::array:
    case reply_kind::set:
    case reply_kind::push: {
      py::list made;
      for (const reply_view element : from) made.append(reply_object(element));
      return made;
    }
    default:
      return owned(text_object(from.text()));
  }
}

struct to_object {
  py::object operator()(std::monostate) const { return py::none(); }
  py::object operator()(bool value) const { return py::bool_(value); }
  py::object operator()(std::int64_t value) const { return py::int_(value); }
  py::object operator()(double value) const { return py::float_(value); }
  py::object operator()(const std::string& value) const { return owned(value_object(value)); }
  py::object operator()(const std::vector<std::string>& values) const {
    py::list made(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) made[i] = owned(value_object(values[i]));
    return made;
  }
  py::object operator()(const reply& value) const { return reply_object(value); }
  py::object operator()(const std::vector<reply>& values) const {
    py::list made;
    for (const reply& value : values) made.append(reply_object(value));
    return made;
  }
  py::object operator()(const std::unique_ptr<health>& value) const {
    py::dict made;
    made["status"] = value->status;
    made["connected"] = value->connected;
    made["redis_version"] = value->redis_version;
    made["reason"] = owned(text_object(value->reason));
    made["latency"] = std::chrono::duration<double>(value->latency).count();
    made["role"] = value->role;
    py::dict lanes;
    lanes["configured"] = value->lanes.configured;
    lanes["connected"] = value->lanes.connected;
    lanes["operations"] = value->lanes.operations;
    lanes["reconnects"] = value->lanes.reconnects;
    made["lanes"] = lanes;
    py::dict pool;
    pool["open"] = value->pool.open;
    pool["idle"] = value->pool.idle;
    pool["leased"] = value->pool.leased;
    pool["waiting"] = value->pool.waiting;
    pool["created"] = value->pool.created;
    pool["closed_idle"] = value->pool.closed_idle;
    pool["closed_broken"] = value->pool.closed_broken;
    pool["timeouts"] = value->pool.timeouts;
    made["pool"] = pool;
    return made;
  }
  py::object operator()(const std::unique_ptr<message>& value) const { return message_object(*value, false); }
  py::object operator()(const std::shared_ptr<message_pump>& value) const { return owned(make_subscription(value)); }
  py::object operator()(const std::shared_ptr<leased>& value) const { return owned(make_session(value)); }
};

}  // namespace

PyObject* answer_object(const answer& value, bool as_text) {
  if (const auto* one = std::get_if<std::unique_ptr<message>>(&value)) {
    return message_object(**one, as_text).release().ptr();
  }
  // The most frequent without the detour.
  if (const auto* text = std::get_if<std::string>(&value)) return owned(value_object(*text)).release().ptr();
  return std::visit(to_object(), value).release().ptr();
}

}  // namespace redstart::python
