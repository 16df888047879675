// SPDX-License-Identifier: Apache-2.0
// midpo expert: preference rows -> a LoRA expert for safety, for helpfulness, or both at once.
//
//   rows -> reference log-probs and scores (computed once, shared) -> run_learning()
#include "actors/commands/command.h"
#include "actors/learning/midpo_learners.h"

namespace midpo {
namespace {

class ExpertCommand : public Command {
 public:
  ExpertCommand() : table_("expert", "Train the safety or the helpfulness expert, or both") {
    config_.lora = true;
    table_.example(
        "midpo expert --kind both --model SFT --reward-model RM --cost-model CM "
        "--data train.jsonl --output experts");
    table_.example(
        "midpo expert --kind safety --model SFT --cost-model CM --data train.jsonl --output S");
    table_.group("Expert");
    table_
        .choice("kind", &kind_, {"safety", "helpfulness", "both"},
                "both: OUTPUT/safety and OUTPUT/helpfulness, sharing base, scores and log-probs")
        .is_required = true;
    table_.text("reward_model", &config_.reward_model, "DIR",
                "Reward model (needed by helpfulness and both)");
    table_.text("cost_model", &config_.cost_model, "DIR", "Cost model (needed by safety and both)");
    table_.number("beta", &config_.beta, 1e-9, 1e6, "Weight of the log-prob margin").aliases = {
        "scale_coeff", "pref_beta", "rl_beta"};
    add_run_options(table_, config_, "Preference rows with labels");
    add_lora_options(table_, config_, false);
    add_training_options(table_, config_);
    add_scoring_options(table_, config_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    const bool is_both = kind_ == "both";
    require(kind_ == "helpfulness" || !config_.cost_model.empty(), ErrorCode::kConfig,
            "kind " + kind_ + " needs --cost-model DIR");
    require(kind_ == "safety" || !config_.reward_model.empty(), ErrorCode::kConfig,
            "kind " + kind_ + " needs --reward-model DIR");
    LearningRequest request{table_.command(), table_.resolved_yaml(), config_, {}};
    if (kind_ != "helpfulness") request.learners.push_back(safety_expert(config_));
    if (kind_ != "safety") request.learners.push_back(helpfulness_expert(config_));
    if (is_both) {
      request.learners[0].folder = "safety";
      request.learners[1].folder = "helpfulness";
    }
    return run_learning(std::move(request), load_engines());
  }

 private:
  std::string kind_;
  TrainingConfig config_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_expert_command() { return std::make_unique<ExpertCommand>(); }

}  // namespace midpo
