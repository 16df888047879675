// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learning_setup.h"

#include <algorithm>

#include "actors/learning/learner_ranks.h"
#include "actors/learning/learning_rows.h"
#include "actors/learning/score_models.h"
#include "actors/row_lines.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/control_group.h"
#include "runtime/transport/tcp_address.h"

namespace midpo {
namespace {

/// The frozen models that some learner's rows are scored by, each once.
std::vector<Role> roles_of(const LearningRequest& request) {
  std::vector<Role> roles;
  for (const LearnerRequest& learner : request.learners) {
    if (learner.needs_reference) roles.push_back(Role::kReference);
    if (learner.score_role) roles.push_back(*learner.score_role);
  }
  if (request.ranking) roles.insert(roles.end(), {Role::kReward, Role::kCost});
  std::ranges::sort(roles);
  roles.erase(std::unique(roles.begin(), roles.end()), roles.end());
  return roles;
}

/// Score models go when all rows have their scores.
void make_retiring(LearningJob& job) {
  for (JobModel& model : job.models) {
    for (auto& replica : model.replicas) {
      job.retiring.push_back(std::make_shared<const RetiringScorer>(std::move(replica)));
      replica = job.retiring.back();
    }
  }
}

std::optional<std::uint32_t> model_index(const LearningJob& job, std::optional<Role> role) {
  for (std::uint32_t i = 0; role && i < job.models.size(); ++i) {
    if (job.models[i].role == *role) return i;
  }
  return std::nullopt;
}

void require_rows(const LearnerJob& learner) {
  if (!learner.train.empty()) return;
  std::string fates;
  for (const auto& [reason, rows] : learner.tally.filtered) {
    fates += ", " + std::to_string(rows) + " filtered: " + reason;
  }
  if (learner.tally.quarantined > 0) {
    fates += ", " + std::to_string(learner.tally.quarantined) + " quarantined";
  }
  throw Error(ErrorCode::kData, learner.name + ": no row can be trained on (" +
                                    std::to_string(learner.tally.rows_in) + " rows in" + fates +
                                    "); give other --data");
}

LearnerJob make_learner_job(const LearningRequest& request, std::size_t index,
                            const LearningFolder& folder, const LearningJob& job,
                            const RowSet& train, const RowSet& eval) {
  const LearnerRequest& wanted = request.learners[index];
  const TrainingConfig& config = request.config;
  LearnerJob learner;
  learner.name = wanted.name;
  learner.objective = wanted.options.objective;
  learner.train = choose_rows(job, train, wanted.wish, learner.tally);
  learner.eval = choose_rows(job, eval, wanted.wish, learner.tally);
  require_rows(learner);
  if (wanted.needs_reference) learner.reference_model = model_index(job, Role::kReference);
  learner.score_model = model_index(job, wanted.score_role);
  learner.offset = wanted.offset;
  learner.offset_weight = wanted.offset_weight;
  learner.batches = batch_options(config, learner.train.size());
  learner.schedule = lr_schedule(config, BatchPlan(learner.batches).num_steps());
  learner.save_steps = static_cast<std::uint64_t>(config.save_steps);
  learner.save_total_limit = static_cast<std::uint64_t>(config.save_total_limit);
  learner.eval_steps = static_cast<std::uint64_t>(config.eval_steps);
  learner.starts_at_reference =
      learner.objective == Objective::kPairs && wanted.options.resume_adapter.empty();
  learner.pair_loss = wanted.options.pair_loss;
  learner.beta = wanted.options.beta;
  learner.companion = wanted.companion;
  learner.label_smoothing = wanted.options.label_smoothing;
  learner.run_dir = folder.learner_dir(index);
  learner.output = folder.outputs[index];
  return learner;
}

/// Learners that compute at once, and the ranks of each on this host, divide devices and cores.
LearnerRanks ranks_of(const LearningRequest& request, std::size_t index,
                      const std::shared_ptr<RankRecruiter>& recruiter) {
  const std::vector<std::string> devices = device_list(request.config.compute);
  LearnerRanks ranks{request.config.ranks, {}, 0, recruiter};
  const auto num_ranks = static_cast<std::size_t>(ranks.group.ranks);
  for (std::size_t rank = 0; rank < num_ranks; ++rank) {
    ranks.devices.push_back(devices[(index * num_ranks + rank) % devices.size()]);
  }
  const std::string& rendezvous = ranks.group.rendezvous;
  const bool is_here =
      rendezvous.empty() || (num_ranks > 1 && is_loopback(rendezvous_from_text(rendezvous)));
  const std::size_t num_learners = request.is_sequential ? 1 : request.learners.size();
  const std::size_t at_once =
      (is_here ? num_ranks : 1) * num_learners + request.beside.num_learners;
  if (at_once > 1)
    ranks.threads = std::max<std::int64_t>(1, static_cast<std::int64_t>(num_cores() / at_once));
  return ranks;
}

/// Null unless workers become ranks. @throws Error(kConfig) where they could not.
std::shared_ptr<RankRecruiter> make_recruiter(const TrainingConfig& config,
                                              const std::string& run_dir, bool scores_rows) {
  const auto remote = make_remote_job(config.remote);
  const bool wants_workers = config.ranks.source == "workers";
  require(!remote || scores_rows || wants_workers, ErrorCode::kConfig,
          "listen: this job has nothing for workers to do; give --ranks N --rank-source workers");
  if (!wants_workers || config.ranks.ranks == 1) return nullptr;
  require(remote != nullptr, ErrorCode::kConfig,
          "rank_source is workers, and none can come; give --listen, too");
  const bool is_open = !parse_tcp_address(config.remote.listen).is_loopback;
  require(!is_open || !config.ranks.rendezvous.empty(), ErrorCode::kConfig,
          "rank_source is workers and listen reaches beyond this host: give --rendezvous "
          "tcp://HOST:PORT, an address of this host where the ranks meet");
  identify(*remote, run_dir);
  return std::make_shared<RankRecruiter>(*remote);
}

std::vector<std::shared_ptr<Learner>> make_learners(const LearningRequest& request,
                                                    const std::shared_ptr<RankRecruiter>& recruiter,
                                                    const EngineFactory& engines) {
  const RankConfig& config = request.config.ranks;
  require(config.rendezvous.empty() || request.learners.size() == 1, ErrorCode::kConfig,
          "ranks on several hosts train one model at a time; give --kind safety and --kind "
          "helpfulness one after the other");
  std::vector<std::shared_ptr<Learner>> learners;
  for (std::size_t i = 0; i < request.learners.size(); ++i) {
    learners.push_back(
        make_ranked_learner(request.learners[i].options, ranks_of(request, i, recruiter), engines));
  }
  return learners;
}

/// What no frozen model scores before, is not looked at before its step either.
void check_rows(const LearningJob& job, const LearnerJob& learner, const ModelInfo& model) {
  if (learner.reference_model || learner.score_model) return;
  for (const auto* rows : {&learner.train, &learner.eval}) {
    for (const ChosenRow& chosen : *rows) {
      const LearningRow& row = job.rows[chosen.index];
      try {
        check_sequences(row.tokens.front(), model);
      } catch (const Error& error) {
        throw Error(error.code(), row_place(job, row.position) + ": " + error.what());
      }
    }
  }
}

std::shared_ptr<const RankJob> make_ranking(const LearningRequest& request,
                                            const LearningFolder& folder, const LearningJob& job) {
  auto ranking = std::make_shared<RankJob>();
  ranking->policy = request.ranking->policy;
  ranking->output_path = request.ranking->output;
  ranking->scores_output_path = request.ranking->scores_output;
  ranking->quarantine_path = folder.file("quarantine.jsonl");
  ranking->max_length = job.max_length;
  ranking->on_bad_row = job.on_bad_row;
  ranking->input_paths = request.config.data;
  for (const Role role : {Role::kReward, Role::kCost}) {
    JobModel model = *std::ranges::find(job.models, role, &JobModel::role);
    const auto& wanted = job.templates[model.tokenizer];
    const auto found = std::ranges::find(ranking->templates, wanted);
    model.tokenizer = static_cast<std::uint32_t>(found - ranking->templates.begin());
    if (found == ranking->templates.end()) ranking->templates.push_back(wanted);
    ranking->models.push_back(std::move(model));
  }
  ranking->tie_margin = tie_margin(ranking->models.front().replicas.front()->info().dtype);
  return ranking;
}

}  // namespace

PreparedLearning prepare_learning(const LearningRequest& request, const LearningFolder& folder,
                                  const EngineFactory& engines) {
  const TrainingConfig& config = request.config;
  PreparedLearning made{std::make_shared<LearningJob>(), {}, {}, nullptr};
  LearningJob& job = *made.job;
  job.group = request.beside.group;
  job.shows_progress = job.group.empty();
  job.max_length = config.compute.max_length;
  job.on_bad_row = config.on_bad_row == "fail" ? BadRowPolicy::kFail : BadRowPolicy::kQuarantine;
  job.task_deadline_seconds = config.task_deadline_seconds;
  job.step_deadline_seconds = config.step_deadline_seconds;
  add_score_models(config, roles_of(request), job);
  const bool is_dialogue = request.learners.front().wish.objective == Objective::kSft;
  const RowSet train = read_rows(config.data, is_dialogue, job);
  RowSet eval;
  if (!config.eval_data.empty()) eval = read_rows(config.eval_data, is_dialogue, job);
  for (std::size_t i = 0; i < request.learners.size(); ++i) {
    job.learners.push_back(make_learner_job(request, i, folder, job, train, eval));
  }
  load_score_models(config, engines, job);
  make_retiring(job);
  job.overlaps = overlaps(config, job);
  job.trains_together = !request.is_sequential;
  job.overlaps = job.overlaps && !request.is_sequential;
  if (request.ranking) {
    job.num_ranked = train.end;
    job.ranking = make_ranking(request, folder, job);
  }
  made.recruiter = make_recruiter(config, folder.dir, !job.models.empty());
  made.learners = make_learners(request, made.recruiter, engines);
  for (std::size_t i = 0; i < made.learners.size(); ++i) {
    check_rows(job, job.learners[i], made.learners[i]->info());
  }
  made.inputs = train.files;
  made.inputs.insert(made.inputs.end(), eval.files.begin(), eval.files.end());
  const std::string quarantine = train.quarantine_lines + eval.quarantine_lines;
  if (job.on_bad_row == BadRowPolicy::kQuarantine && !request.ranking) {
    write_file_atomically(folder.file("quarantine.jsonl"), quarantine);
  }
  return made;
}

}  // namespace midpo
