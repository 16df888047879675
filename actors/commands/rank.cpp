// SPDX-License-Identifier: Apache-2.0
// midpo rank: preference rows + reward and cost models -> D_dual.
//
//   open run folder and store -> open rows -> load models -> plan (recorded, or compared on
//   --resume)
//   -> run_rank_job() (the actors, see messages.h) -> manifest.json, table
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "actors/commands/command.h"
#include "actors/model_options.h"
#include "actors/observe_options.h"
#include "actors/output_paths.h"
#include "actors/rank_run.h"
#include "actors/rank_summary.h"
#include "actors/remote/remote_options.h"
#include "actors/row_lines.h"
#include "actors/stop_request.h"
#include "runtime/core/control_group.h"
#include "runtime/observe/log.h"

namespace midpo {
namespace {

struct RankConfig {
  std::vector<std::string> data;
  std::string reward_model, cost_model, reference_model;
  std::string output, scores_output, run_dir;
  bool resume = false;
  bool overwrite = false;
  std::string policy = "dual";
  std::string on_bad_row = "fail";
  ComputeConfig compute;
  std::int64_t scorers = 0;
  std::int64_t tile_tokens = 0;
  std::int64_t block_rows = 64;
  double task_deadline_seconds = 600.0;
  RemoteConfig remote;
};

class RankCommand : public Command {
 public:
  RankCommand()
      : table_("rank", "Rank a preference dataset into D_dual with a reward and a cost model") {
    add_data_options();
    add_run_options();
    add_compute_options(table_, config_.compute);
    table_.group("Actors");
    table_.integer("scorers", &config_.scorers, 0, 4096,
                   "Scorers per model; 0: one per core (CPU) or device, none with --listen");
    table_.integer("tile_tokens", &config_.tile_tokens, 0, 1 << 22,
                   "Packed tokens per scorer call; 0: the device's best");
    table_.integer("block_rows", &config_.block_rows, 1, 1 << 16, "Rows read and written together");
    table_.number("task_deadline_seconds", &config_.task_deadline_seconds, 1.0, 1e6,
                  "A tile that takes longer stops the run");
    add_remote_options(table_, config_.remote);
    add_observe_options(table_, observe_);
  }

  OptionTable& options() override { return table_; }
  int run() override;

 private:
  void add_data_options();
  void add_run_options();
  void check_models() const;
  RankJob make_job() const;
  void load_models(RankJob& job) const;
  void add_model(RankJob& job, Role role, const std::string& path) const;
  RowRequirements requirements() const;

