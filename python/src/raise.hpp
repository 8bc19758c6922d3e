// SPDX-License-Identifier: MIT
// Errors of the engine as Python exceptions of redstart.errors.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>

namespace redstart::python {

/// An exception object, a new reference; null with the interpreter's error set when even that cannot be made.
[[nodiscard]] PyObject* exception_object(const std::exception_ptr& failure) noexcept;
/// Sets the interpreter's error to what is thrown.
void set_error(const std::exception_ptr& failure) noexcept;

}  // namespace redstart::python
