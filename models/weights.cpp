// SPDX-License-Identifier: Apache-2.0
#include "models/weights.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/sum.h>

#include <cmath>
#include <string_view>
#include <utility>

#include "models/weight_pool.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

at::ScalarType stored_scalar_type(const StoredTensor& stored) {
  switch (stored.type) {
    case StoredType::kFloat64:
      return at::kDouble;
    case StoredType::kFloat32:
      return at::kFloat;
    case StoredType::kFloat16:
      return at::kHalf;
    case StoredType::kBFloat16:
      return at::kBFloat16;
    default:
      break;
  }
  throw Error(ErrorCode::kCheckpoint, stored.file + ": tensor " + stored.name + " has type " +
                                          stored_type_name(stored.type) +
                                          ", wanted F64, F32, F16 or BF16; quantised weights are "
                                          "not supported");
}

/// The stored bytes as a tensor, not copied.
at::Tensor view_of(const StoredTensor& stored) {
  auto* data = const_cast<std::byte*>(stored.data);
  return at::from_blob(data, stored.shape, at::TensorOptions().dtype(stored_scalar_type(stored)));
}

/// A sum is finite only if every term is: one fast pass; only an overflowing sum needs the slow
/// one.
void require_finite(const at::Tensor& values, const StoredTensor& stored) {
  if (std::isfinite(values.sum(at::kDouble).item<double>())) return;
  if (at::isfinite(values).all().item<bool>()) return;
  throw Error(ErrorCode::kCheckpoint,
              stored.file + ": tensor " + stored.name +
                  " contains NaN or Inf; the file is damaged or its training diverged");
}

/// Copies a stored tensor into `target`, converting.
void copy_into(const StoredTensor& stored, const at::Tensor& target) {
  at::Tensor values = view_of(stored);
  target.copy_(values);
  require_finite(target, stored);
}

void require_fit(const Adapter& adapter, const LoraTarget& target, const at::Tensor& a_RK,
                 const at::Tensor& b_NR, std::int64_t num_inputs, std::int64_t num_outputs) {
  if (a_RK.size(1) == num_inputs && b_NR.size(0) == num_outputs) return;
  throw Error(ErrorCode::kCheckpoint,
              adapter.config.weights_path + ": the adapter of " + target.module + " maps " +
                  std::to_string(a_RK.size(1)) + " to " + std::to_string(b_NR.size(0)) +
                  " features, the model's projection maps " + std::to_string(num_inputs) + " to " +
                  std::to_string(num_outputs) + "; was it trained on another base model?");
}

std::string joined(const std::vector<std::string>& modules) {
  std::string names;
  for (const std::string& module : modules) names += module + ',';
  return names;
}

/// "model.layers.3.mlp.down_proj" -> 3.
std::size_t layer_of(const std::string& module) {
  constexpr std::string_view kLayers = "layers.";
  return std::stoul(module.substr(module.find(kLayers) + kLayers.size()));
}

}  // namespace

at::ScalarType scalar_type(DType dtype) {
  return dtype == DType::kFloat32 ? at::kFloat : at::kBFloat16;
}

std::string WeightReader::pool_key(const std::string& kind, const std::string& name) const {
  return content_ + '/' + kind + '/' + std::to_string(static_cast<int>(dtype_)) + '/' +
         device_.str() + '/' + name;
}

at::Tensor WeightReader::shared(const std::string& kind, const std::string& name,
                                const std::function<at::Tensor()>& make) const {
  if (content_.empty()) return make();
  return WeightPool::instance().tensor(pool_key(kind, name), make);
}

FrozenLinear WeightReader::shared_linear(const std::string& kind,
                                         const std::vector<std::string>& modules,
                                         const std::function<FrozenLinear()>& make) const {
  if (content_.empty()) return make();
  return WeightPool::instance().linear(pool_key(kind, joined(modules)), make);
}

at::Tensor WeightReader::read(const std::string& name) const {
  return shared("tensor", name, [&] { return read_stacked({name}, ""); });
}

