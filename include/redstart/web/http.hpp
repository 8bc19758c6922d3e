// SPDX-License-Identifier: MIT
// The words of HTTP that the web part uses: Boost.Beast's.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/verb.hpp>

namespace redstart::web {

namespace asio = boost::asio;
namespace http = boost::beast::http;

}  // namespace redstart::web
