// SPDX-License-Identifier: Apache-2.0
// midpo rank with scorers that cost nothing (or a given time): the real actors, store and files
// around a pure function.
#include <cstdio>

#include "actors/model_options.h"
#include "actors/rank_run.h"
#include "actors/rank_summary.h"
#include "actors/remote/remote_options.h"
#include "actors/stop_request.h"
#include "runtime/config/options.h"
#include "runtime/core/error.h"
#include "tests/support/slow_scorer.h"
#include "tests/support/stub_main.h"

namespace midpo {
namespace {

struct StubConfig {
  std::vector<std::string> data;
  std::string output, scores_output, run_dir, tokenizer;
  std::string on_bad_row = "fail";
  bool resume = false;
  std::int64_t scorers = 1;
  std::int64_t delay_us = 0;
  std::int64_t tile_tokens = 16384;
  std::int64_t block_rows = 64;
  double task_deadline_seconds = 600.0;
  RemoteConfig remote;
};

void add_options(OptionTable& table, StubConfig& config) {
  table.text_list("data", &config.data, "FILE", "Rows").is_required = true;
  table.text("output", &config.output, "FILE", "D_dual").is_required = true;
  table.text("scores_output", &config.scores_output, "FILE", "All rows with scores");
  table.text("run_dir", &config.run_dir, "DIR", "Folder of the run's state").is_required = true;
  table.text("tokenizer", &config.tokenizer, "DIR", "Tokenizer for text rows");
  table.choice("on_bad_row", &config.on_bad_row, {"fail", "quarantine"}, "Bad rows");
  table.flag("resume", &config.resume, "Continue");
  table.integer("scorers", &config.scorers, 0, 64, "Per model");
  table.integer("delay_us", &config.delay_us, 0, 10'000'000, "Sleep before each tile");
  table.integer("tile_tokens", &config.tile_tokens, 1, 1 << 24, "Packed tokens per call");
  table.integer("block_rows", &config.block_rows, 1, 1 << 16, "Rows per block");
  table.number("task_deadline_seconds", &config.task_deadline_seconds, 0.1, 1e6, "Of a tile");
  add_remote_options(table, config.remote);
}

void add_stubs(const StubConfig& config, RankJob& job) {
  std::shared_ptr<const PromptTemplate> prompt_template;
  if (!config.tokenizer.empty()) prompt_template = load_template(ComputeConfig{}, config.tokenizer);
  job.templates.push_back(prompt_template);
  for (const Role role : {Role::kReward, Role::kCost}) {
    const auto stub = make_stub_scorer(static_cast<std::uint64_t>(role) + 1, config.tile_tokens);
    JobModel model{role, {std::make_shared<SlowScorer>(stub, config.delay_us)}, 0, 0};
    model.path = "stub/" + std::to_string(static_cast<int>(role) + 1);
    job.models.push_back(std::move(model));
  }
  job.tile_tokens = config.tile_tokens;
  job.num_scorers = static_cast<std::uint32_t>(2 * config.scorers);
}

int run(const std::vector<std::string>& arguments) {
  StubConfig config;
  OptionTable table("stub_rank", "midpo rank with stub scorers");
  add_options(table, config);
  if (!table.parse(arguments)) return 0;
  RankJob job;
  job.on_bad_row = config.on_bad_row == "fail" ? BadRowPolicy::kFail : BadRowPolicy::kQuarantine;
  job.block_rows = static_cast<std::uint64_t>(config.block_rows);
  job.max_blocks_in_flight =
      static_cast<std::uint32_t>(std::max<std::int64_t>(4, 4096 / config.block_rows));
  job.num_tokenizers = 2;
  job.output_path = config.output;
  job.scores_output_path = config.scores_output;
  job.quarantine_path = config.run_dir + "/quarantine.jsonl";
  job.metrics_path = config.run_dir + "/metrics.jsonl";
  job.shows_progress = false;
  job.task_deadline_seconds = config.task_deadline_seconds;
  RankRun rank;
  rank.folder = {config.run_dir, ordered_outputs(job)};
  if (prepare_run_folder(rank.folder, config.resume, false) == RunStart::kFinished) return 0;
  install_stop_signals();
  rank.remote = make_remote_job(config.remote);
  rank.data = config.data;
  rank.requirements.min_responses = 2;
  rank.template_name = "training";
  rank.policy_name = "dual";
  rank.resolved_config = table.resolved_yaml();
  rank.load_models = [&](RankJob& unfinished) { add_stubs(config, unfinished); };
  const RankResult result = run_ranking(rank, std::move(job));
  std::fputs(summary_text(result.job, result.outcome, 0.0).c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace midpo

int main(int argc, char** argv) { return midpo::stub_main("stub_rank", midpo::run, argc, argv); }
