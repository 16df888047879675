// SPDX-License-Identifier: Apache-2.0
#include "models/export/base_model.h"

#include "models/checkpoint/checkpoint_error.h"
#include "models/checkpoint/expected_tensors.h"

namespace midpo {
namespace {

void require_fit(const BaseModel& base, const LoraTarget& target, const OpenedAdapter& adapter) {
  const std::string name = target.module + ".weight";
  const StoredTensor* const weight = base.files->find(name);
  const std::string& where = adapter.config.weights_path;
  if (weight == nullptr) {
    refuse_checkpoint(where, "adapts " + quote_name(target.module) + ", which " + base.dir +
                                 " does not have; was it trained on another base model?");
  }
  if (name == "lm_head.weight" && base.config.tie_word_embeddings) {
    refuse_checkpoint(where, "adapts lm_head, which " + base.dir + " ties to its embeddings");
  }
  const StoredTensor& a = adapter.files->require_tensor(target.a_tensor);
  const StoredTensor& b = adapter.files->require_tensor(target.b_tensor);
  const std::vector<std::int64_t> shape = {b.shape[0], a.shape[1]};
  if (shape == weight->shape) return;
  refuse_checkpoint(where, "adapts " + quote_name(target.module) + " with an update of shape " +
                               shape_text(shape) + ", the base model's weight has " +
                               shape_text(weight->shape) + "; was it trained on another base?");
}

}  // namespace

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
  if (mismatch.is_loadable()) return base;
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
  for (const LoraTarget& target : adapter.config.targets) require_fit(base, target, adapter);
  return adapter;
}

}  // namespace midpo
