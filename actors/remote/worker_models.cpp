// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/worker_models.h"

#include "actors/model_options.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

bool is_prefix(const std::string& folder, const std::string& path) {
  return path == folder || path.starts_with(folder.ends_with('/') ? folder : folder + "/");
}

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

std::shared_ptr<const Scorer> load(const RemoteModel& wanted, const EngineFactory& engines,
                                   const ModelOptions& options) {
  return wanted.role == "reference" ? engines.load_reference_model(options)
                                    : engines.load_score_model(options);
}

}  // namespace

std::string local_path(const WorkerConfig& config, const std::string& path) {
  const std::pair<std::string, std::string>* best = nullptr;
  for (const auto& entry : config.model_map) {
    if (!is_prefix(entry.first, path)) continue;
    if (best == nullptr || entry.first.size() > best->first.size()) best = &entry;
  }
  return best == nullptr ? path : best->second + path.substr(best->first.size());
}

std::shared_ptr<const WorkerModels> load_models(const WorkerConfig& config,
                                                const EngineFactory& engines,
                                                const std::vector<RemoteModel>& wanted) {
  auto models = std::make_shared<WorkerModels>();
  models->wanted = wanted;
  for (const RemoteModel& model : wanted) {
    ModelOptions options;
    options.path = local_path(config, model.path);
    options.dtype =
        model.dtype == dtype_name(DType::kBFloat16) ? DType::kBFloat16 : DType::kFloat32;
    options.allow_pickle = config.allow_pickle;
    auto& replicas = models->replicas.emplace_back();
    for (const std::string& device : config.devices) {
      options.device = device;
      replicas.push_back(load(model, engines, options));
      check_same(model, replicas.back()->info(), options.path);
    }
  }
  return models;
}

}  // namespace midpo
