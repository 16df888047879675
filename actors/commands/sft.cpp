// SPDX-License-Identifier: Apache-2.0
// midpo sft: dialogues -> a fine-tuned base model, or an adapter of it.
//
//   rows -> tokens, with the spans that the assistant says -> run_learning()
#include "actors/commands/command.h"
#include "actors/learning/learning_run.h"

namespace midpo {
namespace {

class SftCommand : public Command {
 public:
  SftCommand() : table_("sft", "Fine-tune a base model on prompts and responses") {
    config_.epochs = 1.0;
    config_.gradient_accumulation = 8;
    config_.learning_rate = 2e-5;
    table_.example("midpo sft --model BASE --data alpaca.jsonl --output SFT --epochs 3");
    add_run_options(table_, config_,
                    "Rows: prompt and response (or completion), messages, or instruction, input "
                    "and output");
    add_lora_options(table_, config_, true);
    add_training_options(table_, config_);
    add_remote_options(table_, config_.remote);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    LearnerRequest learner;
    learner.name = "sft";
    learner.options = learner_options(config_);
    learner.options.objective = Objective::kSft;
    learner.wish.objective = Objective::kSft;
    return run_learning({table_.command(), table_.resolved_yaml(), config_, {learner}},
                        load_engines());
  }

 private:
  TrainingConfig config_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_sft_command() { return std::make_unique<SftCommand>(); }

}  // namespace midpo
