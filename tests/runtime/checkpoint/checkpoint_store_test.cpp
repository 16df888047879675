// SPDX-License-Identifier: Apache-2.0
#include "runtime/checkpoint/checkpoint_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "runtime/core/error.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using Steps = std::vector<std::uint64_t>;

class CheckpointStoreTest : public ::testing::Test {
 protected:
  void write(std::uint64_t step, const std::string& content, std::uint64_t max_kept = 0) {
    TrainerState state;
    state.global_step = step;
    CheckpointStore(root(), max_kept).write(state, [&](const std::string& path) {
      std::ofstream(path, std::ios::binary) << content;
    });
  }
  std::optional<CheckpointStore::Found> newest() {
    damaged_.clear();
    return CheckpointStore(root(), 0).newest(&damaged_);
  }
  std::string root() const { return folder_.file("checkpoints"); }
  std::string content_of(const CheckpointStore::Found& found) const {
    std::ostringstream text;
    text << std::ifstream(found.state_path, std::ios::binary).rdbuf();
    return text.str();
  }

  TemporaryFolder folder_;
  std::vector<std::string> damaged_;
};

TEST_F(CheckpointStoreTest, FindsNothingWhereNothingWasWritten) { EXPECT_FALSE(newest()); }

TEST_F(CheckpointStoreTest, FindsTheLargestStepNotTheLargestName) {
  write(9, "nine");
  write(10, "ten");
  ASSERT_TRUE(newest());
  EXPECT_EQ(newest()->state.global_step, 10U);
  EXPECT_EQ(content_of(*newest()), "ten");
}

TEST_F(CheckpointStoreTest, KeepsTheNewestOnes) {
  for (const std::uint64_t step : {2, 4, 6, 8}) write(step, "x", 2);
  EXPECT_EQ(CheckpointStore(root(), 2).steps(), (Steps{6, 8}));
}

TEST_F(CheckpointStoreTest, RemovesWhatAKillBehindTheLastWriteLeft) {
  for (const std::uint64_t step : {2, 4, 6}) write(step, "x");
  EXPECT_EQ(CheckpointStore(root(), 2).steps(), (Steps{4, 6}));
}

TEST_F(CheckpointStoreTest, ReplacesTheCheckpointOfTheSameStep) {
  write(3, "early");
  write(3, "late");
  EXPECT_EQ(content_of(*newest()), "late");
}

TEST_F(CheckpointStoreTest, PassesOverADamagedState) {
  write(1, "whole");
  write(2, "to be damaged");
  std::ofstream(root() + "/step-2/state.safetensors", std::ios::binary) << "to be dAmaged";
  ASSERT_TRUE(newest());
  EXPECT_EQ(newest()->state.global_step, 1U);
  EXPECT_EQ(damaged_.size(), 1U);
  EXPECT_THAT(damaged_.front(), testing::HasSubstr("step-2/state.safetensors"));
}

TEST_F(CheckpointStoreTest, PassesOverACutTrainerState) {
  write(1, "whole");
  write(2, "whole");
  std::filesystem::resize_file(root() + "/step-2/trainer_state.json", 20);
  EXPECT_EQ(newest()->state.global_step, 1U);
}

TEST_F(CheckpointStoreTest, RefusesWhereNoCheckpointIsWhole) {
  write(1, "x");
  std::filesystem::remove(root() + "/step-1/state.safetensors");
  try {
    newest();
    FAIL() << "it must not start anew unasked";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCheckpoint);
    EXPECT_THAT(error.what(), testing::HasSubstr("--overwrite"));
  }
}

TEST_F(CheckpointStoreTest, LooksAtNoFolderThatAKillLeft) {
  write(1, "whole");
  std::filesystem::create_directories(root() + "/step-2.midpo-tmp");
  std::filesystem::create_directories(root() + "/step-0.old");
  EXPECT_EQ(newest()->state.global_step, 1U);
  EXPECT_FALSE(std::filesystem::exists(root() + "/step-0.old")) << "left behind for ever";
}

TEST_F(CheckpointStoreTest, LeavesTheOldCheckpointWhenWritingFails) {
  write(5, "good");
  TrainerState state;
  state.global_step = 5;
  CheckpointStore store(root(), 0);
  EXPECT_THROW(
      store.write(
          state, [](const std::string&) -> void { throw Error(ErrorCode::kStorage, "disk full"); }),
      Error);
  EXPECT_EQ(content_of(*newest()), "good");
}

}  // namespace
}  // namespace midpo
