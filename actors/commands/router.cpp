// SPDX-License-Identifier: Apache-2.0
// midpo router: D_dual and both experts -> the gates of the mixture.
//
//   D_dual -> reference log-probs of the base -> run_learning()
#include <filesystem>

#include "actors/commands/command.h"
#include "actors/learning/learning_run.h"

namespace midpo {
namespace {

void require_adapter(const std::string& path, const std::string& option) {
  require(std::filesystem::exists(path + "/adapter_config.json"), ErrorCode::kConfig,
          option + ": " + path + " holds no adapter_config.json; give a PEFT adapter directory");
}

class RouterCommand : public Command {
 public:
  RouterCommand() : table_("router", "Train the router that mixes both experts, on D_dual") {
    table_.example(
        "midpo router --model SFT --safety-adapter experts/safety "
        "--helpfulness-adapter experts/helpfulness --data d_dual.jsonl --output router");
    table_.group("Router");
    table_.text("safety_adapter", &safety_, "DIR", "Safety expert").is_required = true;
    table_.text("helpfulness_adapter", &helpfulness_, "DIR", "Helpfulness expert").is_required =
        true;
    table_.integer("gate_width", &gate_width_, 1, 1 << 16, "Inner width of a gate");
    table_.number("gate_regularizer", &gate_regularizer_, 0.0, 1e6,
                  "Weight of abs(alpha) + abs(beta - 1)");
    table_.number("beta", &config_.beta, 1e-9, 1e6, "Weight of the log-prob margin").aliases = {
        "scale_coeff", "pref_beta", "rl_beta"};
    add_run_options(table_, config_, "D_dual, as midpo rank writes it");
    add_training_options(table_, config_);
    add_scoring_options(table_, config_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    require_adapter(safety_, "safety_adapter");
    require_adapter(helpfulness_, "helpfulness_adapter");
    LearnerRequest learner;
    learner.name = "router";
    learner.options = learner_options(config_);
    learner.options.objective = Objective::kRouter;
    learner.options.safety_adapter = safety_;
    learner.options.helpfulness_adapter = helpfulness_;
    learner.options.gate_width = gate_width_;
    learner.options.gate_regularizer = gate_regularizer_;
    learner.wish = {Objective::kRouter, PairRule::kAgreed};
    learner.needs_reference = true;
    return run_learning({table_.command(), table_.resolved_yaml(), config_, {learner}},
                        load_engines());
  }

 private:
  std::string safety_, helpfulness_;
  std::int64_t gate_width_ = 512;
  double gate_regularizer_ = 1.0;
  TrainingConfig config_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_router_command() { return std::make_unique<RouterCommand>(); }

}  // namespace midpo
