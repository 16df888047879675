// SPDX-License-Identifier: Apache-2.0
#include "actors/online/online_run.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "actors/learning/learning_folder.h"
#include "actors/learning/learning_plan.h"
#include "actors/learning/score_models.h"
#include "actors/online/online_coordinator.h"
#include "actors/online/online_plan.h"
#include "actors/online/online_prompts.h"
#include "actors/online/remote_policy.h"
#include "actors/rank_plan.h"
#include "actors/rank_summary.h"
#include "actors/row_lines.h"
#include "actors/stop_request.h"
#include "runtime/core/atomic_file.h"
#include "runtime/observe/log.h"
#include "runtime/observe/table.h"
#include "runtime/store/manifest.h"
#include "runtime/store/run_lock.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;

std::string state_dir(const OnlineConfig& config) { return config.training.output + "/state"; }
std::string policy_dir(const OnlineConfig& config) { return config.training.output + "/policy"; }

LearnerRequest learner_request(const OnlineConfig& config) {
  if (config.learner == "router") return router_learner(config.training, config.gates);
  LearnerRequest learner;
  learner.name = "policy";
  TrainingConfig training = config.training;
  training.lora = true;
  learner.options = learner_options(training);
  learner.needs_reference = true;
  return learner;
}

LearnerJob make_learner_job(const OnlineConfig& config, const LearnerRequest& request,
                            std::size_t num_prompts) {
  const TrainingConfig& training = config.training;
  LearnerJob learner;
  learner.name = request.name;
  learner.objective = request.options.objective;
  learner.batches = batch_options(training, num_prompts);
  learner.schedule = lr_schedule(training, BatchPlan(learner.batches).num_steps());
  learner.save_steps = static_cast<std::uint64_t>(training.save_steps);
  learner.save_total_limit = static_cast<std::uint64_t>(training.save_total_limit);
  learner.starts_at_reference =
      learner.objective == Objective::kPairs && request.options.resume_adapter.empty();
  learner.beta = training.beta;
  learner.run_dir = state_dir(config);
  learner.output = policy_dir(config);
  return learner;
}

std::shared_ptr<const RankJob> make_ranking(const OnlineConfig& config, const OnlineJob& job) {
  auto ranking = std::make_shared<RankJob>();
  require(config.policy != "labels", ErrorCode::kConfig,
          "policy labels needs labelled rows, and candidates have none; give --policy dual");
  ranking->policy = ranking_policy_from_name(config.policy);
  ranking->templates = job.templates;
  ranking->max_length = job.max_length;
  ranking->input_paths = job.input_paths;
  ranking->models = {job.models[0], job.models[1]};
  ranking->tie_margin = tie_margin(job.models.front().replicas.front()->info().dtype);
  return ranking;
}

void fill_generation(const OnlineConfig& config, const EngineFactory& engines, OnlineJob& job) {
  ComputeConfig compute = config.training.compute;
  if (!config.generator_device.empty()) compute.device = config.generator_device;
  job.generator_devices = device_list(compute);
  job.policy =
      model_options(compute, config.training.model, job.generator_devices.front(), "model");
  if (config.learner == "router") {
    job.policy.safety_adapter = config.gates.safety_adapter;
    job.policy.helpfulness_adapter = config.gates.helpfulness_adapter;
  }
  ModelOptions base = job.policy;
  base.safety_adapter.clear();
  base.helpfulness_adapter.clear();
  GenerationJob& generation = job.generation;
  generation.prompt_template = job.templates.front();
  job.base = engines.load_generation_model(base);
  generation.responses =
      response_options(config.sampling, *job.base, generation.prompt_template.get());
  generation.responses.max_length = job.max_length;
  generation.limits.num_threads =
      step_threads(config.generator_threads, "online.generator_threads");
  generation.num_generators = static_cast<std::uint32_t>(config.generators);
  generation.input_paths = job.input_paths;
}

std::string summary(const OnlineJob& job, const OnlineOutcome& outcome,
                    std::uint64_t num_quarantined) {
  Table table;
  const LearnerFigures& learner = outcome.learner;
  const double wall = std::max(outcome.wall_seconds, 1e-9);
  table.row({"rounds", learner.steps_done});
  table.row({"prompts", job.prompts.size()});
  if (num_quarantined > 0) table.row({"prompts quarantined", num_quarantined});
  table.row({"candidates a prompt", job.generation.responses.num_samples});
  table.row({"pairs trained on", learner.rows});
  table.row({"last loss", Cell(learner.last_loss, 4)});
  table.row({"policy lag, steps, at most", outcome.max_policy_lag});
  table.row({"weights taken over", outcome.confirmations});
  table.rule();
  for (std::size_t m = 0; m < job.models.size(); ++m) {
    table.row({std::string(role_name(job.models[m].role)) + " model, s",
               Cell(outcome.scoring.compute_seconds[m], 2)});
  }
  table.row({"training, s", Cell(learner.seconds, 2)});
  table.row({"wall, s", Cell(outcome.wall_seconds, 2)});
  table.row({"pairs/s", Cell(static_cast<double>(learner.rows) / wall, 2)});
  table.row({"output", job.learner.output});
  return table.text();
}

