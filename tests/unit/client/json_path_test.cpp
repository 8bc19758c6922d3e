// SPDX-License-Identifier: MIT
#include "redstart/detail/json_path.hpp"

#include "client/utf8.hpp"

#include <gtest/gtest.h>

namespace {

using redstart::detail::explain;
using redstart::detail::is_utf8;
using redstart::detail::json_path;

// The steps of a path refer to each other, hence one that outlives the expression.
const json_path root = json_path::root();

TEST(json_path, the_root_has_no_name) {
  EXPECT_EQ(to_string(root), "");
  EXPECT_EQ(explain(root, "wrong"), "wrong");
}

TEST(json_path, members_and_elements) {
  const json_path list = root / "detections";
  const json_path element = list / std::size_t{0};
  EXPECT_EQ(explain(element / "camera_id", "wrong"), "detections[0].camera_id: wrong");
  EXPECT_EQ(to_string(root / std::size_t{12}), "[12]");
}

TEST(json_path, names_that_could_forge_a_message_are_quoted) {
  EXPECT_EQ(to_string(root / ""), R"([""])");
  EXPECT_EQ(to_string(root / "a.b"), R"(["a.b"])");
  EXPECT_EQ(to_string(root / "x\nERROR forged"), R"(["x\nERROR forged"])");
  EXPECT_EQ(to_string(root / "\"]"), R"(["\"]"])");
}

TEST(json_path, long_names_are_cut_between_characters) {
  EXPECT_EQ(to_string(root / std::string(64, 'k')), std::string(64, 'k'));
  const auto shortened = [](std::size_t kept) { return std::string("[\"").append(kept, 'k').append("...\"]"); };
  const std::string long_name(1000, 'k');
  EXPECT_EQ(to_string(root / long_name), shortened(64));
  std::string wide(63, 'k');
  wide.append("ü").append(63, 'k');
  const std::string cut = to_string(root / wide);
  EXPECT_EQ(cut, shortened(63));
  EXPECT_TRUE(is_utf8(cut));
}

}  // namespace
