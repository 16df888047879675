// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/shared_library.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/support/error_text.h"

namespace midpo {
namespace {

const SharedLibrary::Hints kHints{"get it", "repair it"};

/// The C library: it is there wherever a program runs.
SharedLibrary c_library() {
  return {folder_of(reinterpret_cast<const void*>(&std::atoi)) / "libc.so.6",
          SharedLibrary::Symbols::kOwn, kHints};
}

TEST(SharedLibrary, FindsFunctionsByName) {
  EXPECT_EQ(c_library().function<int (*)(const char*)>("atoi")("3"), 3);
}

TEST(SharedLibrary, NamesAFunctionThatIsNotThere) {
  const std::string error =
      error_text(ErrorCode::kDevice, [] { c_library().function<void (*)()>("midpo_nothing"); });
  EXPECT_NE(error.find("libc.so.6"), std::string::npos) << error;
  EXPECT_NE(error.find("lacks midpo_nothing"), std::string::npos) << error;
}

TEST(SharedLibrary, NamesAMissingFileAndSaysHowToGetIt) {
  const auto path = program_folder() / "libmidpo_nothing.so";
  const std::string error = error_text(
      ErrorCode::kDevice, [&] { SharedLibrary(path, SharedLibrary::Symbols::kOwn, kHints); });
  EXPECT_EQ(error.find(path.string() + " is missing: get it"), 0U) << error;
}

TEST(SharedLibrary, NamesAFileThatIsNoLibrary) {
  const std::string error = error_text(ErrorCode::kDevice, [] {
    SharedLibrary("/proc/self/status", SharedLibrary::Symbols::kOwn, kHints);
  });
  EXPECT_EQ(error.find("/proc/self/status cannot be loaded: "), 0U) << error;
  EXPECT_NE(error.find("; repair it"), std::string::npos) << error;
}

}  // namespace
}  // namespace midpo
