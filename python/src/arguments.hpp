// SPDX-License-Identifier: MIT
// A command that Python gave as a tuple.
#pragma once

#include "values.hpp"

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>
#include <vector>

namespace redstart::python {

/// Texts that live as long as this does, and as the tuple.
class arguments {
 public:
  explicit arguments(PyObject* tuple) {
    const Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    if (count == 0) throw pybind11::type_error("a command has at least a name");
    scratch_.resize(static_cast<std::size_t>(count));
    views_.reserve(scratch_.size());
    for (Py_ssize_t i = 0; i < count; ++i) {
      views_.push_back(argument_bytes(PyTuple_GET_ITEM(tuple, i), scratch_[static_cast<std::size_t>(i)]));
    }
  }
  [[nodiscard]] std::string_view command() const { return views_.front(); }
  [[nodiscard]] std::vector<std::string_view> rest() const { return {views_.begin() + 1, views_.end()}; }

 private:
  std::vector<std::string> scratch_;
  std::vector<std::string_view> views_;
};

/// A `pipeline` or a `transaction` of commands, a list of tuples.
template <class Batch>
[[nodiscard]] Batch batch_of(PyObject* list) {
  Batch made;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    const arguments all(PyList_GET_ITEM(list, i));
    made.add(all.command(), each(all.rest()));
  }
  return made;
}

}  // namespace redstart::python