  RankConfig config_;
  ObserveConfig observe_;
  OptionTable table_;
};

void RankCommand::add_data_options() {
  table_.example(
      "midpo rank --data train.jsonl --reward-model RM --cost-model CM --output d_dual.jsonl");
  table_.example(
      "midpo rank --data 'rows.jsonl.zst' --reward-model RM --cost-model CM --output d.jsonl "
      "--dtype bfloat16 --resume");
  table_.group("Data and models");
  table_
      .text_list("data", &config_.data, "FILE",
                 "Preference rows: .jsonl, .json, .jsonl.gz, .jsonl.zst, .parquet")
      .is_required = true;
  table_.text("reward_model", &config_.reward_model, "DIR", "Reward model (needed by policy dual)");
  table_.text("cost_model", &config_.cost_model, "DIR",
              "Cost model (needed by policies dual and scores)");
  table_.text("reference_model", &config_.reference_model, "DIR",
              "Base model: also store log-probs of each response");
  table_.text("output", &config_.output, "FILE", "D_dual, JSONL").is_required = true;
  table_.text("scores_output", &config_.scores_output, "FILE",
              "All rows with scores, kept and reason, JSONL");
  table_.choice(
      "policy", &config_.policy, {"labels", "scores", "dual"},
      "Which rows are kept and who wins; labels: by the data's labels, scored with any model");
  table_.choice("on_bad_row", &config_.on_bad_row, {"fail", "quarantine"},
                "What a row that cannot be used does");
}

void RankCommand::add_run_options() {
  table_.group("Run");
  table_.text("run_dir", &config_.run_dir, "DIR", "Folder of the run's state; default: OUTPUT.run");
  table_.flag("resume", &config_.resume,
              "Continue an interrupted run; starts one where there is none");
  table_.flag("overwrite", &config_.overwrite, "Discard an earlier run and its outputs");
}

void RankCommand::check_models() const {
  const bool needs_cost = config_.policy != "labels";
  require(!needs_cost || !config_.cost_model.empty(), ErrorCode::kConfig,
          "policy " + config_.policy + " needs --cost-model DIR");
  require(config_.policy != "dual" || !config_.reward_model.empty(), ErrorCode::kConfig,
          "policy dual needs --reward-model DIR");
}

RowRequirements RankCommand::requirements() const {
  RowRequirements wanted;
  wanted.needs_labels = config_.policy == "labels";
  wanted.min_responses = 2;
  if (config_.policy != "dual") wanted.max_responses = 2;
  return wanted;
}

RankJob RankCommand::make_job() const {
  RankJob job;
  job.policy = ranking_policy_from_name(config_.policy);
  job.max_length = config_.compute.max_length;
  job.on_bad_row = config_.on_bad_row == "fail" ? BadRowPolicy::kFail : BadRowPolicy::kQuarantine;
  job.block_rows = static_cast<std::uint64_t>(config_.block_rows);
  job.num_tokenizers = static_cast<std::uint32_t>(std::min<std::size_t>(num_cores(), 8));
  job.task_deadline_seconds = config_.task_deadline_seconds;
  job.output_path = config_.output;
  job.scores_output_path = config_.scores_output;
  job.quarantine_path = config_.run_dir + "/quarantine.jsonl";
  job.metrics_path = config_.run_dir + "/metrics.jsonl";
  return job;
}

void RankCommand::add_model(RankJob& job, Role role, const std::string& path) const {
  if (path.empty()) return;
  const std::string option = std::string(role_name(role)) + "_model";
  JobModel model{role, {}, 0, 0};
  model.path = std::filesystem::absolute(path).lexically_normal().string();
  for (const std::string& device : device_list(config_.compute)) {
    const ModelOptions options = model_options(config_.compute, path, device, option);
    model.replicas.push_back(role == Role::kReference ? load_engines().load_reference_model(options)
                                                      : load_engines().load_score_model(options));
  }
  auto prompt_template = load_template(config_.compute, path);
  const auto same = [&](const auto& other) {
    if (!other || !prompt_template) return other == prompt_template;
    return other->tokenizer().content() == prompt_template->tokenizer().content();
  };
  const auto found = std::find_if(job.templates.begin(), job.templates.end(), same);
  model.tokenizer = static_cast<std::uint32_t>(found - job.templates.begin());
  if (found == job.templates.end()) job.templates.push_back(std::move(prompt_template));
  job.models.push_back(std::move(model));
}

void RankCommand::load_models(RankJob& job) const {
  add_model(job, Role::kReward, config_.reward_model);
  add_model(job, Role::kCost, config_.cost_model);
  add_model(job, Role::kReference, config_.reference_model);
  require(!job.models.empty(), ErrorCode::kConfig,
          "nothing to score with; give --reward-model, --cost-model or --reference-model");
  const ModelInfo& info = job.models.front().replicas.front()->info();
  job.tie_margin = tie_margin(info.dtype);
  job.tile_tokens = config_.tile_tokens > 0 ? config_.tile_tokens : info.tile_tokens;
  const auto num_models = static_cast<std::uint32_t>(job.models.size());
  const std::size_t devices = job.models.front().replicas.size();
  const std::size_t automatic =
      info.device == "cpu" ? num_cores() : std::max<std::size_t>(devices, num_models);
  const bool is_remote = !config_.remote.listen.empty();
  job.num_scorers = config_.scorers > 0 ? static_cast<std::uint32_t>(config_.scorers) * num_models
                    : is_remote         ? 0
                                        : static_cast<std::uint32_t>(automatic);
  // Enough rows on the way that no scorer waits for a block to be written.
  const std::uint64_t num_expected = job.num_scorers + (is_remote ? kExpectedLanes : 0);
  const std::uint64_t rows_wanted = 4096 + 256 * num_expected;
  job.max_blocks_in_flight =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(rows_wanted / job.block_rows, 4, 4096));
}

int RankCommand::run() {
  check_models();
  if (config_.run_dir.empty()) config_.run_dir = config_.output + ".run";
  RankJob job = make_job();
  RankRun run;
  run.remote = make_remote_job(config_.remote);
  run.folder = {config_.run_dir, ordered_outputs(job)};
  require_not_read(config_.data, run.folder.outputs);
  run.data = config_.data;
  run.requirements = requirements();
  run.template_name = config_.compute.template_name;
  run.policy_name = config_.policy;
  run.resolved_config = table_.resolved_yaml();
  run.load_models = [this](RankJob& unfinished) { load_models(unfinished); };
  if (prepare_run_folder(run.folder, config_.resume, config_.overwrite) == RunStart::kFinished) {
    check_finished_ranking(run, make_job());
    log::info("already_finished", {{"run_dir", run.folder.dir}, {"output", config_.output}});
    return 0;
  }
  log::open_jsonl(run.folder.file("log.jsonl"));
  install_stop_signals();
  const Observation observation(observe_);
  const RankResult result = run_ranking(run, std::move(job));
  const bool computed = result.outcome.tiles_done > 0 && !result.job.remote;
  const double limit = computed ? measure_gemm_limit(load_engines(), result.job) : 0.0;
  std::fputs(summary_text(result.job, result.outcome, limit).c_str(), stdout);
  return 0;
}

}  // namespace

std::unique_ptr<Command> make_rank_command() { return std::make_unique<RankCommand>(); }

}  // namespace midpo
