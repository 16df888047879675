// SPDX-License-Identifier: Apache-2.0
#include "models/training/learner_state.h"

#include <ATen/ops/from_blob.h>

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "models/checkpoint/safetensors_writer.h"
#include "models/checkpoint/weight_files.h"
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

void read_floats(const std::string& path, const WeightFiles& file, const char* name,
                 const at::Tensor& target) {
  const StoredTensor& stored = file.require_tensor(name);
  require(stored.type == StoredType::kFloat32 && stored.num_elements() == target.numel(),
          ErrorCode::kCheckpoint,
          path + ": tensor " + name + " has " + std::to_string(stored.num_elements()) +
              " elements, wanted " + std::to_string(target.numel()));
  auto* data = const_cast<std::byte*>(stored.data);
  target.copy_(at::from_blob(data, {target.numel()}, at::TensorOptions().dtype(at::kFloat)));
}

TensorToWrite doubles_of(const NamedState& state) {
  TensorToWrite tensor;
  tensor.name = state.name;
  tensor.type = StoredType::kFloat64;
  tensor.shape = state.values.sizes().vec();
  tensor.data = state.values.const_data_ptr();
  return tensor;
}

void read_doubles(const std::string& path, const WeightFiles& file, const NamedState& state) {
  const StoredTensor& stored = file.require_tensor(state.name);
  const std::int64_t wanted = state.values.numel();
  require(stored.type == StoredType::kFloat64 && stored.num_elements() == wanted,
          ErrorCode::kCheckpoint,
          path + ": tensor " + state.name + " has " + std::to_string(stored.num_elements()) +
              " elements, wanted " + std::to_string(wanted));
  std::memcpy(state.values.mutable_data_ptr<double>(), stored.data,
              static_cast<std::size_t>(wanted) * sizeof(double));
}

}  // namespace

void save_learner_state(const std::string& path, const ParameterSet& parameters,
                        const AdamW& optimizer, const std::vector<NamedState>& extra) {
  const at::Tensor values = parameters.values().to(at::kCPU);
  const at::Tensor first = optimizer.first_moments().to(at::kCPU);
  const at::Tensor second = optimizer.second_moments().to(at::kCPU);
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
  read_floats(path, *file, kValues, parameters.values());
  read_floats(path, *file, kFirst, optimizer.first_moments());
  read_floats(path, *file, kSecond, optimizer.second_moments());
  for (const NamedState& state : extra) read_doubles(path, *file, state);
  optimizer.set_num_steps(steps);
  file->check_unchanged();
}

}  // namespace midpo
