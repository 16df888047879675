// SPDX-License-Identifier: Apache-2.0
#include "models/export/merged_export.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include "models/checkpoint/checkpoint_error.h"
#include "models/checkpoint/model_writer.h"
#include "models/export/base_model.h"
#include "models/export/float_values.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

struct Part {
  OpenedAdapter adapter;
  std::vector<double> weights;
};

/// 12 of "model.layers.12.mlp.down_proj"; modules outside the layers count as the first.
std::size_t layer_of(const std::string& module) {
  const std::size_t at = module.find("layers.");
  if (at == std::string::npos) return 0;
  return std::strtoul(module.c_str() + at + std::string("layers.").size(), nullptr, 10);
}

/// weight [N, K] += factor * B [N, rank] A [rank, K].
void add_product(std::vector<float>& weight, const std::vector<float>& b,
                 const std::vector<float>& a, std::size_t rank, double factor) {
  const std::size_t num_inputs = a.size() / rank;
  const std::size_t num_outputs = b.size() / rank;
  for (std::size_t n = 0; n < num_outputs; ++n) {
    float* const row = weight.data() + n * num_inputs;
    for (std::size_t r = 0; r < rank; ++r) {
      const auto scaled_b = static_cast<float>(factor * static_cast<double>(b[n * rank + r]));
      const float* const a_row = a.data() + r * num_inputs;
      for (std::size_t k = 0; k < num_inputs; ++k) row[k] += scaled_b * a_row[k];
    }
  }
}

std::vector<float> merged_values(const StoredTensor& stored, const std::string& module,
                                 const std::vector<Part>& parts) {
  std::vector<float> values = float_values(stored);
  for (const Part& part : parts) {
    const LoraTarget* const target = part.adapter.find(module);
    if (target == nullptr) continue;
    const double share = part.weights.empty() ? 1.0 : part.weights.at(layer_of(module));
    add_product(values, float_values(part.adapter.files->require_tensor(target->b_tensor)),
                float_values(part.adapter.files->require_tensor(target->a_tensor)),
                static_cast<std::size_t>(target->rank), share * target->scale);
  }
  return values;
}

/// @throws Error(kCheckpoint) for a sum that the type to write cannot hold.
void require_representable(const std::vector<float>& values, StoredType type,
                           const StoredTensor& stored) {
  constexpr float kLargestFloat16 = 65504.0F;
  const float largest =
      type == StoredType::kFloat16 ? kLargestFloat16 : std::numeric_limits<float>::max();
  for (const float value : values) {
    if (std::abs(value) <= largest) continue;  // false for NaN
    refuse_checkpoint(stored.file, "tensor " + quote_name(stored.name) + " merged holds " +
                                       std::to_string(value) + ", which " + stored_type_name(type) +
                                       " cannot; try another --dtype, or look for damage");
  }
}

bool is_adapted(const std::string& module, const std::vector<Part>& parts) {
  for (const Part& part : parts) {
    if (part.adapter.find(module) != nullptr) return true;
  }
  return false;
}

/// The base's tensors; those that change are computed when their turn to be written comes.
std::vector<TensorToWrite> merged_tensors(const BaseModel& base, const std::vector<Part>& parts,
                                          const MergedExport& model) {
  std::vector<TensorToWrite> tensors = base.tensors();
  for (TensorToWrite& tensor : tensors) {
    const StoredTensor& stored = base.files->require_tensor(tensor.name);
    const StoredType type = model.type.value_or(stored.type);
    const std::string module = tensor.name.substr(0, tensor.name.rfind(".weight"));
    if (!is_floating(stored.type) || (type == stored.type && !is_adapted(module, parts))) continue;
    tensor.type = type;
    tensor.make_bytes = [&stored, &parts, module, type] {
      const std::vector<float> values = merged_values(stored, module, parts);
      require_representable(values, type, stored);
      return stored_bytes(values, type);
    };
  }
  return tensors;
}

}  // namespace

void export_merged(const std::string& dir, const MergedExport& model, ExistingFolder existing) {
  const BaseModel base = open_base_model(model.base_dir, model.allow_pickle);
  std::vector<Part> parts;
  for (const AdapterShare& share : model.adapters) {
    parts.push_back({open_adapter_of(base, share.dir, model.allow_pickle), share.weights});
    const auto num_layers = static_cast<std::size_t>(base.config.num_layers);
    require(share.weights.empty() || share.weights.size() == num_layers, ErrorCode::kInternal,
            "merging needs a weight for each layer");
  }
  AtomicFolder folder(dir, existing);
  write_model_files(folder, {model.base_dir, merged_tensors(base, parts, model)});
  base.files->check_unchanged();
  for (const Part& part : parts) part.adapter.files->check_unchanged();
  folder.publish();
}

}  // namespace midpo
