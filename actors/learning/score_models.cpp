// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/score_models.h"
#include "runtime/core/control_group.h"

#include <algorithm>
#include <filesystem>

namespace midpo {
namespace {

/// The template of a model's own tokenizer, as an index into job.templates.
std::uint32_t add_template(ScoringJob& job, const ComputeConfig& compute,
                           const std::string& model) {
  auto made = load_template(compute, model);
  const auto same = [&](const auto& other) {
    if (!other || !made) return other == made;
    return other->kind() == made->kind() &&
           other->tokenizer().content() == made->tokenizer().content();
  };
  const auto found = std::ranges::find_if(job.templates, same);
  const auto index = static_cast<std::uint32_t>(found - job.templates.begin());
  if (found == job.templates.end()) job.templates.push_back(std::move(made));
  return index;
}

const std::string& path_of(Role role, const TrainingConfig& config) {
  if (role == Role::kReward) return config.reward_model;
  return role == Role::kCost ? config.cost_model : config.model;
}

ModelOptions score_model_options(const TrainingConfig& config, Role role,
                                 const std::string& device) {
  return model_options(config.compute, path_of(role, config), device,
                       std::string(role_name(role)) + "_model");
}

}  // namespace

void add_score_models(const TrainingConfig& config, const std::vector<Role>& roles,
                      ScoringJob& job) {
  // What is trained sees the training template; the template option is the score models'.
  ComputeConfig training = config.compute;
  training.template_name = "training";
  const std::uint32_t trained = add_template(job, training, config.model);
  for (const Role role : roles) {
    JobModel model{role, {}, trained, 0};
    if (role != Role::kReference) {
      score_model_options(config, role, "cpu");  // a folder that is missing is named first
      model.tokenizer = add_template(job, config.compute, path_of(role, config));
    }
    job.models.push_back(std::move(model));
  }
}

void load_score_models(const TrainingConfig& config, const EngineFactory& engines,
                       ScoringJob& job) {
  const std::vector<std::string> devices = scorer_devices(config);
  for (JobModel& model : job.models) {
    model.path = std::filesystem::absolute(path_of(model.role, config)).lexically_normal().string();
    for (const std::string& device : devices) {
      const ModelOptions options = score_model_options(config, model.role, device);
      model.replicas.push_back(model.role == Role::kReference
                                   ? engines.load_reference_model(options)
                                   : engines.load_score_model(options));
    }
  }
  if (job.models.empty()) return;
  const ModelInfo& info = job.models.front().replicas.front()->info();
  job.tile_tokens = config.tile_tokens > 0 ? config.tile_tokens : info.tile_tokens;
  const auto num_models = static_cast<std::uint32_t>(job.models.size());
  const bool is_cpu = info.device == "cpu";
  const std::size_t automatic =
      is_cpu ? num_cores() : std::max<std::size_t>(devices.size(), num_models);
  const bool is_remote = !config.remote.listen.empty();
  job.num_scorers = config.scorers > 0 ? static_cast<std::uint32_t>(config.scorers) * num_models
                    : is_remote        ? 0
                                       : static_cast<std::uint32_t>(automatic);
  const std::uint32_t num_expected = job.num_scorers + (is_remote ? kExpectedLanes : 0);
  job.max_blocks_in_flight = std::clamp<std::uint32_t>(8 * num_expected, 16, 1024);
}

bool overlaps(const TrainingConfig& config, const ScoringJob& job) {
  if (config.overlap != "auto") return config.overlap == "yes";
  return !job.models.empty() && job.models.front().replicas.front()->info().device != "cpu";
}

}  // namespace midpo
