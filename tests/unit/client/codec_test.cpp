// SPDX-License-Identifier: MIT
#include "redstart/codec.hpp"

#include "unit/client/codec_types.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <list>
#include <memory>
#include <memory_resource>
#include <set>
#include <span>
#include <unordered_map>
#include <unordered_set>

namespace {

using namespace codec_types;  // NOLINT(google-build-using-namespace): a test's own types
using namespace std::string_literals;
using redstart::decodable;
using redstart::encodable;
using redstart::mismatch;
using redstart::detail::decode_value;
using redstart::detail::encode_value;
namespace json = boost::json;

template <class T>
std::string encoded(const T& value) {
  std::string scratch = "left over";
  return std::string(encode_value(value, scratch));
}

template <class T>
std::string problem_of(std::string_view text) {
  try {
    decode_value<T>(text);
  } catch (const mismatch& problem) {
    return problem.what();
  }
  return "none";
}

const std::string any_bytes = "\0\xff\xc0 \r\n\"{\\"s;

// --- Bytes -----------------------------------------------------------------------------------------------------------

TEST(codec, a_string_is_sent_as_it_is_without_a_copy) {
  std::string scratch = "untouched";
  const std::string value = any_bytes;
  EXPECT_EQ(encode_value(value, scratch).data(), value.data());
  EXPECT_EQ(encode_value(value, scratch), any_bytes);
  EXPECT_EQ(scratch, "untouched");
}

TEST(codec, a_string_is_read_as_it_is) {
  EXPECT_EQ(decode_value<std::string>(any_bytes), any_bytes);
  EXPECT_EQ(decode_value<std::string>("\"quoted\""), "\"quoted\"");
  EXPECT_EQ(decode_value<std::string>({}), "");
}

TEST(codec, views_and_literals_are_sent_as_they_are) {
  const char* pointer = "pointer";
  EXPECT_EQ(encoded(std::string_view("a\0b", 3)), "a\0b"s);
  EXPECT_EQ(encoded(pointer), "pointer");
  EXPECT_EQ(encoded("literal"), "literal");
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded(convertible{"converts"}), "converts");
}

TEST(codec, a_char_array_ends_at_its_zero_or_at_its_end) {
  const char half[8] = {'h', 'a', 'l', 'f'};
  const char full[4] = {'f', 'u', 'l', 'l'};
  EXPECT_EQ(encoded(half), "half");
  EXPECT_EQ(encoded(full), "full");
}

TEST(codec, a_null_pointer_is_refused) {
  const char* nowhere = nullptr;
  EXPECT_THROW(encoded(nowhere), redstart::encode_error);
}

TEST(codec, byte_containers_are_raw_both_ways) {
  const std::vector<std::byte> bytes = {std::byte{0}, std::byte{255}};
  const std::vector<unsigned char> unsigned_chars = {0, 255};
  std::string scratch;
  EXPECT_EQ(encoded(bytes), "\0\xff"s);
  EXPECT_EQ(encoded(unsigned_chars), "\0\xff"s);
  EXPECT_EQ(encoded(std::span(bytes)), "\0\xff"s);
  EXPECT_EQ(encoded(std::vector<char>{'a', 'b'}), "ab");
  EXPECT_EQ(static_cast<const void*>(encode_value(bytes, scratch).data()), bytes.data());
  EXPECT_EQ(decode_value<std::vector<std::byte>>("\0\xff"s), bytes);
  EXPECT_EQ(decode_value<std::vector<unsigned char>>("\0\xff"s), unsigned_chars);
  EXPECT_TRUE(decode_value<std::vector<std::byte>>({}).empty());
}

TEST(codec, a_byte_array_takes_exactly_its_size) {
  using four = std::array<unsigned char, 4>;
  EXPECT_EQ(decode_value<four>("abcd"), (four{'a', 'b', 'c', 'd'}));
  EXPECT_EQ(encoded(four{'a', 'b', 'c', 'd'}), "abcd");
  EXPECT_EQ(problem_of<four>("abc"), "expected 4 bytes, got 3");
  EXPECT_EQ(problem_of<four>("abcde"), "expected 4 bytes, got 5");
}

