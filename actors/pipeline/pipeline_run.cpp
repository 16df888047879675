// SPDX-License-Identifier: Apache-2.0
#include "actors/pipeline/pipeline_run.h"

#include <cstdio>
#include <filesystem>

#include "actors/pipeline/following_run.h"
#include "actors/pipeline/pipeline_plan.h"
#include "actors/pipeline/pipeline_summary.h"
#include "actors/rank_summary.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/atomic_folder.h"
#include "runtime/observe/log.h"
#include "runtime/store/run_lock.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

/// D_dual is no folder of a run, so that nothing else protects one that is there.
void require_free(const PipelineConfig& config, const PipelineFolder& folder) {
  const bool is_known = config.shared.resume || config.shared.overwrite;
  require(is_known || !fs::exists(folder.d_dual()), ErrorCode::kConfig,
          folder.d_dual() +
              " exists; choose another --output, continue its run with --resume, or "
              "replace it with --overwrite");
}

/// What belongs to later stages goes at once: a run that is interrupted before them would take it
/// for its own.
void discard_later_stages(const PipelineFolder& folder) {
  require_replaceable(folder.router(), ExistingFolder::kReplaceOwn);
  for (const std::string& made : {folder.versions(), folder.router_state(), folder.router()}) {
    remove_folder_atomically(made);
  }
}

/// An earlier process has finished the first stage.
void require_d_dual(const PipelineFolder& folder) {
  require(fs::exists(folder.d_dual()), ErrorCode::kData,
          folder.d_dual() +
              ": is missing though its stage is finished; start anew with "
              "--overwrite");
}

PipelineOutcome train_after_experts(const PipelineConfig& config, const std::string& resolved,
                                    LearningRequest experts, const EngineFactory& engines) {
  const PipelineFolder folder{config.shared.output};
  const std::string adapters = folder.adapters();
  PipelineOutcome outcome;
  outcome.experts = train_models(std::move(experts), engines);
  outcome.router_begin_seconds = outcome.experts.outcome.wall_seconds;
  require_d_dual(folder);
  outcome.router = train_models(
      router_stage(config, resolved, adapters + "/safety", adapters + "/helpfulness"), engines);
  return outcome;
}

}  // namespace

int run_pipeline(const PipelineConfig& config, const std::string& resolved,
                 const EngineFactory& engines) {
  const PipelineFolder folder{config.shared.output};
  LearningRequest experts = expert_stage(config, resolved);
  const std::vector<DeviceMemory> memory = plan_memory(experts, engines);
  require_memory(memory);
  experts.on_prepared = [&](const PreparedLearning& prepared) {
    print(pipeline_plan(config, prepared, memory));
  };
  if (config.is_dry_run) {
    prepare_only(std::move(experts), engines);
    return 0;
  }
  require_free(config, folder);
  make_directories(folder.state());
  const RunLock lock(folder.state());  // over all stages; each has its own, too
  if (config.shared.overwrite) discard_later_stages(folder);
  // Of a run that goes on, once it is known that its stages do so under these options.
  const std::string config_file = folder.dir + "/config.yaml";
  if (config.shared.overwrite || !fs::exists(config_file)) {
    write_file_atomically(config_file, resolved);
  }
  const std::string started = utc_now();
  const auto train = config.follows() ? train_following : train_after_experts;
  const PipelineOutcome outcome = train(config, resolved, std::move(experts), engines);
  // Until here every version may be needed again.
  remove_folder_atomically(folder.versions());
  const bool was_finished = outcome.experts.was_finished && outcome.router.was_finished;
  if (was_finished && fs::exists(folder.manifest())) return 0;
  write_file_atomically(config_file, resolved);
  write_pipeline_manifest(folder, config.shared.data, started);
  write_stages(folder, outcome);
  print(pipeline_summary(outcome));
  return 0;
}

}  // namespace midpo
