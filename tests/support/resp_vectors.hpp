// SPDX-License-Identifier: MIT
// Replies byte for byte, with what they mean: one table for whoever reads RESP.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace redstart::test {

/// One reply, complete and alone; or bytes that begin like one and break the protocol.
struct resp_vector {
  std::string_view name;
  std::string_view bytes;
  std::string_view expected;  ///< `to_string` of the reply, or what the reader says is wrong
};

inline std::ostream& operator<<(std::ostream& out, const resp_vector& vector) { return out << vector.name; }

/// For INSTANTIATE_TEST_SUITE_P: tests carry the vector's name.
inline constexpr auto name_of_vector = [](const auto& info) { return std::string(info.param.name); };

using namespace std::string_view_literals;  // NOLINT(google-build-using-namespace): texts below have NUL bytes

inline constexpr resp_vector valid_replies[] = {
    // Lines.
    {"simple_string", "+OK\r\n"sv, "OK"sv},
    {"simple_string_empty", "+\r\n"sv, ""sv},
    {"simple_string_with_spaces_and_quotes", "+a \"b\" \\c\r\n"sv, "a \"b\" \\c"sv},
    {"simple_string_of_any_other_byte", "+a\0\x01\xff\r\n"sv, "a\\x00\\x01\\xff"sv},
    {"error", "-WRONGTYPE Operation against a key\r\n"sv, "(error) WRONGTYPE Operation against a key"sv},
    {"error_empty", "-\r\n"sv, "(error) "sv},
    {"integer", ":1000\r\n"sv, "(integer) 1000"sv},
    {"integer_zero", ":0\r\n"sv, "(integer) 0"sv},
    {"integer_negative", ":-42\r\n"sv, "(integer) -42"sv},
    {"integer_with_plus", ":+42\r\n"sv, "(integer) 42"sv},
    {"integer_minus_zero", ":-0\r\n"sv, "(integer) 0"sv},
    {"integer_largest", ":9223372036854775807\r\n"sv, "(integer) 9223372036854775807"sv},
    {"integer_smallest", ":-9223372036854775808\r\n"sv, "(integer) -9223372036854775808"sv},
    {"integer_with_leading_zeros", ":0000000000000000000000000000007\r\n"sv, "(integer) 7"sv},
    {"integer_at_the_line_limit", ":00000000000000000000000000000008\r\n"sv, "(integer) 8"sv},
    {"null", "_\r\n"sv, "(nil)"sv},
    {"boolean_true", "#t\r\n"sv, "(true)"sv},
    {"boolean_false", "#f\r\n"sv, "(false)"sv},
    {"double", ",3.25\r\n"sv, "(double) 3.25"sv},
    {"double_integral", ",10\r\n"sv, "(double) 10"sv},
    {"double_negative_exponent", ",-1.5e-10\r\n"sv, "(double) -1.5e-10"sv},
    {"double_capital_exponent_and_plus", ",+1E+5\r\n"sv, "(double) +1E+5"sv},
    {"double_infinity", ",inf\r\n"sv, "(double) inf"sv},
    {"double_minus_infinity", ",-inf\r\n"sv, "(double) -inf"sv},
    {"double_nan", ",nan\r\n"sv, "(double) nan"sv},
    {"double_minus_nan", ",-nan\r\n"sv, "(double) -nan"sv},
    {"double_beyond_the_type", ",1e999\r\n"sv, "(double) 1e999"sv},
    {"big_number", "(3492890328409238509324850943850943825024385\r\n"sv,
     "(big number) 3492890328409238509324850943850943825024385"sv},
    {"big_number_negative", "(-12\r\n"sv, "(big number) -12"sv},

    // Strings with a length.
    {"bulk_string", "$5\r\nhello\r\n"sv, "\"hello\""sv},
    {"bulk_string_empty", "$0\r\n\r\n"sv, "\"\""sv},
    {"bulk_string_of_protocol_bytes", "$9\r\n$3\r\nabc\r\n\r\n"sv, "\"$3\\r\\nabc\\r\\n\""sv},
    {"bulk_string_binary", "$6\r\n\0\x7f\xff\t\a\"\r\n"sv, "\"\\x00\\x7f\\xff\\t\\a\\\"\""sv},
    {"bulk_string_with_two_digit_length", "$12\r\nhello world!\r\n"sv, "\"hello world!\""sv},
    {"bulk_null_of_resp2", "$-1\r\n"sv, "(nil)"sv},
    {"bulk_error", "!21\r\nSYNTAX invalid syntax\r\n"sv, "(error) SYNTAX invalid syntax"sv},
    {"bulk_error_of_two_lines", "!7\r\nERR a\nb\r\n"sv, "(error) ERR a\\nb"sv},
    {"verbatim", "=15\r\ntxt:Some string\r\n"sv, "(verbatim) \"Some string\""sv},
    {"verbatim_empty", "=4\r\nmkd:\r\n"sv, "(verbatim) \"\""sv},

    // Aggregates.
    {"array", "*2\r\n:1\r\n$2\r\nhi\r\n"sv, "1) (integer) 1\n2) \"hi\""sv},
    {"array_empty", "*0\r\n"sv, "(empty array)"sv},
    {"array_null_of_resp2", "*-1\r\n"sv, "(nil)"sv},
    {"array_with_nulls", "*3\r\n$-1\r\n*-1\r\n_\r\n"sv, "1) (nil)\n2) (nil)\n3) (nil)"sv},
    {"array_with_errors", "*2\r\n-ERR a\r\n!5\r\nERR b\r\n"sv, "1) (error) ERR a\n2) (error) ERR b"sv},
    {"array_nested", "*2\r\n*2\r\n:1\r\n:2\r\n*1\r\n*0\r\n"sv,
     "1) 1) (integer) 1\n   2) (integer) 2\n2) 1) (empty array)"sv},
    {"array_that_ends_four_levels_at_once", "*1\r\n*1\r\n*1\r\n*1\r\n+x\r\n"sv, "1) 1) 1) 1) x"sv},
    {"array_of_ten_numbers_its_lines_aligned", "*10\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n:8\r\n:9\r\n:0\r\n"sv,
     " 1) (integer) 1\n 2) (integer) 2\n 3) (integer) 3\n 4) (integer) 4\n 5) (integer) 5\n 6) (integer) 6\n"
     " 7) (integer) 7\n 8) (integer) 8\n 9) (integer) 9\n10) (integer) 0"sv},
    {"map", "%2\r\n+first\r\n:1\r\n+second\r\n#t\r\n"sv, "1# first => (integer) 1\n2# second => (true)"sv},
    {"map_empty", "%0\r\n"sv, "(empty hash)"sv},
    {"map_with_an_array_as_value", "%1\r\n$1\r\nk\r\n*2\r\n:1\r\n:2\r\n"sv,
     "1# \"k\" => 1) (integer) 1\n   2) (integer) 2"sv},
    {"map_with_an_array_as_key", "%1\r\n*1\r\n:1\r\n+v\r\n"sv, "1# 1) (integer) 1 => v"sv},
    {"set", "~2\r\n+a\r\n+b\r\n"sv, "1~ a\n2~ b"sv},
    {"set_empty", "~0\r\n"sv, "(empty set)"sv},
    {"push", ">3\r\n+message\r\n+news\r\n$2\r\nhi\r\n"sv, "1> message\n2> news\n3> \"hi\""sv},
    {"push_empty", ">0\r\n"sv, "(empty push)"sv},
    {"every_scalar_in_one_array", "*9\r\n+s\r\n-e\r\n:1\r\n$1\r\nb\r\n_\r\n#f\r\n,1.5\r\n(7\r\n=5\r\ntxt:v\r\n"sv,
     "1) s\n2) (error) e\n3) (integer) 1\n4) \"b\"\n5) (nil)\n6) (false)\n7) (double) 1.5\n8) (big number) 7\n"
     "9) (verbatim) \"v\""sv},

    // Attributes.
    {"attribute_of_a_scalar", "|1\r\n+ttl\r\n:3600\r\n:7\r\n"sv, "1| ttl => (integer) 3600\n(integer) 7"sv},
    {"attribute_of_an_array", "|1\r\n+a\r\n+b\r\n*1\r\n:1\r\n"sv, "1| a => b\n1) (integer) 1"sv},
    {"attribute_of_an_element", "*3\r\n:1\r\n|1\r\n+ttl\r\n:3600\r\n:2\r\n:3\r\n"sv,
     "1) (integer) 1\n2) 1| ttl => (integer) 3600\n   (integer) 2\n3) (integer) 3"sv},
    {"attribute_of_the_first_and_the_last_element", "*2\r\n|1\r\n+a\r\n:1\r\n+x\r\n|1\r\n+b\r\n:2\r\n+y\r\n"sv,
     "1) 1| a => (integer) 1\n   x\n2) 1| b => (integer) 2\n   y"sv},
    {"attribute_with_aggregates_inside", "|1\r\n+popularity\r\n%1\r\n$1\r\na\r\n,0.19\r\n*1\r\n:2\r\n"sv,
     "1| popularity => 1# \"a\" => (double) 0.19\n1) (integer) 2"sv},
    {"attribute_inside_an_attribute", "|1\r\n+k\r\n|1\r\n+inner\r\n:1\r\n+v\r\n:9\r\n"sv,
     "1| k => 1| inner => (integer) 1\n   v\n(integer) 9"sv},
    {"attribute_empty", "|0\r\n+OK\r\n"sv, "(empty attribute)\nOK"sv},
    {"attributes_in_a_row", "|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n+OK\r\n"sv,
     "1| a => (integer) 1\n1| b => (integer) 2\nOK"sv},
    {"attribute_of_a_map_value", "%1\r\n+k\r\n|1\r\n+a\r\n:1\r\n+v\r\n"sv, "1# k => 1| a => (integer) 1\n   v"sv},
    {"attribute_of_a_push", "|1\r\n+a\r\n:1\r\n>1\r\n+x\r\n"sv, "1| a => (integer) 1\n1> x"sv},
    {"attribute_of_a_null", "|1\r\n+a\r\n:1\r\n$-1\r\n"sv, "1| a => (integer) 1\n(nil)"sv},
};

