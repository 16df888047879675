// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/worker_models.h"

#include <algorithm>

#include "actors/model_options.h"
#include "runtime/core/error.h"
#include "runtime/transport/worker_roles.h"

namespace midpo {
namespace {

void check_same(const RemoteModel& wanted, const ModelInfo& found, const std::string& path) {
  const std::string content = found.content.hex();
  require(content == wanted.content, ErrorCode::kCheckpoint,
          path + ": the " + wanted.role + " model has content " + content + ", the job's has " +
              wanted.content + "; bring this host the same files, or correct --model-map");
  require(wanted.numerics.empty() || found.numerics == wanted.numerics, ErrorCode::kConfig,
          "the " + wanted.role + " model computes with " + found.numerics +
              " here, in the job with " + wanted.numerics +
              ": values would differ; use the same build and the same kind of device");
}

ModelOptions options_of(const WorkerConfig& config, const RemoteModel& model,
                        const std::string& device) {
  ModelOptions options;
  options.path = config.model_map.local(model.path);
  options.dtype = model.dtype == dtype_name(DType::kBFloat16) ? DType::kBFloat16 : DType::kFloat32;
  options.device = device;
  options.allow_pickle = config.allow_pickle;
  return options;
}

void load_scorer(const WorkerConfig& config, const EngineFactory& engines, const RemoteModel& model,
                 std::size_t index, WorkerModels& models) {
  for (const std::string& device : config.devices) {
    const ModelOptions options = options_of(config, model, device);
    models.replicas[index].push_back(model.role == "reference"
                                         ? engines.load_reference_model(options)
                                         : engines.load_score_model(options));
    const ModelInfo& info = models.replicas[index].back()->info();
    check_same(model, info, options.path);
    models.loaded[index] = {info.content.hex(), info.numerics};
  }
}

void load_policy(const WorkerConfig& config, const EngineFactory& engines, const RemoteModel& model,
                 std::size_t index, WorkerModels& models) {
  for (const std::string& device : config.devices) {
    const ModelOptions options = options_of(config, model, device);
    models.policy.push_back(engines.load_generation_model(options));
    const ModelInfo& info = models.policy.back()->info();
    check_same(model, info, options.path);
    models.loaded[index] = {info.content.hex(), info.numerics};
  }
}

void check_expert(const WorkerConfig& config, const RemoteModel& expert, std::size_t index,
                  WorkerModels& models) {
  const std::string path = config.model_map.local(expert.path);
  ModelInfo found;
  found.content = hash_folder(path);
  check_same(expert, found, path);
  models.loaded[index] = {found.content.hex(), ""};
}

/// The job's model of a role, as it lies here; empty where the job has none.
std::string path_of(const WorkerConfig& config, const WorkerModels& models, std::string_view role) {
  const auto found = std::ranges::find(models.wanted, role, &RemoteModel::role);
  return found == models.wanted.end() ? "" : config.model_map.local(found->path);
}

}  // namespace

std::shared_ptr<const WorkerModels> load_models(const WorkerConfig& config,
                                                const EngineFactory& engines,
                                                const std::vector<RemoteModel>& wanted,
                                                const std::vector<std::string>& roles) {
  auto models = std::make_shared<WorkerModels>();
  models->wanted = wanted;
  models->roles = roles;
  models->loaded.resize(wanted.size());
  models->replicas.resize(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const RemoteModel& model = wanted[i];
    const std::string_view role = worker_role_for(model.role);
    if (!has_role(roles, role)) continue;
    if (role == worker_role::kScorer) {
      load_scorer(config, engines, model, i, *models);
    } else if (model.role == model_role::kPolicy) {
      load_policy(config, engines, model, i, *models);
    } else {
      check_expert(config, model, i, *models);
    }
  }
  return models;
}

std::shared_ptr<const PolicyVersion> load_version(const WorkerConfig& config,
                                                  const EngineFactory& engines,
                                                  const WorkerModels& models,
                                                  const PublishedWeights& weights) {
  auto loaded = std::make_shared<PolicyVersion>();
  loaded->version = weights.version;
  loaded->content = weights.hash.hex();
  verify_weights(weights);
  const auto policy = std::ranges::find(models.wanted, model_role::kPolicy, &RemoteModel::role);
  for (const std::string& device : config.devices) {
    ModelOptions options = options_of(config, *policy, device);
    options.safety_adapter = path_of(config, models, model_role::kSafetyAdapter);
    options.helpfulness_adapter = path_of(config, models, model_role::kHelpfulnessAdapter);
    (options.safety_adapter.empty() ? options.adapter_path : options.router_path) = weights.path;
    loaded->replicas.push_back(engines.load_generation_model(options));
  }
  return loaded;
}

}  // namespace midpo
