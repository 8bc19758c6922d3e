// SPDX-License-Identifier: MIT
#include "values.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace redstart::python {

namespace {

[[noreturn]] void raise(PyObject* type, const std::string& text) {
  PyErr_SetString(type, text.c_str());
  throw py::error_already_set();
}

[[noreturn]] void raise_unknown(PyObject* object) {
  raise(PyExc_TypeError, std::string("redstart cannot send an object of type ") + Py_TYPE(object)->tp_name +
                             ": it is neither text nor bytes, and JSON has no such thing");
}

std::string_view utf8(PyObject* text) {
  Py_ssize_t size = 0;
  const char* bytes = PyUnicode_AsUTF8AndSize(text, &size);
  if (!bytes) throw py::error_already_set();
  return {bytes, static_cast<std::size_t>(size)};
}

/// Writes one document.
class writer {
 public:
  explicit writer(std::string& out) noexcept : out_(out) {}

  void write(PyObject* object) {
    if (object == Py_None) return append("null");
    if (object == Py_True) return append("true");
    if (object == Py_False) return append("false");
    if (PyUnicode_Check(object)) return write_text(utf8(object));
    if (PyLong_Check(object)) return write_integer(object);
    if (PyFloat_Check(object)) return write_double(PyFloat_AS_DOUBLE(object));
    if (Py_EnterRecursiveCall(" while writing JSON")) throw py::error_already_set();
    struct leave {
      ~leave() { Py_LeaveRecursiveCall(); }
    } const guard;
    if (PyDict_Check(object)) return write_dict(object);
    if (PyList_Check(object) || PyTuple_Check(object)) return write_list(object);
    write_other(object);
  }

 private:
  void append(std::string_view text) { out_.append(text); }

  void write_text(std::string_view text) {
    out_.push_back('"');
    std::size_t done = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
      out_.append(text, done, i - done);
      done = i + 1;
      write_escape(byte);
    }
    out_.append(text, done);
    out_.push_back('"');
  }

  void write_escape(unsigned char byte) {
    switch (byte) {
      case '"':
        return append("\\\"");
      case '\\':
        return append("\\\\");
      case '\b':
        return append("\\b");
      case '\f':
        return append("\\f");
      case '\n':
        return append("\\n");
      case '\r':
        return append("\\r");
      case '\t':
        return append("\\t");
      default: {
        constexpr std::string_view digits = "0123456789abcdef";
        const char text[] = {'\\', 'u', '0', '0', digits[byte >> 4U], digits[byte & 15U]};
        append({text, sizeof text});
      }
    }
  }

  void write_integer(PyObject* object) {
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow == 0) {
      std::array<char, 24> digits;
      const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
      return append({digits.data(), static_cast<std::size_t>(end - digits.data())});
    }
    // Not its own repr: an IntEnum is a number too.
    const auto text = py::reinterpret_steal<py::object>(PyLong_Type.tp_repr(object));
    if (!text) throw py::error_already_set();
    append(utf8(text.ptr()));
  }

  void write_double(double value) {
    if (!std::isfinite(value)) raise(PyExc_ValueError, "JSON has no NaN and no infinity");
    char* text = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, nullptr);
    if (!text) throw std::bad_alloc();
    append(text);
    PyMem_Free(text);
  }

  void write_key(PyObject* key) {
    if (PyUnicode_Check(key)) return write_text(utf8(key));
    if (key != Py_None && !PyBool_Check(key) && !PyLong_Check(key) && !PyFloat_Check(key)) {
      raise(PyExc_TypeError, std::string("a key of a JSON object is a text, not of type ") + Py_TYPE(key)->tp_name);
    }
    out_.push_back('"');
    write(key);
    out_.push_back('"');
  }

  void write_dict(PyObject* dict) {
    out_.push_back('{');
    PyObject* key = nullptr;
    PyObject* value = nullptr;
    Py_ssize_t at = 0;
    bool first = true;
    while (PyDict_Next(dict, &at, &key, &value)) {
      // What a value's own code does to the dict must not pull these from under us.
      const auto held_key = py::reinterpret_borrow<py::object>(key);
      const auto held_value = py::reinterpret_borrow<py::object>(value);
      if (!std::exchange(first, false)) out_.push_back(',');
      write_key(key);
      out_.push_back(':');
      write(value);
    }
    out_.push_back('}');
  }

  void write_list(PyObject* list) {
    out_.push_back('[');
    const bool is_list = PyList_Check(list);
    for (Py_ssize_t i = 0; i < (is_list ? PyList_GET_SIZE(list) : PyTuple_GET_SIZE(list)); ++i) {
      if (i > 0) out_.push_back(',');
      write(py::reinterpret_borrow<py::object>(is_list ? PyList_GET_ITEM(list, i) : PyTuple_GET_ITEM(list, i)).ptr());
    }
    out_.push_back(']');
  }

  // pydantic's models know best how to be JSON; dataclasses are objects of their fields.
  void write_other(PyObject* object) {
    const py::handle value(object);
    const py::handle type = reinterpret_cast<PyObject*>(Py_TYPE(object));
    if (py::hasattr(type, "model_dump_json")) return append(utf8(py::object(value.attr("model_dump_json")()).ptr()));
    if (py::hasattr(type, "__fields__") && py::hasattr(type, "json")) {
      return append(utf8(py::object(value.attr("json")()).ptr()));
    }
    if (!PyType_Check(object) && py::hasattr(type, "__dataclass_fields__")) {
      out_.push_back('{');
      bool first = true;
      for (const py::handle field : py::module_::import("dataclasses").attr("fields")(value)) {
        if (!std::exchange(first, false)) out_.push_back(',');
        const py::object name = field.attr("name");
        write_text(utf8(name.ptr()));
        out_.push_back(':');
        write(py::object(value.attr(name)).ptr());
      }
      return out_.push_back('}');
    }
    raise_unknown(object);
  }

  std::string& out_;
};

std::string_view buffer_bytes(PyObject* object, std::string& scratch) {
  Py_buffer view;
  if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  scratch.assign(static_cast<const char*>(view.buf), static_cast<std::size_t>(view.len));
  PyBuffer_Release(&view);
  return scratch;
}

bool is_bytes(PyObject* object) {
  return PyBytes_Check(object) || PyByteArray_Check(object) || PyMemoryView_Check(object);
}

}  // namespace

std::string_view name_bytes(PyObject* object) {
  if (PyUnicode_Check(object)) return utf8(object);
  if (PyBytes_Check(object)) return {PyBytes_AS_STRING(object), static_cast<std::size_t>(PyBytes_GET_SIZE(object))};
  raise(PyExc_TypeError, std::string("a name in Redis is str or bytes, not ") + Py_TYPE(object)->tp_name);
}

std::string_view value_bytes(PyObject* object, std::string& scratch) {
  if (PyUnicode_Check(object)) return utf8(object);
  if (PyBytes_Check(object)) return {PyBytes_AS_STRING(object), static_cast<std::size_t>(PyBytes_GET_SIZE(object))};
  if (is_bytes(object)) return buffer_bytes(object, scratch);
  scratch.clear();
  writer(scratch).write(object);
  return scratch;
}

std::string_view argument_bytes(PyObject* object, std::string& scratch) {
  if (PyUnicode_Check(object) || is_bytes(object) || PyLong_Check(object) || PyFloat_Check(object)) {
    if (!PyBool_Check(object)) return value_bytes(object, scratch);
  }
  raise(PyExc_TypeError,
        std::string("an argument of a command is str, bytes, int or float, not ") + Py_TYPE(object)->tp_name);
}

}  // namespace redstart::python
