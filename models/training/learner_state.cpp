// SPDX-License-Identifier: Apache-2.0
#include "models/training/learner_state.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros_like.h>

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "models/checkpoint/safetensors_writer.h"
#include "models/checkpoint/weight_files.h"
#include "models/training/sharded_arrays.h"
#include "runtime/core/error.h"
#include "runtime/core/hash.h"

namespace midpo {
namespace {

constexpr const char* kValues = "values";
constexpr const char* kFirst = "first_moments";
constexpr const char* kSecond = "second_moments";
constexpr const char* kSteps = "num_steps";
constexpr const char* kLayout = "layout";

/// Names, shapes and order of the parameters: state of another layout is never read as this one's.
std::string layout_of(const ParameterSet& parameters) {
  std::string text;
  for (const ParameterSet::Entry& entry : parameters.entries()) {
    text += entry.name;
    for (std::int64_t size : entry.shape) text += " " + std::to_string(size);
    text += "\n";
  }
  return content_hash(text).hex();
}

TensorToWrite floats_of(const char* name, const at::Tensor& host) {
  TensorToWrite tensor;
  tensor.name = name;
  tensor.shape = {host.numel()};
  tensor.data = host.const_data_ptr();
  return tensor;
}

TensorToWrite doubles_of(const NamedState& state) {
  TensorToWrite tensor;
  tensor.name = state.name;
  tensor.type = StoredType::kFloat64;
  tensor.shape = state.values.sizes().vec();
  tensor.data = state.values.const_data_ptr();
  return tensor;
}

/// @param target of the type stored, any shape
void read_values(const std::string& path, const WeightFiles& file, const std::string& name,
                 StoredType type, const at::Tensor& target) {
  const StoredTensor& stored = file.require_tensor(name);
  require(stored.type == type && stored.num_elements() == target.numel(), ErrorCode::kCheckpoint,
          path + ": tensor " + name + " has " + std::to_string(stored.num_elements()) +
              " elements, wanted " + std::to_string(target.numel()));
  auto* data = const_cast<std::byte*>(stored.data);
  const auto options = at::TensorOptions().dtype(target.scalar_type());
  target.copy_(at::from_blob(data, target.sizes(), options));
}

/// A rank's shard of the moments.
void read_moments(const std::string& path, const WeightFiles& file, const char* name,
                  std::int64_t size, const Shard& shard, const at::Tensor& target) {
  const StoredTensor& stored = file.require_tensor(name);
  require(stored.type == StoredType::kFloat32 && stored.num_elements() == size,
          ErrorCode::kCheckpoint,
          path + ": tensor " + name + " has " + std::to_string(stored.num_elements()) +
              " elements, wanted " + std::to_string(size));
  auto* data = const_cast<std::byte*>(stored.data);
  target.copy_(at::from_blob(data, {size}, at::TensorOptions().dtype(at::kFloat))
                   .narrow(0, shard.begin, shard.size()));
}

/// Moments on the host, those of the other ranks' shards included.
at::Tensor whole_moments(const at::Tensor& own, const Shard& shard, const at::Tensor& values,
                         Collective* collective) {
  if (shard.size() == values.numel()) return own.to(at::kCPU);
  at::Tensor all = at::zeros_like(values);
  all.narrow(0, shard.begin, shard.size()).copy_(own);
  copy_shards(*collective, all);
  return all.to(at::kCPU);
}

}  // namespace

void save_learner_state(const std::string& path, const ParameterSet& parameters,
                        const AdamW& optimizer, const std::vector<NamedState>& extra,
                        Collective* collective) {
  const Shard& shard = optimizer.shard();
  const at::Tensor first =
      whole_moments(optimizer.first_moments(), shard, parameters.values(), collective);
  const at::Tensor second =
      whole_moments(optimizer.second_moments(), shard, parameters.values(), collective);
  if (collective != nullptr && collective->rank() != 0) return;
  const at::Tensor values = parameters.values().to(at::kCPU);
  const std::int64_t steps = optimizer.num_steps();
  const std::string layout = layout_of(parameters);
  std::vector<TensorToWrite> tensors = {floats_of(kValues, values), floats_of(kFirst, first),
                                        floats_of(kSecond, second)};
  TensorToWrite count;
  count.name = kSteps;
  count.type = StoredType::kInt64;
  count.shape = {1};
  count.data = &steps;
  tensors.push_back(count);
  TensorToWrite hash;
  hash.name = kLayout;
  hash.type = StoredType::kUInt8;
  hash.shape = {static_cast<std::int64_t>(layout.size())};
  hash.data = layout.data();
  tensors.push_back(hash);
  for (const NamedState& state : extra) tensors.push_back(doubles_of(state));
  write_safetensors(path, tensors);
}

void load_learner_state(const std::string& path, ParameterSet& parameters, AdamW& optimizer,
                        const std::vector<NamedState>& extra) {
  const std::unique_ptr<WeightFiles> file = open_weight_file(path, false);
  const StoredTensor& stored = file->require_tensor(kLayout);
  const std::string layout = layout_of(parameters);
  const bool is_same = stored.num_elements() == static_cast<std::int64_t>(layout.size()) &&
                       std::memcmp(stored.data, layout.data(), layout.size()) == 0;
  require(is_same, ErrorCode::kCheckpoint,
          path +
              ": a training state of other parameters; was it written with another model, rank "
              "or target modules?");
  const StoredTensor& count = file->require_tensor(kSteps);
  require(count.type == StoredType::kInt64 && count.num_elements() == 1, ErrorCode::kCheckpoint,
          path + ": tensor num_steps is not one I64");
  std::int64_t steps = 0;
  std::memcpy(&steps, count.data, sizeof(steps));
  read_values(path, *file, kValues, StoredType::kFloat32, parameters.values());
  const std::int64_t size = parameters.size();
  read_moments(path, *file, kFirst, size, optimizer.shard(), optimizer.first_moments());
  read_moments(path, *file, kSecond, size, optimizer.shard(), optimizer.second_moments());
  for (const NamedState& state : extra) {
    read_values(path, *file, state.name, StoredType::kFloat64, state.values);
  }
  optimizer.set_num_steps(steps);
  file->check_unchanged();
}

}  // namespace midpo
