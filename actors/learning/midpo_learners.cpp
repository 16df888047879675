// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/midpo_learners.h"

#include <filesystem>

#include "runtime/core/error.h"

namespace midpo {
namespace {

void require_adapter(const std::string& path, const std::string& option) {
  require(std::filesystem::exists(path + "/adapter_config.json"), ErrorCode::kConfig,
          option + ": " + path + " holds no adapter_config.json; give a PEFT adapter directory");
}

LearnerRequest expert(const TrainingConfig& config, const std::string& name) {
  LearnerRequest learner;
  learner.name = name;
  learner.options = learner_options(config);
  learner.needs_reference = true;
  return learner;
}

}  // namespace

LearnerRequest safety_expert(const TrainingConfig& config) {
  LearnerRequest learner = expert(config, "safety expert");
  learner.wish.rule = PairRule::kExactlyOneSafe;
  learner.score_role = Role::kCost;
  learner.offset = PairOffset::kSafety;
  return learner;
}

LearnerRequest helpfulness_expert(const TrainingConfig& config) {
  LearnerRequest learner = expert(config, "helpfulness expert");
  learner.wish.rule = PairRule::kBetter;
  learner.score_role = Role::kReward;
  learner.offset = PairOffset::kHelpfulness;
  return learner;
}

void add_gate_options(OptionTable& table, RouterOptions& config) {
  table.integer("gate_width", &config.gate_width, 1, 1 << 16, "Inner width of a gate");
  table.number("gate_regularizer", &config.gate_regularizer, 0.0, 1e6,
               "Weight of abs(alpha) + abs(beta - 1)");
}

LearnerRequest router_learner(const TrainingConfig& config, const RouterOptions& router) {
  require_adapter(router.safety_adapter, "safety_adapter");
  require_adapter(router.helpfulness_adapter, "helpfulness_adapter");
  LearnerRequest learner;
  learner.name = "router";
  learner.options = learner_options(config);
  learner.options.objective = Objective::kRouter;
  learner.options.safety_adapter = router.safety_adapter;
  learner.options.helpfulness_adapter = router.helpfulness_adapter;
  learner.options.gate_width = router.gate_width;
  learner.options.gate_regularizer = router.gate_regularizer;
  learner.wish = {Objective::kRouter, PairRule::kAgreed};
  learner.needs_reference = true;
  return learner;
}

}  // namespace midpo
