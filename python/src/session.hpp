// SPDX-License-Identifier: MIT
// A leased connection as Python holds it.
#pragma once

#include "awaitable.hpp"

#include <memory>
#include <utility>

namespace redstart::python {

/// Given back when the last owner lets go.
class leased {
 public:
  leased(std::shared_ptr<runtime> engine, session&& own) noexcept : engine_(std::move(engine)), own_(std::move(own)) {}

  /// Only for threads that hold the interpreter's lock, which keeps its calls apart.
  [[nodiscard]] session& own() noexcept { return own_; }
  [[nodiscard]] bool is_here() const noexcept { return engine_->born.is_here(); }
  [[nodiscard]] bool is_of(const runtime& engine) const noexcept { return engine_.get() == &engine; }

 private:
  // What a session posts to must live as long as it does.
  const std::shared_ptr<runtime> engine_;
  session own_;
};

extern const verb lease_verb;
extern const verb session_execute_verb;
extern const verb session_transaction_verb;

/// The Python object of a session. Null with the interpreter's error set.
[[nodiscard]] PyObject* make_session(std::shared_ptr<leased> from) noexcept;
void add_session_type(py::module_& to);

}  // namespace redstart::python
