// SPDX-License-Identifier: Apache-2.0
#include "actors/pipeline/memory_plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "actors/model_options.h"

namespace midpo {
namespace {

std::string mib(std::int64_t bytes) { return std::to_string(bytes / (1 << 20)) + " MiB"; }

class MemoryPlan {
 public:
  explicit MemoryPlan(const EngineFactory& engines) : engines_(engines) {}

  /// A model whose weights stay as they are: once a device.
  void add_frozen(const std::string& name, const ModelOptions& options) {
    if (!frozen_.emplace(options.device, options.path).second) return;
    add(name, options, &MemoryNeed::weight_bytes);
  }

  void add_learner(const LearnerRequest& learner) {
    const ModelOptions& base = learner.options.model;
    if (!learner.options.lora) return add(learner.name, base, &MemoryNeed::weight_bytes);
    add_frozen(learner.name, base);
    if (!trained_on_.emplace(base.device, base.path).second) return;
    add("its transpose", base, &MemoryNeed::transpose_bytes);
  }

  std::vector<DeviceMemory> devices() && { return std::move(devices_); }

 private:
  DeviceMemory& device_of(const std::string& name, std::int64_t free_bytes) {
    const auto found = std::ranges::find(devices_, name, &DeviceMemory::device);
    if (found != devices_.end()) return *found;
    return devices_.emplace_back(DeviceMemory{name, free_bytes, 0, {}});
  }

  void add(const std::string& name, const ModelOptions& options, std::int64_t MemoryNeed::*part) {
    const MemoryNeed need = engines_.memory_need(options);
    DeviceMemory& device = device_of(options.device, need.free_bytes);
    if (need.*part == 0) return;
    device.needed_bytes += need.*part;
    device.models += (device.models.empty() ? "" : ", ") + name + " " + mib(need.*part) + " (" +
                     options.path + ")";
  }

  using DeviceAndPath = std::pair<std::string, std::string>;

  const EngineFactory& engines_;
  std::vector<DeviceMemory> devices_;
  std::set<DeviceAndPath> frozen_, trained_on_;
};

}  // namespace

std::vector<DeviceMemory> plan_memory(const LearningRequest& request,
                                      const EngineFactory& engines) {
  const TrainingConfig& config = request.config;
  MemoryPlan plan(engines);
  for (const std::string& device : scorer_devices(config)) {
    for (const auto& [name, path] :
         {std::pair("reference", config.model), std::pair("reward", config.reward_model),
          std::pair("cost", config.cost_model)}) {
      plan.add_frozen(name,
                      model_options(config.compute, path, device, std::string(name) + "_model"));
    }
  }
  for (const LearnerRequest& learner : request.learners) {
    plan.add_learner(learner);
  }
  return std::move(plan).devices();
}

void require_memory(const std::vector<DeviceMemory>& devices) {
  for (const DeviceMemory& device : devices) {
    require(device.needed_bytes <= device.free_bytes, ErrorCode::kOutOfMemory,
            device.device + " has " + mib(device.free_bytes) + " free, the plan's weights need " +
                mib(device.needed_bytes) + ": " + device.models +
                "; place some elsewhere (--scorer-device, --device) or use --dtype bfloat16");
  }
}

}  // namespace midpo
