// SPDX-License-Identifier: Apache-2.0
// midpo router: D_dual and both experts -> the gates of the mixture.
//
//   D_dual -> reference log-probs of the base -> run_learning()
#include "actors/commands/command.h"
#include "actors/learning/midpo_learners.h"

namespace midpo {
namespace {

class RouterCommand : public Command {
 public:
  RouterCommand() : table_("router", "Train the router that mixes both experts, on D_dual") {
    table_.example(
        "midpo router --model SFT --safety-adapter experts/safety "
        "--helpfulness-adapter experts/helpfulness --data d_dual.jsonl --output router");
    table_.group("Router");
    table_.text("safety_adapter", &router_.safety_adapter, "DIR", "Safety expert").is_required =
        true;
    table_.text("helpfulness_adapter", &router_.helpfulness_adapter, "DIR", "Helpfulness expert")
        .is_required = true;
    add_gate_options(table_, router_);
    table_.number("beta", &config_.beta, 1e-9, 1e6, "Weight of the log-prob margin").aliases = {
        "scale_coeff", "pref_beta", "rl_beta"};
    add_run_options(table_, config_, "D_dual, as midpo rank writes it");
    add_training_options(table_, config_);
    add_scoring_options(table_, config_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    LearnerRequest learner = router_learner(config_, router_);
    return run_learning({table_.command(), table_.resolved_yaml(), config_, {std::move(learner)}},
                        load_engines());
  }

 private:
  RouterOptions router_;
  TrainingConfig config_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_router_command() { return std::make_unique<RouterCommand>(); }

}  // namespace midpo
