// SPDX-License-Identifier: MIT
// Lets `co_await` take a deferred operation that completes with `void(std::exception_ptr, T)` on Boost 1.81.
//
// In that release Asio's own handler for this signature tests the wrong object (`*result`, which is not a pointer) and
// does not compile. This partial specialisation, for operations that return nothing from initiation, is the more
// special one and so is chosen instead. Later releases need no help.
#pragma once

#include <boost/version.hpp>

#if BOOST_VERSION == 108100

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <utility>

namespace boost::asio::detail {

template <typename T, typename Executor>
class awaitable_async_op_handler<void(std::exception_ptr, T), Executor> : public awaitable_thread<Executor> {
 public:
  struct result_type {
    std::exception_ptr* failure = nullptr;
    T* value = nullptr;
  };

  awaitable_async_op_handler(awaitable_thread<Executor>* from, result_type& result)
      : awaitable_thread<Executor>(std::move(*from)), result_(result) {}

  void operator()(std::exception_ptr failure, T value) {
    result_.failure = &failure;
    result_.value = &value;
    this->entry_point()->top_of_stack_->attach_thread(this);
    this->entry_point()->top_of_stack_->clear_cancellation_slot();
    this->pump();
  }

  static T resume(result_type& result) {
    if (*result.failure) std::rethrow_exception(std::exchange(*result.failure, nullptr));
    return std::move(*result.value);
  }

 private:
  result_type& result_;
};

}  // namespace boost::asio::detail

#endif