at::Tensor WeightReader::read_float(const std::string& name) const {
  return shared("float", name, [&] {
    const StoredTensor& stored = files_.require_tensor(name);
    at::Tensor values = at::empty(stored.shape, at::TensorOptions().dtype(at::kFloat));
    copy_into(stored, values);
    files_.release(stored);
    return values.to(device_);
  });
}

at::Tensor WeightReader::read_stacked(const std::vector<std::string>& modules,
                                      const char* part) const {
  std::vector<std::int64_t> shape = files_.require_tensor(modules.front() + part).shape;
  shape[0] = 0;
  for (const std::string& name : modules) shape[0] += files_.require_tensor(name + part).shape[0];
  at::Tensor stacked = at::empty(shape, at::TensorOptions().dtype(scalar_type(dtype_)));
  std::int64_t offset = 0;
  for (const std::string& name : modules) {
    const StoredTensor& stored = files_.require_tensor(name + part);
    copy_into(stored, stacked.narrow(0, offset, stored.shape[0]));
    files_.release(stored);
    offset += stored.shape[0];
  }
  return stacked.to(device_);
}

FrozenLinear WeightReader::read_frozen_linear(const std::vector<std::string>& modules,
                                              bool has_bias) const {
  FrozenLinear linear = shared_linear("linear", modules, [&] {
    return FrozenLinear(read_stacked(modules, ".weight"),
                        has_bias ? read_stacked(modules, ".bias") : at::Tensor());
  });
  if (calls_ == LinearCalls::kBatchesAndDecoding && linear.can_decode()) {
    linear.add_decoding_layout(shared("decoding", joined(modules), [&] {
      return FrozenLinear::decoding_layout(read_stacked(modules, ".weight"));
    }));
  }
  return linear;
}

FrozenLinear WeightReader::read_transposed_linear(const std::vector<std::string>& modules,
                                                  const FrozenLinear& linear) const {
  if (!linear.is_packed()) return linear.transposed();
  return shared_linear("transposed", modules, [&] {
    return FrozenLinear(read_stacked(modules, ".weight").t().contiguous(), at::Tensor());
  });
}

std::int64_t WeightReader::num_outputs(const std::string& module) const {
  return files_.require_tensor(module + ".weight").shape[0];
}

AdaptedLinear WeightReader::read_linear(const std::vector<std::string>& modules,
                                        bool has_bias) const {
  AdaptedLinear linear;
  linear.base = read_frozen_linear(modules, has_bias);
  std::int64_t offset = 0;
  for (const std::string& module : modules) {
    add_update(module, offset, num_outputs(module), linear);
    offset += num_outputs(module);
  }
  return linear;
}

void WeightReader::add_update(const std::string& module, std::int64_t offset,
                              std::int64_t num_outputs, AdaptedLinear& linear) const {
  LoraUpdate update{offset, {}, {}, {}};
  std::vector<at::Tensor> a_RK, gate_weights_1K, b_NR;
  for (const Adapter& adapter : adapters_) {
    WeightReader reader(*adapter.files, {}, DType::kFloat32, device_);
    for (const LoraTarget& target : adapter.config.targets) {
      if (target.module != module) continue;
      a_RK.push_back(reader.read(target.a_tensor));
      b_NR.push_back(reader.read(target.b_tensor));
      require_fit(adapter, target, a_RK.back(), b_NR.back(), linear.base.num_inputs(), num_outputs);
      LoraPart part{target.rank, target.scale * adapter.weight, false, 0.0F};
      if (!adapter.gates.empty()) {
        const Gate& gate = adapter.gates[layer_of(module)];
        part.is_gated = true;
        part.gate_bias = gate.bias;
        gate_weights_1K.push_back(gate.weight_K.unsqueeze(0).to(device_));
      }
      update.parts.push_back(part);
    }
  }
  if (update.parts.empty()) return;
  a_RK.insert(a_RK.end(), gate_weights_1K.begin(), gate_weights_1K.end());
  update.a = FrozenLinear(at::cat(a_RK, 0), at::Tensor(), calls_);
  update.b = FrozenLinear(at::cat(b_NR, 1), at::Tensor(), calls_);
  linear.updates.push_back(std::move(update));
}

}  // namespace midpo