TEST(codec, signed_bytes_are_numbers) { EXPECT_EQ(encoded(std::vector<std::int8_t>{-1, 2}), "[-1,2]"); }

TEST(codec, a_json_string_is_raw_both_ways) {
  EXPECT_EQ(encoded(json::string("\"x\"")), "\"x\"");
  EXPECT_EQ(decode_value<json::string>("\"x\""), "\"x\"");
}

// --- json::value, as the specification has it
// ---------------------------------------------------------------------------

TEST(codec, a_json_value_that_holds_a_string_is_sent_plain) {
  EXPECT_EQ(encoded(json::value("plain \"text\"")), "plain \"text\"");
  const json::value value(std::string(100, 'x'));
  std::string scratch = "untouched";
  EXPECT_EQ(encode_value(value, scratch).data(), value.get_string().data());
  EXPECT_EQ(scratch, "untouched");
}

TEST(codec, any_other_json_value_is_sent_as_json) {
  EXPECT_EQ(encoded(json::value{{"online", true}, {"name", "door"}}), R"({"online":true,"name":"door"})");
  EXPECT_EQ(encoded(json::value(nullptr)), "null");
  EXPECT_EQ(encoded(json::value(1.0)), "1.0");
  EXPECT_EQ(encoded(json::array{"a", 1, -0.5}), R"(["a",1,-0.5])");
  EXPECT_EQ(encoded(json::object{}), "{}");
}

TEST(codec, text_that_is_json_comes_back_as_json) {
  EXPECT_EQ(decode_value<json::value>(R"({"online":true})"), (json::value{{"online", true}}));
  EXPECT_EQ(decode_value<json::value>("5"), json::value(5));
  EXPECT_EQ(decode_value<json::value>(" [1] \n"), (json::value{1}));
  EXPECT_EQ(decode_value<json::value>("\"quoted\""), json::value("quoted"));
  EXPECT_TRUE(decode_value<json::value>("null").is_null());
}

TEST(codec, text_that_is_not_json_comes_back_as_a_string_of_the_same_bytes) {
  for (const std::string& text :
       {"online"s, ""s, "  "s, "{"s, "[1]x"s, "NaN"s, "1e999"s, "'single'"s, "\"open"s, "\"\xff\""s, any_bytes, "007"s,
        "+1"s, "[1,]"s, "// comment\n1"s, std::string(33, '[') + std::string(33, ']')}) {
    const auto value = decode_value<json::value>(text);
    ASSERT_TRUE(value.is_string()) << text;
    EXPECT_EQ(std::string_view(value.get_string().data(), value.get_string().size()), text);
  }
}

TEST(codec, objects_and_arrays_must_be_such) {
  EXPECT_EQ(decode_value<json::object>(R"({"a":1})").at("a"), json::value(1));
  EXPECT_EQ(decode_value<json::array>("[1,2]").size(), 2U);
  EXPECT_EQ(problem_of<json::object>("[]"), "expected an object, got an array");
  EXPECT_EQ(problem_of<json::array>("{}"), "expected an array, got an object");
}

// --- A codec of the user's -------------------------------------------------------------------------------------------

TEST(codec, a_users_codec_decides_the_bytes) {
  EXPECT_EQ(encoded(frame{7}), "frame:7");
  EXPECT_EQ(decode_value<frame>("frame:7").number, 7);
}

TEST(codec, a_users_codec_may_return_a_view_of_the_value) {
  const blob value{"bytes of some length, so that they are on the heap"};
  std::string scratch;
  EXPECT_EQ(encode_value(value, scratch).data(), value.bytes.data());
}

TEST(codec, whatever_a_users_codec_throws_becomes_a_mismatch) {
  EXPECT_EQ(problem_of<frame>("x"), "no frame");
  EXPECT_EQ(problem_of<frame>("frame:99999999999999"), "stoi");
  EXPECT_THROW(decode_value<frame>("throw int"), mismatch);
}