void write_online_manifest(const OnlineConfig& config, const OnlineJob& job,
                           std::uint64_t num_quarantined, const std::string& started) {
  RunManifest manifest;
  manifest.midpo_version = MIDPO_VERSION;
  manifest.plan_hash = job.learner.plan_hash;
  manifest.started_at = started;
  manifest.finished_at = utc_now();
  for (const std::string& input : job.input_paths) {
    manifest.inputs.push_back({input, fs::file_size(input), sha256_of_file(input)});
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(job.learner.output)) {
    const std::string path = entry.path().string();
    manifest.outputs.push_back({path, entry.file_size(), 0, sha256_of_file(path)});
  }
  std::ranges::sort(manifest.outputs, {}, &ManifestOutput::path);
  manifest.rows_in = job.prompts.size() + job.bad_prompts.size();
  manifest.rows_quarantined = num_quarantined;
  manifest.rows_out = manifest.rows_in - num_quarantined;
  write_manifest(state_dir(config) + "/manifest.json", manifest);
}

/// The next rounds are written by weights of steps before the checkpoint, which must be there.
void require_weights(const OnlineJob& job, std::uint64_t steps_done) {
  const auto kept = WeightsShelf(job.weights_dir).list();
  for (std::uint64_t version = job.version_of(steps_done); version < steps_done; ++version) {
    require(kept.count(version) == 1, ErrorCode::kCheckpoint,
            job.weights_dir + ": version " + std::to_string(version) + " is missing, which round " +
                std::to_string(version + job.max_staleness) +
                " is written by; start anew with --overwrite");
  }
}

/// Rows, models, learner and store: what can fail before the first round.
std::shared_ptr<OnlineResources> prepare(const OnlineConfig& config, const LearningFolder& folder,
                                         const std::string& resolved, const EngineFactory& engines,
                                         OnlineJob& job) {
  const TrainingConfig& training = config.training;
  const std::vector<InputFile> inputs = read_prompts(training.data, job);
  add_score_models(training, {Role::kReward, Role::kCost, Role::kReference}, job);
  job.reference_model = 2;
  load_score_models(training, engines, job);
  job.ranking = make_ranking(config, job);
  fill_generation(config, engines, job);
  check_prompts(job);
  const LearnerRequest request = learner_request(config);
  job.learner = make_learner_job(config, request, job.prompts.size());
  auto resources = std::make_shared<OnlineResources>();
  resources->quarantine = std::make_shared<PromptQuarantine>(folder.file("quarantine.jsonl"),
                                                             job.max_staleness, job.bad_prompts);
  resources->learner = engines.make_learner(request.options);
  const std::string plan = online_plan_json(config, job, *resources->learner, inputs);
  settle_learning_plan(folder.file("plan.json"), plan);
  write_file_atomically(folder.file("config.yaml"), resolved);
  job.learner.plan_hash = content_hash(plan).hex();
  resources->store = RunStore::open(training.scores_dir);
  for (JobModel& model : job.models) {
    model.store_id = resources->store->model_id(model_identity(model), role_name(model.role));
  }
  resources->session = std::make_shared<TrainingSession>(job.learner, resources->learner);
  require_weights(job, resources->session->steps_done());
  return resources;
}

std::shared_ptr<OnlineJob> make_job(const OnlineConfig& config, const LearningFolder& folder,
                                    const EngineFactory& engines) {
  require(config.sampling.num_samples >= 2, ErrorCode::kConfig,
          "generation.num_samples is 1, and a pair takes two candidates; give 2 or more");
  auto job = std::make_shared<OnlineJob>();
  job->engines = &engines;
  job->max_length = config.training.compute.max_length;
  job->task_deadline_seconds = config.training.task_deadline_seconds;
  require(config.generators > 0 || !config.training.remote.listen.empty(), ErrorCode::kConfig,
          "online.generators is 0, and nobody else can write; give --listen for workers");
  job->max_staleness = static_cast<std::uint64_t>(config.max_staleness);
  job->weights_dir = folder.file("weights");
  job->rounds_dir = folder.file("rounds");
  job->on_bad_row =
      config.training.on_bad_row == "fail" ? BadRowPolicy::kFail : BadRowPolicy::kQuarantine;
  return job;
}

}  // namespace

int run_online(OnlineConfig config, const std::string& resolved, const EngineFactory& engines) {
  const TrainingConfig& training = config.training;
  const LearningFolder folder{state_dir(config), {""}, {policy_dir(config)}};
  make_directories(folder.dir);
  const RunLock lock(folder.dir);
  if (prepare_learning_folder(folder, training.resume, training.overwrite) == RunStart::kFinished) {
    check_finished_online_plan(folder.file("plan.json"), config);
    log::info("already_finished", {{"run_dir", folder.dir}, {"output", folder.outputs.front()}});
    return 0;
  }
  if (training.overwrite) {
    for (const char* name : {"weights", "rounds"}) fs::remove_all(folder.file(name));
  }
  log::open_jsonl(folder.file("log.jsonl"));
  install_stop_signals();
  const std::string started = utc_now();
  const auto job = make_job(config, folder, engines);
  make_directories(job->rounds_dir);
  const auto remote = make_remote_job(training.remote);
  const auto resources = prepare(config, folder, resolved, engines, *job);
  if (remote) {
    identify(*remote, folder.dir);
    remote->policy = remote_policy(*job);
    job->remote = remote;
  }
  const OnlineOutcome outcome = run_online_job(job, resources);
  if (outcome.error) throw Error(*outcome.error);
  const std::uint64_t num_quarantined = resources->quarantine->num_prompts();
  write_online_manifest(config, *job, num_quarantined, started);
  std::fputs(summary(*job, outcome, num_quarantined).c_str(), stdout);
  return 0;
}

}  // namespace midpo
