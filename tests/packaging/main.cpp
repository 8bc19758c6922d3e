// SPDX-License-Identifier: MIT
// What a user's first program needs to work: the headers, the library, and Asio compiled once within it.
#include "redstart/error.hpp"
#include "redstart/reply.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <iostream>

int main() {
  boost::asio::io_context context;
  bool ran = false;
  boost::asio::post(context, [&] { ran = redstart::reply{}.view().text().empty(); });
  context.run();
  std::cout << redstart::not_connected{"redstart is found and linked"}.what() << '\n';
  return ran ? 0 : 1;
}
