// SPDX-License-Identifier: Apache-2.0
#include "models/training/export_weights.h"

#include <cstring>
#include <list>
#include <utility>

#include "models/checkpoint/adapter_writer.h"

namespace midpo {
namespace {

using Entry = ParameterSet::Entry;

bool is_suffix_removed(std::string& name, const std::string& suffix) {
  if (!name.ends_with(suffix)) return false;
  name.resize(name.size() - suffix.size());
  return true;
}

}  // namespace

std::vector<TensorToWrite> parameter_tensors(const ParameterSet& parameters, at::ScalarType type) {
  std::vector<TensorToWrite> tensors;
  for (const Entry& entry : parameters.entries()) {
    if (entry.kind == Entry::Kind::kSlot) continue;
    TensorToWrite tensor;
    tensor.name = entry.name;
    tensor.type = type == at::kFloat ? StoredType::kFloat32 : StoredType::kBFloat16;
    tensor.shape = entry.shape;
    tensor.make_bytes = [value = entry.value, type] {
      at::Tensor host = value.to(at::kCPU, type).contiguous();
      std::vector<std::byte> bytes(host.nbytes());
      std::memcpy(bytes.data(), host.const_data_ptr(), bytes.size());
      return bytes;
    };
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

void export_adapter(const std::string& directory, const ParameterSet& parameters,
                    const LearnerOptions& options) {
  AdapterToWrite adapter;
  adapter.base_model = options.model.path;
  adapter.rank = options.lora->rank;
  adapter.alpha = options.lora->alpha;
  adapter.target_modules = options.lora->target_modules;
  std::list<at::Tensor> on_host;
  auto host_data = [&](const Entry& entry) {
    on_host.push_back(entry.value.to(at::kCPU).contiguous());
    return on_host.back().const_data_ptr<float>();
  };
  for (const Entry& entry : parameters.entries()) {
    std::string module = entry.name;
    // A and B of a module are registered one after the other.
    if (is_suffix_removed(module, ".lora_A.weight")) {
      LoraToWrite factors;
      factors.module = module;
      factors.in_features = entry.shape[1];
      factors.a = host_data(entry);
      adapter.factors.push_back(factors);
    } else if (is_suffix_removed(module, ".lora_B.weight")) {
      adapter.factors.back().out_features = entry.shape[0];
      adapter.factors.back().b = host_data(entry);
    }
  }
  write_adapter(directory, adapter);
}

}  // namespace midpo
