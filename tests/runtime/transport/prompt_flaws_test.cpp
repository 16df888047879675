// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/runtime/transport/worker_fixture.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

TEST(PromptFlaws, ThereAreNoneInWhatWasAskedFor) {
  EXPECT_FALSE(flaw_of(prompts_of(1), good_responses()));
}

struct Flaw {
  std::function<void(PromptTask&, PromptResult&)> make;
  std::string text;
};

class PromptFlaw : public testing::TestWithParam<Flaw> {};

TEST_P(PromptFlaw, IsNamed) {
  PromptTask task = prompts_of(1);
  PromptResult result = good_responses();
  GetParam().make(task, result);
  const auto flaw = flaw_of(task, result);
  ASSERT_TRUE(flaw);
  EXPECT_THAT(*flaw, HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    Each, PromptFlaw,
    testing::Values(Flaw{[](auto&, auto& result) { result.samples.clear(); }, "other prompts"},
                    Flaw{[](auto&, auto& result) { result.samples[0].pop_back(); },
                         "number of samples"},
                    Flaw{[](auto&, auto& result) { result.samples[0][0].tokens[0] = 100; },
                         "outside the vocabulary"},
                    Flaw{[](auto&, auto& result) { result.samples[0][0].tokens[0] = -1; },
                         "outside the vocabulary"},
                    Flaw{[](auto&, auto& result) {
                           result.samples[0][0].tokens = {7, 4};
                         },
                         "ends neither"},
                    Flaw{[](auto&, auto& result) {
                           result.samples[0][1].tokens = {4, 5};
                         },
                         "ends neither"},
                    Flaw{[](auto&, auto& result) {
                           result.samples[0][1].tokens = {4, 5, 6, 7};
                         },
                         "ends neither"},
                    Flaw{[](auto&, auto& result) {
                           result.samples[0][0].log_probs = {0, 0};
                         },
                         "not asked for"},
                    Flaw{[](auto& task, auto&) { task.wants_log_probs = true; }, "log-probs"},
                    Flaw{[](auto& task, auto& result) {
                           task.wants_log_probs = true;
                           result.samples[0][0].log_probs = {0.0F, std::nanf("")};
                           result.samples[0][1].log_probs = {0.0F, 0.0F, 0.0F};
                         },
                         "NaN"}));

}  // namespace
}  // namespace midpo
