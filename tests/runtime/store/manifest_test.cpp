// SPDX-License-Identifier: Apache-2.0
#include "runtime/store/manifest.h"

#include <gmock/gmock.h>

#include "runtime/core/error.h"
#include "tests/support/error_text.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

RunManifest sample() {
  RunManifest manifest;
  manifest.midpo_version = "0.1.0";
  manifest.plan_hash = "abc";
  manifest.started_at = "2024-01-01T00:00:00Z";
  manifest.finished_at = "2024-01-01T00:10:00Z";
  manifest.inputs = {{"rows.jsonl", 123, "11"}};
  manifest.outputs = {{"d_dual.jsonl", 45, 6, "22"}};
  manifest.models = {{"reward", "cafe", "float32", "cpu", "tile 8"}};
  manifest.rows_in = 10;
  manifest.rows_out = 6;
  manifest.rows_filtered = {{"tie", 2}, {"both_unsafe", 1}};
  manifest.rows_quarantined = 1;
  return manifest;
}

TEST(Manifest, AcceptsRowsThatAddUp) { EXPECT_NO_THROW(check_row_counts(sample())); }

TEST(Manifest, ShowsTheFiguresOfRowsThatDoNotAddUp) {
  RunManifest manifest = sample();
  manifest.rows_in = 11;
  const std::string text = error_text(ErrorCode::kInternal, [&] { check_row_counts(manifest); });
  EXPECT_THAT(text, HasSubstr("in 11, out 6 + filtered 3 + quarantined 1"));
}

TEST(Manifest, IsNotWrittenWhenRowsDoNotAddUp) {
  const TemporaryFolder folder;
  RunManifest manifest = sample();
  manifest.rows_quarantined = 0;
  EXPECT_THROW(write_manifest(folder.file("manifest.json"), manifest), Error);
  EXPECT_FALSE(std::filesystem::exists(folder.file("manifest.json")));
}

TEST(Manifest, IsWrittenAsReadableJson) {
  const TemporaryFolder folder;
  write_manifest(folder.file("manifest.json"), sample());
  EXPECT_EQ(read_file(folder.file("manifest.json")), R"({
  "midpo_version": "0.1.0",
  "plan_hash": "abc",
  "rows": {
    "in": 10,
    "out": 6,
    "filtered": {
      "both_unsafe": 1,
      "tie": 2
    },
    "quarantined": 1
  },
  "inputs": [
    {
      "path": "rows.jsonl",
      "bytes": 123,
      "sha256": "11"
    }
  ],
  "outputs": [
    {
      "path": "d_dual.jsonl",
      "bytes": 45,
      "rows": 6,
      "sha256": "22"
    }
  ],
  "models": [
    {
      "role": "reward",
      "content_hash": "cafe",
      "dtype": "float32",
      "device": "cpu",
      "numerics": "tile 8"
    }
  ],
  "times": {
    "started_at": "2024-01-01T00:00:00Z",
    "finished_at": "2024-01-01T00:10:00Z"
  }
}
)");
}

TEST(Manifest, DiffersOnlyInTimesBetweenEqualRuns) {
  RunManifest later = sample();
  later.started_at = "2025-01-01T00:00:00Z";
  later.finished_at = "2025-01-01T00:00:01Z";
  const std::string first = manifest_json(sample());
  const std::string second = manifest_json(later);
  EXPECT_NE(first, second);
  EXPECT_EQ(first.substr(0, first.find("\"times\"")), second.substr(0, second.find("\"times\"")));
}

TEST(Manifest, SurvivesAPathThatIsNotUtf8) {
  RunManifest manifest = sample();
  manifest.inputs[0].path = "bad\xff name";
  EXPECT_THAT(manifest_json(manifest), HasSubstr("bad\xef\xbf\xbd name"));
}

}  // namespace
}  // namespace midpo
