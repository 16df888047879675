// SPDX-License-Identifier: Apache-2.0
// midpo dpo: the baselines that MidPO is compared with, on the same machinery.
//
//   loss and preference -> which rows, who wins, which offset -> run_learning()
#include "actors/commands/command.h"
#include "actors/learning/learning_run.h"

namespace midpo {
namespace {

class DpoCommand : public Command {
 public:
  DpoCommand() : table_("dpo", "Train an adapter by DPO or a relative: the baselines") {
    config_.lora = true;
    table_.example("midpo dpo --model SFT --data train.jsonl --output dpo --preference safety");
    table_.example(
        "midpo dpo --loss modpo --model SFT --cost-model CM --data train.jsonl --output modpo");
    add_loss_options();
    add_run_options(table_, config_, "Preference rows with labels, or chosen and rejected");
    add_lora_options(table_, config_, false);
    add_training_options(table_, config_);
    add_scoring_options(table_, config_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    require(loss_ != "modpo" || !config_.cost_model.empty(), ErrorCode::kConfig,
            "loss modpo needs --cost-model DIR");
    require(loss_ != "robust" || label_smoothing_ < 0.5, ErrorCode::kConfig,
            "label_smoothing must be below 0.5 for loss robust");
    return run_learning({table_.command(), table_.resolved_yaml(), config_, {learner()}},
                        load_engines());
  }

 private:
  void add_loss_options();
  LearnerRequest learner() const;

  std::string loss_ = "dpo";
  std::string preference_ = "helpfulness";
  double penalty_ = 1.0;
  double delta_ = 10.0;
  double label_smoothing_ = 0.0;
  bool full_ = false;
  TrainingConfig config_;
  OptionTable table_;
};

void DpoCommand::add_loss_options() {
  table_.group("Loss");
  table_
      .choice("loss", &loss_, {"dpo", "ipo", "hinge", "robust", "safedpo", "modpo"},
              "How a pair's margin becomes a loss")
      .aliases = {"loss_type"};
  table_.choice("preference", &preference_, {"helpfulness", "safety"},
                "Who wins: better_response_id or safer_response_id (safedpo: its own rule)");
  table_.number("beta", &config_.beta, 1e-9, 1e6, "Weight of the log-prob margin").aliases = {
      "scale_coeff", "pref_beta", "rl_beta"};
  table_.number("label_smoothing", &label_smoothing_, 0.0, 1.0,
                "robust: probability that a label is wrong");
  table_.number("penalty", &penalty_, 0.0, 1e6, "modpo: weight of the cost margin");
  table_.number("delta", &delta_, 0.0, 1e6, "safedpo: margin by which safe must beat unsafe");
  table_.text("cost_model", &config_.cost_model, "DIR", "Cost model (needed by modpo)");
  table_.flag("full", &full_, "Train all weights instead of an adapter");
}

LearnerRequest DpoCommand::learner() const {
  LearnerRequest learner;
  learner.name = loss_;
  TrainingConfig config = config_;
  config.lora = !full_;
  learner.options = learner_options(config);
  learner.options.label_smoothing = label_smoothing_;
  learner.wish.rule = preference_ == "safety" ? PairRule::kSafer : PairRule::kBetter;
  learner.needs_reference = true;
  if (loss_ == "ipo") learner.options.pair_loss = PairLossKind::kIpo;
  if (loss_ == "hinge") learner.options.pair_loss = PairLossKind::kHinge;
  if (loss_ == "robust") learner.options.pair_loss = PairLossKind::kRobust;
  if (loss_ == "safedpo") {
    learner.wish.rule = PairRule::kSafeDpo;
    learner.offset = PairOffset::kSafeDpo;
    learner.offset_weight = delta_;
  }
  if (loss_ == "modpo") {
    learner.options.pair_scale = 2.0 * config_.beta;
    learner.score_role = Role::kCost;
    learner.offset = PairOffset::kModpo;
    learner.offset_weight = penalty_;
  }
  return learner;
}

}  // namespace

std::unique_ptr<Command> make_dpo_command() { return std::make_unique<DpoCommand>(); }

}  // namespace midpo
