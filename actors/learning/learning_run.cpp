// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learning_run.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "actors/learning/learning_coordinator.h"
#include "actors/learning/learning_folder.h"
#include "actors/learning/learning_plan.h"
#include "actors/learning/learning_setup.h"
#include "actors/learning/learning_summary.h"
#include "actors/learning/rejected_rows.h"
#include "actors/rank_plan.h"
#include "actors/rank_summary.h"
#include "actors/stop_request.h"
#include "runtime/core/atomic_file.h"
#include "runtime/observe/log.h"
#include "runtime/store/run_lock.h"

namespace midpo {
namespace {

LearningFolder folder_of(const LearningRequest& request) {
  const TrainingConfig& config = request.config;
  LearningFolder folder{config.run_dir, {}, {}};
  for (const LearnerRequest& learner : request.learners) {
    folder.learners.push_back(learner.folder);
    const std::string sub_folder = learner.folder.empty() ? "" : "/" + learner.folder;
    folder.outputs.push_back(config.output + sub_folder);
  }
  return folder;
}

/// Opens what the actors own; from here on there is state on disk.
std::shared_ptr<LearningResources> open_resources(const LearningRequest& request,
                                                  const PreparedLearning& prepared) {
  auto resources = std::make_shared<LearningResources>();
  LearningJob& job = *prepared.job;
  if (!job.models.empty()) {
    const auto& shared = request.beside.open_store;
    const std::string& dir = request.config.scores_dir;
    resources->store = shared ? shared(dir) : RunStore::open(dir);
    for (JobModel& model : job.models) {
      model.store_id = resources->store->model_id(model_identity(model), role_name(model.role));
    }
  }
  for (std::size_t i = 0; i < job.learners.size(); ++i) {
    resources->sessions.push_back(
        std::make_shared<TrainingSession>(job.learners[i], prepared.learners[i]));
  }
  return resources;
}

void write_manifests(const PreparedLearning& prepared, const std::string& started) {
  const LearningJob& job = *prepared.job;
  for (std::size_t i = 0; i < job.learners.size(); ++i) {
    const LearnerJob& learner = job.learners[i];
    RunManifest manifest =
        learner_manifest(job, learner, prepared.inputs, prepared.learners[i]->info());
    manifest.started_at = started;
    manifest.finished_at = utc_now();
    write_manifest(learner.run_dir + "/manifest.json", manifest);
  }
}

/// The fate of the rows is written behind the outputs, so that where it is they are complete: then
/// nothing is ranked again, and whoever reads D_dual finds the same file.
void settle_ranking(const LearningRequest& request, const LearningFolder& folder,
                    LearningJob& job) {
  if (!request.ranking) return;
  const std::string fates = folder.file("ranking.json");
  if (std::filesystem::exists(fates) && std::filesystem::exists(request.ranking->output)) {
    job.ranking = nullptr;
    if (request.on_ranked) request.on_ranked();
    return;
  }
  job.on_ranked = [fates, on_ranked = request.on_ranked](const RunCounters& rows) {
    write_file_atomically(fates, rows.to_json());
    if (on_ranked) on_ranked();
  };
}

void fill_defaults(LearningRequest& request) {
  TrainingConfig& config = request.config;
  if (config.run_dir.empty()) config.run_dir = config.output + ".run";
  if (config.scores_dir.empty()) config.scores_dir = config.run_dir + "/scores";
  if (config.compat != "published") return;
  config.compute.template_name = "published";
  // Its log-prob sums depend on the batch, so that the learner computes the reference's as well.
  for (LearnerRequest& learner : request.learners) {
    const Objective objective = learner.options.objective;
    if (objective == Objective::kPairs || objective == Objective::kRouter) {
      learner.needs_reference = false;
    }
  }
}

}  // namespace

LearningResult train_models(LearningRequest request, const EngineFactory& engines) {
  fill_defaults(request);
  const LearningFolder folder = folder_of(request);
  const TrainingConfig& config = request.config;
  make_directories(folder.dir);
  const RunLock lock(folder.dir);
  if (prepare_learning_folder(folder, config.resume, config.overwrite) == RunStart::kFinished) {
    check_finished_plan(folder.file("plan.json"), request);
    log::info("already_finished", {{"run_dir", folder.dir}, {"output", config.output}});
    return {true, nullptr, {}, {}};
  }
  if (request.beside.group.empty()) log::open_jsonl(folder.file("log.jsonl"));
  install_stop_signals();
  const std::string started = utc_now();
  const PreparedLearning prepared = prepare_learning(request, folder, engines);
  if (const auto remote = make_remote_job(config.remote); remote && !prepared.job->models.empty()) {
    identify(*remote, folder.dir);
    remote->has_ranks = prepared.recruiter != nullptr;
    if (prepared.recruiter) prepared.recruiter->close();  // the bridge listens there next
    prepared.job->remote = remote;
  }
  if (request.on_prepared) request.on_prepared(prepared);
  const std::string plan =
      learning_plan_json(request, *prepared.job, prepared.inputs, prepared.learners);
  settle_learning_plan(folder.file("plan.json"), plan);
  write_file_atomically(folder.file("config.yaml"), request.resolved_config);
  for (LearnerJob& learner : prepared.job->learners) {
    learner.plan_hash = content_hash(plan).hex();
  }
  settle_ranking(request, folder, *prepared.job);
  const auto resources = open_resources(request, prepared);
  LearningResult result{false, prepared.job, run_learning_job(prepared.job, resources), {}};
  if (result.outcome.error) throw Error(*result.outcome.error);
  settle_rejected_rows(result.outcome.rejected, *prepared.job, folder.file("quarantine.jsonl"));
  write_manifests(prepared, started);
  for (std::size_t i = 0; i < prepared.learners.size(); ++i) {
    const Learner& learner = *prepared.learners[i];
    result.trained_parameters.push_back(learner.num_trained_parameters());
    LearnerFigures& figures = result.outcome.learners[i];
    if (figures.rows > 0) figures.gemm_flops_per_second = learner.measure_gemm_flops();
  }
  return result;
}

void prepare_only(LearningRequest request, const EngineFactory& engines) {
  fill_defaults(request);
  request.on_prepared(prepare_learning(request, folder_of(request), engines));
}

int run_learning(LearningRequest request, const EngineFactory& engines) {
  const LearningResult result = train_models(std::move(request), engines);
  if (result.was_finished) return 0;
  std::fputs(learning_summary(*result.job, result.outcome, result.trained_parameters).c_str(),
             stdout);
  return 0;
}

}  // namespace midpo
