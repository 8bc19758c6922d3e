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
  leased(std::shared_ptr<runtime> engine, session&& own)
      : parts_(std::make_unique<parts>(std::move(engine), std::move(own))) {}
  leased(const leased&) = delete;
  leased& operator=(const leased&) = delete;
  ~leased() {
    // In a forked child it is the parent's, and its locks may be held by threads that are not here.
    if (!is_here()) static_cast<void>(parts_.release());
  }

  /// Only for threads that hold the interpreter's lock, which keeps its calls apart.
  [[nodiscard]] session& own() noexcept { return parts_->own; }
  [[nodiscard]] bool is_here() const noexcept { return parts_->engine->born.is_here(); }
  [[nodiscard]] bool is_of(const runtime& engine) const noexcept { return parts_->engine.get() == &engine; }

 private:
  struct parts {
    parts(std::shared_ptr<runtime>&& from, session&& leased) noexcept
        : engine(std::move(from)), own(std::move(leased)) {}
    // What a session posts to must live as long as it does.
    std::shared_ptr<runtime> engine;
    session own;
  };
  std::unique_ptr<parts> parts_;
};

extern const verb lease_verb;
extern const verb session_execute_verb;
extern const verb session_transaction_verb;

/// The Python object of a session. Null with the interpreter's error set.
[[nodiscard]] PyObject* make_session(std::shared_ptr<leased> from) noexcept;
void add_session_type(py::module_& to);

}  // namespace redstart::python
