// SPDX-License-Identifier: Apache-2.0
#include "actors/pipeline/memory_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/stub_engines.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kModel = 1000;

class MemoryPlanTest : public ::testing::Test {
 protected:
  MemoryPlanTest() {
    engines_.need = {kModel, kModel / 2, 10 * kModel};
    request_.config.model = model("base");
    request_.config.reward_model = model("reward");
    request_.config.cost_model = model("cost");
  }

  std::string model(const std::string& name) {
    std::filesystem::create_directories(folder_.file(name));
    return folder_.file(name);
  }

  void add_learner(const std::string& device, bool has_adapter) {
    LearnerRequest learner;
    learner.name = "expert";
    learner.options.model.path = request_.config.model;
    learner.options.model.device = device;
    if (has_adapter) learner.options.lora = LoraOptions();
    request_.learners.push_back(learner);
  }

  std::int64_t needed(std::size_t device = 0) {
    return plan_memory(request_, engines_).at(device).needed_bytes;
  }

  TemporaryFolder folder_;
  StubEngines engines_;
  LearningRequest request_;
};

TEST_F(MemoryPlanTest, CountsABaseOnceHoweverManyLearnOnIt) {
  EXPECT_EQ(needed(), 3 * kModel);
  add_learner("cpu", true);
  EXPECT_EQ(needed(), 3 * kModel + kModel / 2);
  add_learner("cpu", true);
  EXPECT_EQ(needed(), 3 * kModel + kModel / 2);
}

TEST_F(MemoryPlanTest, CountsItOnEachDevice) {
  add_learner("cuda:1", true);
  add_learner("cuda:1", true);
  EXPECT_EQ(needed(0), 3 * kModel);
  EXPECT_EQ(needed(1), kModel + kModel / 2);
}

TEST_F(MemoryPlanTest, CountsAModelThatIsTrainedWholeForItself) {
  add_learner("cpu", false);
  add_learner("cpu", false);
  EXPECT_EQ(needed(), 5 * kModel);
}

TEST_F(MemoryPlanTest, RefusesMoreThanThereIs) {
  engines_.need.free_bytes = 3 * kModel;
  EXPECT_NO_THROW(require_memory(plan_memory(request_, engines_)));
  add_learner("cpu", true);
  try {
    require_memory(plan_memory(request_, engines_));
    FAIL() << "it does not fit";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
    EXPECT_THAT(error.what(), HasSubstr("its transpose"));
  }
}

}  // namespace
}  // namespace midpo
