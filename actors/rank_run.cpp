// SPDX-License-Identifier: Apache-2.0
#include "actors/rank_run.h"

#include "actors/coordinator_actor.h"
#include "actors/rank_plan.h"
#include "actors/rank_summary.h"
#include "actors/remote/remote_options.h"
#include "runtime/core/atomic_file.h"

namespace midpo {
namespace {

/// The plan on record, which is recorded now if there is none. @throws Error(kConfig) if it is
/// another one.
void settle_plan(RunStore& store, const std::string& plan) {
  const std::string recorded = store.plan();
  if (recorded.empty()) {
    store.record_plan(plan);
  } else {
    check_same_plan(recorded, plan);
  }
}

/// The plan of what this command would do, its models loaded and known to the store.
std::string make_plan(const RankRun& run, RankJob& job, const JobResources& resources) {
  for (JobModel& model : job.models) {
    model.store_id = resources.store->model_id(model_identity(model), role_name(model.role));
  }
  return plan_json(job, run.folder.dir, resources.reader->files(), run.template_name,
                   run.policy_name);
}

std::shared_ptr<JobResources> open_resources(const RankRun& run, RankJob& job) {
  auto resources = std::make_shared<JobResources>();
  resources->reader = open_rows(run.data, job.block_rows, job.on_bad_row, run.requirements);
  job.input_paths = run.data;
  run.load_models(job);
  // Last: a run that cannot begin leaves no state behind that would have to be discarded.
  resources->store = RunStore::open(run.folder.dir);
  return resources;
}

}  // namespace

void check_finished_ranking(const RankRun& run, RankJob job) {
  const auto resources = open_resources(run, job);
  check_same_plan(resources->store->plan(), make_plan(run, job, *resources));
}

RankResult run_ranking(const RankRun& run, RankJob job) {
  const auto resources = open_resources(run, job);
  const std::vector<InputFile> inputs = resources->reader->files();
  const std::string plan = make_plan(run, job, *resources);
  settle_plan(*resources->store, plan);
  write_file_atomically(run.folder.file("config.yaml"), run.resolved_config);
  if (run.remote) identify(*run.remote, run.folder.dir);
  job.remote = run.remote;
  resources->frontier = resources->store->frontier();
  resources->reader->seek_block(resources->frontier.next_block);
  resources->outputs = std::make_shared<OutputFiles>(open_outputs(job, resources->frontier));

  const std::string started = utc_now();
  const auto shared_job = std::make_shared<const RankJob>(std::move(job));
  JobOutcome outcome = run_rank_job(shared_job, resources);
  if (outcome.error) throw Error(*outcome.error);
  RunManifest manifest = make_manifest(*shared_job, outcome, inputs, plan);
  manifest.started_at = started;
  manifest.finished_at = utc_now();
  write_manifest(run.folder.file("manifest.json"), manifest);
  return {*shared_job, std::move(outcome)};
}

}  // namespace midpo
