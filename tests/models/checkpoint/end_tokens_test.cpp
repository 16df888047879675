// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/end_tokens.h"

#include <gmock/gmock.h>

#include "tests/models/checkpoint/checkpoint_files.h"

namespace midpo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EndTokens : public ::testing::Test {
 protected:
  std::vector<std::int32_t> read(const std::string& config) {
    folder_.write("config.json", config);
    ModelConfig parsed;
    parsed.eos_token_id = 2;
    return end_tokens(folder_.path(), parsed);
  }

  TemporaryFolder folder_;
};

TEST_F(EndTokens, AreTheOneOfTheConfig) {
  EXPECT_THAT(read(R"({"eos_token_id": 7})"), ElementsAre(7));
}

TEST_F(EndTokens, AreAllOfTheConfig) {
  EXPECT_THAT(read(R"({"eos_token_id": [7, 8, 9]})"), ElementsAre(7, 8, 9));
}

TEST_F(EndTokens, AreWhatTheFamilyAssumesWhereNothingSaysMore) {
  folder_.write("generation_config.json", R"({"do_sample": true, "eos_token_id": null})");
  EXPECT_THAT(read("{}"), ElementsAre(2));
}

TEST_F(EndTokens, AreThoseOfTheGenerationConfigFirst) {
  folder_.write("generation_config.json", R"({"eos_token_id": [8, 9]})");
  EXPECT_THAT(read(R"({"eos_token_id": 7})"), ElementsAre(8, 9));
}

TEST_F(EndTokens, ThatAreNoTokensAreRefusedByFileAndKey) {
  folder_.write("generation_config.json", R"({"eos_token_id": [8, "</s>"]})");
  const std::string text = test::refusal([&] { read("{}"); });
  EXPECT_THAT(text, HasSubstr("generation_config.json: eos_token_id is \"</s>\""));
}

}  // namespace
}  // namespace midpo
