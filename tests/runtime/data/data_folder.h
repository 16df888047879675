// SPDX-License-Identifier: Apache-2.0
// What the tests of runtime/data share: files to read, and reading them whole.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/core/error.h"
#include "runtime/data/row_reader.h"
#include "tests/support/temporary_folder.h"

namespace midpo {

inline constexpr std::string_view kGoodRow =
    R"({"prompt": "p", "response_0": "a", "response_1": "b"})";

struct AllRows {
  std::vector<PreferenceRow> rows;
  std::vector<BadRow> bad_rows;
};

/// Everything from the reader's current block on.
inline AllRows read_rest(RowReader& reader) {
  AllRows all;
  for (bool is_last = false; !is_last;) {
    const auto block = reader.next_block();
    is_last = block->is_last;
    EXPECT_EQ(block->num_rows, block->rows.size() + block->bad_rows.size());
    for (auto& row : block->rows) all.rows.push_back(std::move(row));
    for (auto& row : block->bad_rows) all.bad_rows.push_back(std::move(row));
  }
  return all;
}

inline AllRows read_all(const std::vector<std::string>& paths,
                        const RowRequirements& requirements = {}) {
  return read_rest(*open_rows(paths, 7, BadRowPolicy::kQuarantine, requirements));
}

/// The row with this JSON, which may stand on several lines; a failed test if it is bad.
inline PreferenceRow read_one(const std::string& json, const RowRequirements& requirements = {}) {
  const TemporaryFolder folder;
  AllRows all = read_all({folder.write("one.json", "[" + json + "]")}, requirements);
  for (const BadRow& row : all.bad_rows) ADD_FAILURE() << row.reason << "\n" << json;
  return all.rows.empty() ? PreferenceRow() : std::move(all.rows.front());
}

struct Failure {
  ErrorCode code = ErrorCode::kInternal;
  std::string text;
};

/// The Error that the action throws; a failed test if it throws none.
inline Failure failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  ADD_FAILURE() << "no Error was thrown";
  return {};
}

}  // namespace midpo
