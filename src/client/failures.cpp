// SPDX-License-Identifier: MIT
// What went wrong, in words.
#include "core/error_reply.hpp"
#include "redstart/codec.hpp"
#include "redstart/detail/initiate.hpp"
#include "redstart/error.hpp"

#include <boost/asio/post.hpp>

namespace redstart::detail {

namespace {

std::exception_ptr server_error_of(std::string_view text, const operation_context& context) {
  std::string message = context.describe() + ": " + std::string(text);
  if (const std::string advice = context.advise(text); !advice.empty()) message += "; " + advice;
  return std::make_exception_ptr(server_error(message, std::string(core::error_code(text)), std::string(text)));
}

std::vector<std::string> payloads_of(reply_view reply) {
  std::vector<std::string> payloads;
  if (reply.has_text()) payloads.emplace_back(reply.text());
  for (const reply_view element : reply)
    payloads.emplace_back(element.has_text() ? element.text() : to_string(element));
  return payloads;
}

}  // namespace

std::exception_ptr make_server_error(reply_view reply, const operation_context& context) noexcept {
  try {
    return server_error_of(reply.text(), context);
  } catch (...) {
    return std::current_exception();
  }
}

std::exception_ptr make_decode_failure(std::exception_ptr thrown, reply_view reply,
                                       const operation_context& context) noexcept {
  try {
    try {
      std::rethrow_exception(std::move(thrown));
    } catch (const mismatch& e) {
      return std::make_exception_ptr(
          decode_error(context.describe() + ": the answer does not fit the type: " + e.what(), payloads_of(reply)));
    } catch (const server_refusal& e) {
      return server_error_of(e.text, context);
    }
  } catch (...) {
    return std::current_exception();
  }
}

void post_rethrow(const asio::any_io_executor& on, std::exception_ptr thrown) noexcept {
  try {
    asio::post(on, [thrown = std::move(thrown)] { std::rethrow_exception(thrown); });
  } catch (...) {
    // Without memory even for this, nobody is left who could be told.
  }
}

}  // namespace redstart::detail
