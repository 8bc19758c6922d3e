// SPDX-License-Identifier: MIT
// Turns a handler, or a provider, with parameters of its own into something that is called with an exchange.
#pragma once

#include "redstart/web/detail/parameter.hpp"
#include "redstart/web/response.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace redstart::web::detail {

template <class T>
inline constexpr bool is_awaitable = false;
template <class T, class Executor>
inline constexpr bool is_awaitable<asio::awaitable<T, Executor>> = true;

template <class T>
struct awaited {
  using type = T;
};
template <class T, class Executor>
struct awaited<asio::awaitable<T, Executor>> {
  using type = T;
};

// The parameters and the result of a callable that is not overloaded.
template <class Function>
struct signature : signature<decltype(&Function::operator())> {};
template <class Result, class... Parameters>
struct signature<Result (*)(Parameters...)> {
  using result = Result;
  using value = typename awaited<Result>::type;
  using parameters = std::tuple<parameter<Parameters>...>;
  static constexpr bool asynchronous = is_awaitable<Result>;
};
template <class Result, class... Parameters>
struct signature<Result (*)(Parameters...) noexcept> : signature<Result (*)(Parameters...)> {};
template <class Result, class Class, class... Parameters>
struct signature<Result (Class::*)(Parameters...)> : signature<Result (*)(Parameters...)> {};
template <class Result, class Class, class... Parameters>
struct signature<Result (Class::*)(Parameters...) const> : signature<Result (*)(Parameters...)> {};
template <class Result, class Class, class... Parameters>
struct signature<Result (Class::*)(Parameters...) noexcept> : signature<Result (*)(Parameters...)> {};
template <class Result, class Class, class... Parameters>
struct signature<Result (Class::*)(Parameters...) const noexcept> : signature<Result (*)(Parameters...)> {};

template <class Function>
concept injectable = std::is_pointer_v<Function> || requires { &Function::operator(); };

template <class Function>
std::vector<need> needs_of() {
  std::vector<need> needs;
  [&]<class... P>(std::type_identity<std::tuple<P...>>) {
    (
        [&] {
          if constexpr (P::from_provider) {
            using type = typename P::type;
            needs.push_back({typeid(type), boost::core::type_name<type>(), P::optional});
          }
        }(),
        ...);
  }(std::type_identity<typename signature<Function>::parameters>());
  return needs;
}

// The arguments of one call, alive until it has ended.
template <class Function>
class arguments {
  using parameters = typename signature<Function>::parameters;
  template <class>
  struct storage;
  template <class... P>
  struct storage<std::tuple<P...>> {
    using type = std::tuple<typename P::stored...>;
    static type make(exchange& ex) {
      (void)ex;
      return type{P::make(ex)...};  // braces: in order
    }
  };

 public:
  explicit arguments(exchange& ex) : values_(storage<parameters>::make(ex)) {}

  decltype(auto) call(Function& function) {
    return call(function, std::make_index_sequence<std::tuple_size_v<parameters>>());
  }

 private:
  template <std::size_t... Index>
  decltype(auto) call(Function& function, std::index_sequence<Index...>) {
    return function(std::tuple_element_t<Index, parameters>::pass(std::get<Index>(values_))...);
  }

  typename storage<parameters>::type values_;
};

using respond_function = std::function<asio::awaitable<response>(exchange&)>;

// `function` lives as long as the route.
template <class Function>
asio::awaitable<response> respond(Function& function, exchange& ex) {
  using traits = signature<Function>;
  arguments<Function> values(ex);
  if constexpr (traits::asynchronous) {
    auto running = values.call(function);
    if constexpr (std::is_void_v<typename traits::value>) {
      co_await std::move(running);
      co_return response::empty();
    } else {
      auto result = co_await std::move(running);
      co_return to_response(std::move(result));
    }
  } else if constexpr (std::is_void_v<typename traits::value>) {
    values.call(function);
    co_return response::empty();
  } else {
    co_return to_response(values.call(function));
  }
}

template <class Function>
respond_function bind_handler(Function handler) {
  return [handler = std::move(handler)](exchange& ex) mutable { return respond(handler, ex); };
}

// --- Providers -------------------------------------------------------------------------------------------------------

// What a provider returns, without the way it is held.
template <class Result>
struct provided_type {
  using type = std::remove_cvref_t<Result>;
};
template <class T>
struct provided_type<std::shared_ptr<T>> {
  using type = std::remove_const_t<T>;
};

struct provider {
  std::type_index type;
  std::string name;  // of the type, for messages
  std::vector<need> needs;
  bool built_in = false;  // gives way to one of the application
  // One of the two.
  std::function<std::shared_ptr<void>(exchange&)> make;
  std::function<asio::awaitable<std::shared_ptr<void>>(exchange&)> make_later;
  // In place of them for `T*`, if there is one: may return null.
  std::function<std::shared_ptr<void>(exchange&)> make_optional{};
};

template <class Result>
std::shared_ptr<void> hold(std::remove_reference_t<Result>& result) {
  using plain = std::remove_cvref_t<Result>;
  if constexpr (std::is_lvalue_reference_v<Result>) {
    // Somebody else owns it. Constness comes back with the handler's parameter.
    return {std::shared_ptr<void>(), const_cast<plain*>(&result)};
  } else if constexpr (is_shared<plain>) {
    return std::const_pointer_cast<std::remove_const_t<typename plain::element_type>>(result);
  } else {
    return std::make_shared<plain>(std::move(result));
  }
}

template <class Function>
asio::awaitable<std::shared_ptr<void>> provide_later(Function& function, exchange& ex) {
  arguments<Function> values(ex);
  auto running = values.call(function);
  using value = typename signature<Function>::value;
  auto result = co_await std::move(running);
  co_return hold<value>(result);
}

template <class Function>
provider bind_provider(Function function) {
  using traits = signature<Function>;
  static_assert(!std::is_void_v<typename traits::value>, "a provider returns what it provides");
  using provides = typename provided_type<typename traits::value>::type;
  provider made{typeid(provides), boost::core::type_name<provides>(), needs_of<Function>(), false, {}, {}};
  if constexpr (traits::asynchronous) {
    static_assert(!std::is_reference_v<typename traits::value>,
                  "a provider that waits returns a value or a shared_ptr");
    made.make_later = [function = std::move(function)](exchange& ex) mutable { return provide_later(function, ex); };
  } else {
    made.make = [function = std::move(function)](exchange& ex) mutable {
      arguments<Function> values(ex);
      decltype(auto) result = values.call(function);
      return hold<typename traits::result>(result);
    };
  }
  return made;
}

}  // namespace redstart::web::detail
