// SPDX-License-Identifier: Apache-2.0
#include "runtime/checkpoint/trainer_state.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/core/error.h"

namespace midpo {
namespace {

TrainerState example() {
  TrainerState state;
  state.global_step = 12;
  state.max_steps = 40;
  state.epoch = 0.3;
  state.num_epochs = 1.5;
  state.batch_size = 4;
  state.num_tokens = 12345;
  state.num_rows = 48;
  state.last_eval_step = 10;
  state.log_history = {R"({"step":1,"loss":0.6931471805599453})", R"({"step":2,"loss":1e-07})"};
  state.plan_hash = "aa";
  state.state_hash = "bb";
  return state;
}

TEST(TrainerState, ReadsBackWhatItWrote) {
  EXPECT_EQ(parse_trainer_state(trainer_state_json(example()), "state.json"), example());
}

TEST(TrainerState, ReadsBackAnEmptyHistory) {
  EXPECT_EQ(parse_trainer_state(trainer_state_json(TrainerState{}), "state.json"), TrainerState{});
}

TEST(TrainerState, UsesTheNamesOfTransformers) {
  const auto root = nlohmann::json::parse(trainer_state_json(example()));
  EXPECT_EQ(root["global_step"], 12);
  EXPECT_EQ(root["max_steps"], 40);
  EXPECT_EQ(root["num_input_tokens_seen"], 12345);
  EXPECT_EQ(root["log_history"][1]["loss"], 1e-7);
}

TEST(TrainerState, NamesTheFileThatIsNoState) {
  for (const char* text : {"", "{", "[]", "{\"epoch\": 1}", "{\"epoch\": \"one\"}"}) {
    try {
      parse_trainer_state(text, "here/state.json");
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCheckpoint);
      EXPECT_NE(std::string(error.what()).find("here/state.json"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace midpo
