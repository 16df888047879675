// SPDX-License-Identifier: Apache-2.0
// midpo expert --kind both with models that cost nothing (or a given time): the real actors, store,
// checkpoints and files around pure functions. For crash tests.
#include <atomic>
#include <cstdio>

#include "actors/learning/learner_ranks.h"
#include "actors/learning/learning_run.h"
#include "actors/left_behind.h"
#include "tests/support/stub_engines.h"

namespace midpo {
namespace {

LearnerRequest expert(const TrainingConfig& config, const std::string& name, PairRule rule,
                      Role score_role, PairOffset offset) {
  LearnerRequest learner;
  learner.name = name;
  learner.folder = name;
  learner.options = learner_options(config);
  learner.wish.rule = rule;
  learner.needs_reference = true;
  learner.score_role = score_role;
  learner.offset = offset;
  return learner;
}

int run_rank(const std::vector<std::string>& arguments) {
  RankPlace place;
  OptionTable table("learner-rank", "One rank of a run with stubs");
  add_rank_place_options(table, place);
  if (table.parse(arguments)) run_learner_rank(place, StubEngines());
  return 0;
}

int run(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments.front() == "learner-rank") {
    return run_rank({arguments.begin() + 1, arguments.end()});
  }
  TrainingConfig config;
  config.lora = true;
  std::int64_t step_us = 0;
  std::int64_t tile_us = 0;
  std::int64_t hang_step = 0;
  OptionTable table("stub_learn", "midpo expert with stubs");
  table.integer("step_us", &step_us, 0, 10'000'000, "Sleep in each step");
  table.integer("tile_us", &tile_us, 0, 10'000'000, "Sleep in each tile");
  table.integer("hang_step", &hang_step, 0, 1'000'000,
                "The step, of all, that never ends; 0: none");
  table.text("reward_model", &config.reward_model, "DIR", "Any folder");
  table.text("cost_model", &config.cost_model, "DIR", "Any other folder");
  add_run_options(table, config, "Token ids");
  add_lora_options(table, config, false);
  add_training_options(table, config);
  add_scoring_options(table, config);
  if (!table.parse(arguments)) return 0;
  StubEngines engines;
  engines.scorer_hook = [=](std::span<const RowTokens>) {
    std::this_thread::sleep_for(std::chrono::microseconds(tile_us));
  };
  std::atomic<std::int64_t> steps = 0;
  engines.learner_hooks.before_apply = [&steps, step_us, hang_step] {
    std::this_thread::sleep_for(std::chrono::microseconds(step_us));
    const bool hangs = ++steps == hang_step;
    while (hangs) std::this_thread::sleep_for(std::chrono::hours(1));
  };
  LearningRequest request{"stub_learn", table.resolved_yaml(), config, {}};
  request.learners.push_back(
      expert(config, "safety", PairRule::kExactlyOneSafe, Role::kCost, PairOffset::kSafety));
  request.learners.push_back(
      expert(config, "helpfulness", PairRule::kBetter, Role::kReward, PairOffset::kHelpfulness));
  return run_learning(std::move(request), engines);
}

}  // namespace
}  // namespace midpo

int main(int argc, char** argv) {
  try {
    return midpo::run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const midpo::Error& error) {
    std::fprintf(stderr, "stub_learn: %s\n", error.what());
    midpo::end_process(midpo::exit_status(error.code()));
  }
}
