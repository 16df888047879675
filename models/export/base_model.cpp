// SPDX-License-Identifier: Apache-2.0
#include "models/export/base_model.h"

#include "models/checkpoint/checkpoint_error.h"
#include "models/checkpoint/expected_tensors.h"
#include "models/checkpoint/tied_head.h"

namespace midpo {
std::vector<TensorToWrite> BaseModel::tensors() const {
  std::vector<TensorToWrite> tensors;
  for (const ExpectedTensor& expected : expected_tensors(config)) {
    const StoredTensor* const stored = files->find(expected.name);
    if (stored != nullptr && stored->shape == expected.shape) tensors.push_back(copy_of(*stored));
  }
  return tensors;
}

BaseModel open_base_model(const std::string& dir, bool allow_pickle) {
  BaseModel base{dir, load_model_config(dir), open_model_weights(dir, allow_pickle)};
  if (base.config.score_head || !base.config.architecture.ends_with("ForCausalLM")) {
    refuse_checkpoint(
        dir, "is a " + base.config.architecture + ", wanted a language model (...ForCausalLM)");
  }
  const TensorMismatch mismatch = compare_tensors(expected_tensors(base.config), *base.files);
  if (mismatch.is_loadable()) {
    require_tied_head(base.config, *base.files);
    return base;
  }
  std::string first;
  for (const auto* list : {&mismatch.missing, &mismatch.wrong_shape, &mismatch.wrong_type}) {
    if (first.empty() && !list->empty()) first = list->front();
  }
  refuse_checkpoint(dir, "its weights are not those of its config.json, the first is " + first +
                             "; midpo inspect lists them all");
}

const LoraTarget* OpenedAdapter::find(const std::string& module) const {
  for (const LoraTarget& target : config.targets) {
    if (target.module == module) return &target;
  }
  return nullptr;
}

OpenedAdapter open_adapter_of(const BaseModel& base, const std::string& dir, bool allow_pickle) {
  OpenedAdapter adapter;
  adapter.config = load_adapter_config(dir, allow_pickle);
  adapter.files = open_weight_file(adapter.config.weights_path, allow_pickle);
  require_free_head(adapter.config, base.config, base.dir);
  require_adapter_fits(adapter.config, *adapter.files, *base.files, base.dir);
  return adapter;
}

}  // namespace midpo
