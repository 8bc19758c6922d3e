// SPDX-License-Identifier: MIT
#include "raise.hpp"

#include "redstart/error.hpp"

#include <new>
#include <string>

namespace redstart::python {

namespace py = pybind11;

namespace {

// What the server says need not be UTF-8.
py::str words(const std::string& text) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
}

template <class... Extra>
py::object make(const char* name, const error& e, const Extra&... extra) {
  const auto made = py::module_::import("redstart.errors").attr(name)(words(e.what()));
  made.attr("maybe_applied") = e.maybe_applied();
  ((made.attr(std::get<0>(extra)) = std::get<1>(extra)), ...);
  return made;
}

py::object translate(const std::exception_ptr& failure) {
  using attribute = std::tuple<const char*, py::object>;
  try {
    std::rethrow_exception(failure);
  } catch (const connection_error& e) {
    return make("ConnectionError", e);
  } catch (const timeout_error& e) {
    return make("TimeoutError", e);
  } catch (const not_connected& e) {
    return make("NotConnected", e);
  } catch (const pool_timeout& e) {
    return make("PoolTimeout", e);
  } catch (const overloaded& e) {
    return make("Overloaded", e);
  } catch (const server_error& e) {
    return make("ServerError", e, attribute("code", words(e.code())), attribute("text", words(e.text())));
  } catch (const protocol_error& e) {
    return make("ProtocolError", e);
  } catch (const decode_error& e) {
    py::list payloads;
    for (const std::string& payload : e.payloads()) payloads.append(py::bytes(payload));
    return make("DecodeError", e, attribute("payloads", payloads));
  } catch (const encode_error& e) {
    return make("EncodeError", e);
  } catch (const cancelled& e) {
    return make("Disconnected", e);
  } catch (const config_error& e) {
    return make("ConfigError", e);
  } catch (const error& e) {
    return make("RedstartError", e);
  } catch (const py::error_already_set& e) {
    return py::reinterpret_borrow<py::object>(e.value());
  } catch (const std::bad_alloc&) {
    return py::reinterpret_borrow<py::object>(PyExc_MemoryError)();
  } catch (const std::exception& e) {
    return py::reinterpret_borrow<py::object>(PyExc_SystemError)(words(e.what()));
  } catch (...) {
    return py::reinterpret_borrow<py::object>(PyExc_SystemError)(py::str("an error of unknown kind"));
  }
}

}  // namespace

PyObject* exception_object(const std::exception_ptr& failure) noexcept {
  try {
    return translate(failure).release().ptr();
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (...) {
    PyErr_NoMemory();
  }
  return nullptr;
}

void set_error(const std::exception_ptr& failure) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (py::error_already_set& e) {
    return e.restore();
  } catch (const py::builtin_exception& e) {
    return e.set_error();
  } catch (...) {
  }
  PyObject* const made = exception_object(failure);
  if (!made) return;
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made)), made);
  Py_DECREF(made);
}

}  // namespace redstart::python