inline constexpr resp_vector broken_replies[] = {
    {"unknown_type", "hello\r\n"sv, "unknown type byte"sv},
    {"http_instead_of_redis", "HTTP/1.1 400 Bad Request\r\n"sv, "unknown type byte"sv},
    {"tls_instead_of_redis", "\x15\x03\x01\0\x02"sv, "unknown type byte"sv},
    {"nul_as_type", "\0\r\n"sv, "unknown type byte"sv},
    {"line_end_as_type", "\r\n"sv, "unknown type byte"sv},
    {"unknown_type_of_an_element", "*1\r\nx"sv, "unknown type byte"sv},

    {"simple_string_cr_without_lf", "+OK\rx"sv, "CR without LF"sv},
    {"simple_string_two_cr", "+OK\r\r\n"sv, "CR without LF"sv},
    {"simple_string_lf_without_cr", "+OK\n"sv, "LF without CR"sv},
    {"error_cr_without_lf", "-ERR\rx"sv, "CR without LF"sv},

    {"integer_empty", ":\r\n"sv, "malformed integer"sv},
    {"integer_of_letters", ":abc\r\n"sv, "malformed integer"sv},
    {"integer_with_a_letter_behind", ":12a\r\n"sv, "malformed integer"sv},
    {"integer_of_a_sign", ":-\r\n"sv, "malformed integer"sv},
    {"integer_of_two_signs", ":--1\r\n"sv, "malformed integer"sv},
    {"integer_with_a_space", ": 1\r\n"sv, "malformed integer"sv},
    {"integer_with_a_fraction", ":1.5\r\n"sv, "malformed integer"sv},
    {"integer_question_mark", ":?\r\n"sv, "malformed integer"sv},
    {"integer_one_too_large", ":9223372036854775808\r\n"sv, "integer out of range"sv},
    {"integer_one_too_small", ":-9223372036854775809\r\n"sv, "integer out of range"sv},
    {"integer_of_twenty_digits", ":10000000000000000000\r\n"sv, "integer out of range"sv},
    {"integer_that_wraps_around_64_bits", ":18446744073709551617\r\n"sv, "integer out of range"sv},
    {"integer_longer_than_its_line", ":000000000000000000000000000000001\r\n"sv, "line too long"sv},
    {"integer_lf_without_cr", ":1\n"sv, "malformed integer"sv},
    {"integer_cr_without_lf", ":1\r:"sv, "CR without LF"sv},

    {"null_with_text", "_x\r\n"sv, "line too long"sv},
    {"boolean_empty", "#\r\n"sv, "malformed boolean"sv},
    {"boolean_of_another_letter", "#x\r\n"sv, "malformed boolean"sv},
    {"boolean_of_two_letters", "#tt\r\n"sv, "line too long"sv},
    {"double_empty", ",\r\n"sv, "malformed double"sv},
    {"double_of_letters", ",one\r\n"sv, "malformed double"sv},
    {"double_with_letters_behind", ",1.5x\r\n"sv, "malformed double"sv},
    {"double_of_two_signs", ",+-1\r\n"sv, "malformed double"sv},
    {"double_of_a_sign", ",+\r\n"sv, "malformed double"sv},
    {"big_number_empty", "(\r\n"sv, "malformed big number"sv},
    {"big_number_of_a_sign", "(-\r\n"sv, "malformed big number"sv},
    {"big_number_with_a_fraction", "(1.5\r\n"sv, "malformed big number"sv},

    {"bulk_longer_than_announced", "$2\r\nabc\r\n"sv, "bulk string is not followed by CRLF"sv},
    {"bulk_shorter_than_announced", "$5\r\nabc\r\n+OK\r\n"sv, "bulk string is not followed by CRLF"sv},
    {"bulk_cr_without_lf", "$1\r\na\rb"sv, "bulk string is not followed by CRLF"sv},
    {"bulk_negative", "$-2\r\n"sv, "negative length"sv},
    {"bulk_without_length", "$\r\n\r\n"sv, "malformed integer"sv},
    {"bulk_length_too_large", "$9223372036854775808\r\n"sv, "integer out of range"sv},
    {"bulk_length_beyond_the_limit", "$9223372036854775807\r\n"sv, "bulk string longer than the limit"sv},
    {"bulk_streamed", "$?\r\n"sv, "streamed strings and aggregates are not supported"sv},
    {"bulk_error_negative", "!-1\r\n"sv, "negative length"sv},
    {"verbatim_negative", "=-1\r\n"sv, "negative length"sv},
    {"verbatim_shorter_than_its_format", "=3\r\ntxt\r\n"sv, "verbatim string without a format"sv},
    {"verbatim_without_colon", "=8\r\ntxtvalue\r\n"sv, "verbatim string without a format"sv},

    {"array_negative", "*-2\r\n"sv, "negative length"sv},
    {"array_streamed", "*?\r\n"sv, "streamed strings and aggregates are not supported"sv},
    {"array_question_mark_behind_digits", "*1?\r\n"sv, "malformed integer"sv},
    {"array_beyond_the_limit", "*9223372036854775807\r\n"sv, "more elements than the limit"sv},
    {"map_negative", "%-1\r\n"sv, "negative length"sv},
    {"map_streamed", "%?\r\n"sv, "streamed strings and aggregates are not supported"sv},
    {"map_whose_pairs_wrap_around_64_bits", "%9223372036854775807\r\n"sv, "more elements than the limit"sv},
    {"set_negative", "~-1\r\n"sv, "negative length"sv},
    {"push_negative", ">-1\r\n"sv, "negative length"sv},
    {"attribute_negative", "|-1\r\n"sv, "negative length"sv},
    {"violation_deep_inside", "*2\r\n%1\r\n+k\r\n*1\r\n:x\r\n"sv, "malformed integer"sv},
    {"violation_inside_an_attribute", "|1\r\n+k\r\n:x\r\n"sv, "malformed integer"sv},
};

}  // namespace redstart::test
