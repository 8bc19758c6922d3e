// SPDX-License-Identifier: MIT
// Bytes in and out of one socket, whatever it is made of.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <memory>
#include <string_view>

namespace redstart::net {

namespace asio = boost::asio;
using boost::system::error_code;
/// Where the drivers of one client run: never two of their handlers at a time, on whatever the user's executor is.
using strand = asio::strand<asio::any_io_executor>;

/// A connected byte stream. Belongs to one driver and is used on its strand only.
///
/// Reading and writing are independent: a read may be outstanding while `try_write` and `wait_writable` are called.
class stream {
 public:
  stream() = default;
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  virtual ~stream() = default;

  /// Reads at least one byte. `asio::error::eof` when the peer has closed; `operation_aborted` after `close`.
  virtual asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, error_code& ec) = 0;

  /// Takes as many bytes as it can without waiting and says how many; `ec` stays clear when it could take none.
  virtual std::size_t try_write(std::string_view bytes, error_code& ec) = 0;

  /// Completes when `try_write` can take bytes again.
  virtual asio::awaitable<void> wait_writable(error_code& ec) = 0;

  /// For a stream that cannot be written to any more: what had arrived before can still be read, then comes an end.
  virtual void shut_down() noexcept = 0;

  /// Ends both directions at once; what is outstanding completes with an error. May be called twice.
  virtual void close() noexcept = 0;
};

}  // namespace redstart::net
