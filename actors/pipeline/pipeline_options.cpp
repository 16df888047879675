// SPDX-License-Identifier: Apache-2.0
#include "actors/pipeline/pipeline_options.h"

#include <filesystem>

namespace midpo {
namespace {

void require_rows(const std::string& d_dual) {
  std::error_code unknown;  // is named where it is read
  require(std::filesystem::file_size(d_dual, unknown) != 0, ErrorCode::kData,
          d_dual +
              ": the ranking has kept no row, and the router trains on those; start anew with "
              "other --data or another --policy, and --overwrite");
}

void add_beta(OptionTable& table, TrainingConfig& config) {
  table.number("beta", &config.beta, 1e-9, 1e6, "Weight of the log-prob margin").aliases = {
      "scale_coeff", "pref_beta"};
}

void add_model_options(OptionTable& table, PipelineConfig& config) {
  TrainingConfig& shared = config.shared;
  add_run_options(table, shared,
                  "Preference rows with labels, two responses each; online: rows with prompts");
  table.group("Data and models");
  table.text("reward_model", &shared.reward_model, "DIR", "Reward model").is_required = true;
  table.text("cost_model", &shared.cost_model, "DIR", "Cost model").is_required = true;
  table.text("scores_output", &config.scores_output, "FILE",
             "All rows with scores, kept and reason, JSONL");
  table.choice("policy", &config.policy, {"labels", "scores", "dual"},
               "Which rows are kept in D_dual and who wins");
}

void add_expert_section(OptionTable& table, TrainingConfig& config) {
  OptionTable section("run", "");
  add_beta(section, config);
  add_lora_options(section, config, false);
  add_step_options(section, config);
  table.add_section("expert", section);
}

void add_router_section(OptionTable& table, PipelineConfig& config) {
  OptionTable section("run", "");
  section.group("Start");
  section.choice("start", &config.router_start, {"after_experts", "following"},
                 "When the router begins: behind the experts' last step; or as soon as D_dual is "
                 "complete, on the versions that the experts publish while they train on");
  section.integer("versions", &config.router_versions, 1, 1 << 20,
                  "following: versions that each expert publishes, the last one its final weights");
  section.integer("max_staleness", &config.router_max_staleness, 0, 1 << 20,
                  "following: versions that experts may be ahead of the one the router trains on");
  add_gate_options(section, config.gates);
  add_beta(section, config.router);
  add_step_options(section, config.router);
  table.add_section("router", section);
}

void add_online_sections(OptionTable& table, OnlineConfig& config) {
  OptionTable online("run", "");
  add_online_options(online, config);
  table.add_section("online", online);
  OptionTable generation("run", "");
  add_response_options(generation, config.sampling);
  table.add_section("generation", generation);
}

/// The steps and losses of one stage on the run's data, models and devices.
TrainingConfig stage_config(const TrainingConfig& stage, const TrainingConfig& shared) {
  TrainingConfig config = stage;
  config.model = shared.model;
  config.reward_model = shared.reward_model;
  config.cost_model = shared.cost_model;
  config.resume = shared.resume;
  config.overwrite = shared.overwrite;
  config.on_bad_row = shared.on_bad_row;
  config.compute = shared.compute;
  config.scorer_device = shared.scorer_device;
  config.scorers = shared.scorers;
  config.remote = shared.remote;
  config.tile_tokens = shared.tile_tokens;
  config.overlap = shared.overlap;
  config.task_deadline_seconds = shared.task_deadline_seconds;
  config.scores_dir = shared.scores_dir;
  if (config.scores_dir.empty()) config.scores_dir = PipelineFolder{shared.output}.scores();
  return config;
}

void check_online_options(const PipelineConfig& config) {
  const auto require_absent = [](bool is_given, const char* key) {
    require(!is_given, ErrorCode::kConfig,
            std::string(key) + " is given, but mode online has no use for it; leave it out");
  };
  require_absent(config.is_dry_run, "dry_run");
  require_absent(config.is_sequential, "sequential");
  require_absent(!config.shared.eval_data.empty(), "eval_data");
  require_absent(!config.scores_output.empty(), "scores_output");
  require_absent(!config.router_device.empty(), "router_device");
}

}  // namespace

PipelineConfig::PipelineConfig() {
  expert.lora = true;
  shared.overlap = "yes";
}

void add_pipeline_options(OptionTable& table, PipelineConfig& config) {
  add_model_options(table, config);
  table.group("Run");
  table.choice("mode", &config.mode, {"offline", "online"},
               "offline: experts and router from labelled rows; online: candidates for the prompts "
               "of the rows are written, scored, ranked and trained on, round by round");
  table.flag("sequential", &config.is_sequential,
             "Stage after stage: all scores, D_dual, one expert, the other, the router");
  table.flag("dry_run", &config.is_dry_run, "Print the plan and stop before anything is computed");
  add_compute_options(table, config.shared.compute);
  table.group("Placement");
  table.text("router_device", &config.router_device, "DEVICE",
             "Where the router trains; default: as device, where the experts train");
  add_scoring_options(table, config.shared);
  add_expert_section(table, config.expert);
  add_router_section(table, config);
  add_online_sections(table, config.online);
}

void check_pipeline_options(const PipelineConfig& config) {
  if (config.mode == "online") check_online_options(config);
  if (config.follows()) {
    require(config.mode == "offline", ErrorCode::kConfig,
            "router.start is following, which mode online has no experts for; leave it out");
    return;
  }
  const PipelineConfig defaults;
  const auto require_default = [](const char* key, std::int64_t value, std::int64_t wanted) {
    require(value == wanted, ErrorCode::kConfig,
            std::string(key) + " is " + std::to_string(value) +
                ", but the router starts behind the experts and follows no versions; give "
                "router.start: following, or leave it out");
  };
  require_default("router.versions", config.router_versions, defaults.router_versions);
  require_default("router.max_staleness", config.router_max_staleness,
                  defaults.router_max_staleness);
}

OnlineConfig online_config(const PipelineConfig& config) {
  OnlineConfig online = config.online;
  online.training = stage_config(config.online.training, config.shared);
  online.training.data = config.shared.data;
  online.training.output = config.shared.output;
  online.policy = config.policy;
  return online;
}

LearningRequest expert_stage(const PipelineConfig& config, const std::string& resolved) {
  const PipelineFolder folder{config.shared.output};
  TrainingConfig experts = stage_config(config.expert, config.shared);
  experts.data = config.shared.data;
  experts.eval_data = config.shared.eval_data;
  experts.output = folder.adapters();
  experts.run_dir = folder.expert_state();
  LearningRequest request{"run", resolved, experts, {}};
  request.learners = {safety_expert(experts), helpfulness_expert(experts)};
  request.learners[0].folder = "safety";
  request.learners[1].folder = "helpfulness";
  request.ranking = RankingRequest{ranking_policy_from_name(config.policy), folder.d_dual(),
                                   config.scores_output};
  request.is_sequential = config.is_sequential;
  return request;
}

LearningRequest router_stage(const PipelineConfig& config, const std::string& resolved,
                             const std::string& safety, const std::string& helpfulness) {
  const PipelineFolder folder{config.shared.output};
  require_rows(folder.d_dual());
  TrainingConfig router = stage_config(config.router, config.shared);
  router.data = {folder.d_dual()};
  router.output = folder.router();
  router.run_dir = folder.router_state();
  // What it needs is in the store; workers leave when the first stage has scored everything.
  router.remote = {};
  if (!config.router_device.empty()) router.compute.device = config.router_device;
  RouterOptions gates = config.gates;
  gates.safety_adapter = safety;
  gates.helpfulness_adapter = helpfulness;
  return {"run", resolved, router, {router_learner(router, gates)}};
}

}  // namespace midpo