TEST(codec, a_users_json_conversion_is_used_and_outlives_the_document) {
  EXPECT_EQ(encoded(opaque{{1, "two"}}), R"({"opaque":[1,"two"]})");
  const auto value = decode_value<opaque>(R"({"opaque":[1,"two, long enough to be allocated somewhere"]})");
  EXPECT_EQ(value.content.at(1), json::value("two, long enough to be allocated somewhere"));
  EXPECT_FALSE(value.content.storage().is_shared());
  EXPECT_EQ(value.content.storage().get(), json::storage_ptr().get());
}

TEST(codec, an_exception_of_a_users_json_conversion_says_where) {
  EXPECT_TRUE(problem_of<std::vector<opaque>>(R"([{"opaque":1},5])").starts_with("[1]: "));
  EXPECT_TRUE(problem_of<std::vector<opaque>>(R"([{"wrong":1}])").starts_with("[0]: "));
}

TEST(codec, a_users_json_conversion_may_report_errors_without_throwing) {
  EXPECT_EQ(decode_value<std::vector<even>>("[2,4]").at(1).number, 4);
  EXPECT_TRUE(problem_of<std::vector<even>>("[2,3]").starts_with("[1]: "));
}

// --- Which types there are -------------------------------------------------------------------------------------------

template <class... Types>
constexpr bool both_ways = ((encodable<Types> && decodable<Types>) && ...);
template <class... Types>
constexpr bool only_written = ((encodable<Types> && !decodable<Types>) && ...);
template <class... Types>
constexpr bool only_read = ((!encodable<Types> && decodable<Types>) && ...);
template <class... Types>
constexpr bool unsupported = ((!encodable<Types> && !decodable<Types>) && ...);

static_assert(both_ways<std::string, std::vector<std::byte>, std::vector<unsigned char>, std::array<std::byte, 2>>);
static_assert(both_ways<bool, short, unsigned, long long, std::uint8_t, std::uint64_t, float, double, level>);
static_assert(both_ways<detection, camera_event, sealed, tree, nothing, opaque, frame, branches>);
static_assert(both_ways<json::value, json::object, json::array, json::string, std::nullptr_t, std::monostate>);
static_assert(both_ways<std::optional<int>, std::variant<int, std::string>, std::pair<int, bool>, std::tuple<>>);
static_assert(both_ways<std::vector<bool>, std::deque<int>, std::list<tree>, std::set<int>, std::array<int, 3>>);
static_assert(both_ways<std::map<std::string, int>, std::unordered_map<int, level>, std::unordered_set<std::string>>);
static_assert(only_written<std::string_view, const char*, char[4], std::span<const std::byte>, std::span<int>, int[2]>);
static_assert(only_written<std::forward_list<int>, std::vector<const char*>, std::optional<std::string_view>, blob>);
static_assert(only_read<even, std::vector<even>, std::optional<even>>);
static_assert(unsupported<undescribed, std::vector<undescribed>, std::optional<undescribed>, std::tuple<undescribed>>);
static_assert(unsupported<std::map<std::string, undescribed>, std::map<detection, int>, std::multimap<int, int>>);
static_assert(unsupported<char, wchar_t, std::wstring, long double, std::byte, std::filesystem::path>);
static_assert(unsupported<int*, void*, std::unique_ptr<int>, std::shared_ptr<std::string>>);
static_assert(unsupported<std::vector<frame>>, "a codec holds for a whole Redis string, inside JSON there is none");

class counting_resource : public std::pmr::memory_resource {
 public:
  int allocations = 0;

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    ++allocations;
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* memory, std::size_t size, std::size_t alignment) override {
    std::pmr::new_delete_resource()->deallocate(memory, size, alignment);
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

TEST(codec, decoding_a_string_makes_exactly_one_copy) {
  counting_resource resource;
  std::pmr::memory_resource* before = std::pmr::set_default_resource(&resource);
  EXPECT_EQ(decode_value<std::pmr::string>(std::string(1000, 'x')).size(), 1000U);
  std::pmr::set_default_resource(before);
  EXPECT_EQ(resource.allocations, 1);
}

}  // namespace
