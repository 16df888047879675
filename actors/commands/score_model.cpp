// SPDX-License-Identifier: Apache-2.0
// midpo reward, midpo cost: preference rows -> a score model.
//
//   reward: better_response_id must score higher; cost: the less safe response must, and the sign
//   must say which responses are unsafe
#include "actors/commands/command.h"
#include "actors/learning/learning_run.h"

namespace midpo {
namespace {

class ScoreModelCommand : public Command {
 public:
  ScoreModelCommand(Objective objective, const std::string& name, const std::string& summary)
      : objective_(objective), table_(name, summary) {
    config_.epochs = 2.0;
    config_.batch_size = 16;
    config_.learning_rate = 2e-5;
    config_.weight_decay = 0.1;
    table_.example("midpo " + name + " --model BASE --data train.jsonl --output MODEL");
    add_run_options(table_, config_, "Preference rows with labels");
    table_.group("Loss");
    table_.flag("token_wise", &is_token_wise_, "Compare at every position, not at the last token");
    table_.number("regularization", &regularization_, 0.0, 1e3, "Weight of the scores' squares")
        .aliases = {"score_regularizer"};
    add_training_options(table_, config_);
    add_remote_options(table_, config_.remote);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    LearnerRequest learner;
    learner.name = table_.command() + " model";
    learner.options = learner_options(config_);
    learner.options.objective = objective_;
    learner.options.is_token_wise = is_token_wise_;
    learner.options.score_regularizer = regularization_;
    learner.wish.objective = objective_;
    learner.wish.rule = objective_ == Objective::kCost ? PairRule::kSafer : PairRule::kBetter;
    return run_learning({table_.command(), table_.resolved_yaml(), config_, {learner}},
                        load_engines());
  }

 private:
  Objective objective_;
  bool is_token_wise_ = false;
  double regularization_ = 0.001;
  TrainingConfig config_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_reward_command() {
  return std::make_unique<ScoreModelCommand>(Objective::kReward, "reward",
                                             "Train a reward model: how helpful a response is");
}

std::unique_ptr<Command> make_cost_command() {
  return std::make_unique<ScoreModelCommand>(Objective::kCost, "cost",
                                             "Train a cost model: how unsafe a response is");
}

}  // namespace midpo
