// SPDX-License-Identifier: MIT
// A body in chunks, put together as it comes, however it is cut.
// https://www.rfc-editor.org/rfc/rfc9112#section-7.1
//
//   5;any=extension\r\nhello\r\n   3\r\n me\r\n   0\r\n   Any-Trailer: x\r\n   \r\n        the body: hello me
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace redstart::web::detail {

// Extensions and trailers are read over: nobody here would look for anything in them, and a trailer must not become a
// header. https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1
//
// Each byte is looked at once, so that the answer is the same for every cut. Beast's own reading of chunks aborts the
// program at some cuts, where assertions are on, and counts a chunk twice against the limit at others.
class chunked_body {
 public:
  enum class result { goes_on, whole, too_large, malformed };

  // `longest` bounds the body, `longest_around` all extensions and trailers together.
  chunked_body(std::size_t longest, std::size_t longest_around) : room_(longest), room_around_(longest_around) {}

  // Takes what belongs to the body off the front of `bytes`. Not to be called again after another answer than
  // `goes_on`.
  [[nodiscard]] result take(std::string_view& bytes);
  [[nodiscard]] std::string& text() noexcept { return text_; }

 private:
  enum class place {
    size,
    before_extension,
    extension,
    header_end,
    data,
    behind_data,
    data_end,
    trailer,
    trailer_name,
    trailer_value,
    trailer_end,
    body_end,
  };

  result take_byte(char byte);
  result take_size(char byte);
  result begin_chunk() noexcept;
  result go_on_at(place next) noexcept;
  result go_on_if(bool fits, place next) noexcept { return fits ? go_on_at(next) : result::malformed; }
  // The same, for bytes that count as standing around.
  result pass_if(bool fits, place next) noexcept;

  place at_ = place::size;
  std::uint64_t left_ = 0;  // of the chunk
  unsigned digits_ = 0;     // of its size
  std::size_t room_;
  std::size_t room_around_;
  std::string text_;
};

}  // namespace redstart::web::detail
