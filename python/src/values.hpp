// SPDX-License-Identifier: MIT
// Python objects as the bytes of Redis strings, and back.
//
// Written: str as UTF-8, bytes and their like as they are, everything else as compact JSON. Read: text that parses as
// JSON comes back as JSON, other text as str, what is not UTF-8 as bytes.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>

namespace redstart::python {

namespace py = pybind11;

/// The bytes of a key, a queue, a channel: str or bytes. Valid as long as `object`. Throws `py::error_already_set`.
[[nodiscard]] std::string_view name_bytes(PyObject* object);

/// The bytes of a value: a view of `object` itself, or of `scratch`. Throws `py::error_already_set`: TypeError names a
/// type that cannot be written, ValueError a number.
[[nodiscard]] std::string_view value_bytes(PyObject* object, std::string& scratch);

/// One argument of any command: as a value, but only scalars, because nobody means a list to be one argument.
[[nodiscard]] std::string_view argument_bytes(PyObject* object, std::string& scratch);

/// A new reference, or null with the interpreter's error set, which only lack of memory can cause.
[[nodiscard]] PyObject* value_object(std::string_view bytes) noexcept;
/// str, or bytes when it is not UTF-8. Never JSON.
[[nodiscard]] PyObject* text_object(std::string_view bytes) noexcept;

}  // namespace redstart::python
