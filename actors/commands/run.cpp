// SPDX-License-Identifier: Apache-2.0
// midpo run: the whole method at once, from preference rows to the router.
//
//   rows -> scorers -> run store -> ranker -> D_dual
//                          |-> safety expert, helpfulness expert -> router
#include "actors/commands/command.h"
#include "actors/observe_options.h"
#include "actors/online/online_run.h"
#include "actors/pipeline/pipeline_run.h"

namespace midpo {
namespace {

class RunCommand : public Command {
 public:
  RunCommand() : table_("run", "Score, rank, train both experts and the router, overlapped") {
    table_.example(
        "midpo run pipeline.yaml --model SFT --reward-model RM --cost-model CM --data train.jsonl "
        "--output RUN");
    table_.example(
        "midpo run --mode online --model SFT --reward-model RM --cost-model CM --data "
        "prompts.jsonl --output ONLINE");
    table_.take_config();
    add_pipeline_options(table_, config_);
    add_observe_options(table_, observe_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    check_pipeline_options(config_);
    const Observation observation(observe_);
    if (config_.mode == "online") {
      return run_online(online_config(config_), table_.resolved_yaml(), load_engines());
    }
    return run_pipeline(config_, table_.resolved_yaml(), load_engines());
  }

 private:
  PipelineConfig config_;
  ObserveConfig observe_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_run_command() { return std::make_unique<RunCommand>(); }

}  // namespace midpo
