// SPDX-License-Identifier: Apache-2.0
#include "models/training/learner_state.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros_like.h>

#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
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

/// An array of all parameters, as it lies in the file.
at::Tensor stored_array(const std::string& path, const WeightFiles& file, const char* name,
                        std::int64_t size) {
  const StoredTensor& stored = file.require_tensor(name);
  require(stored.type == StoredType::kFloat32 && stored.num_elements() == size,
          ErrorCode::kCheckpoint,
          path + ": tensor " + name + " has " + std::to_string(stored.num_elements()) +
              " elements, wanted " + std::to_string(size));
  auto* data = const_cast<std::byte*>(stored.data);
  return at::from_blob(data, {size}, at::TensorOptions().dtype(at::kFloat));
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

/// The state as it lies on disk.
class StateFile {
 public:
  /// @throws Error(kCheckpoint) for state of other parameters.
  StateFile(const std::string& path, const ParameterSet& parameters)
      : path_(path), file_(open_weight_file(path, false)) {
    const StoredTensor& stored = file_->require_tensor(kLayout);
    const std::string layout = layout_of(parameters);
    const bool is_same = stored.num_elements() == static_cast<std::int64_t>(layout.size()) &&
                         std::memcmp(stored.data, layout.data(), layout.size()) == 0;
    require(is_same, ErrorCode::kCheckpoint,
            path +
                ": a training state of other parameters; was it written with another model, rank "
                "or target modules?");
    values = stored_array(path, *file_, kValues, parameters.size());
    first = stored_array(path, *file_, kFirst, parameters.size());
    second = stored_array(path, *file_, kSecond, parameters.size());
  }

  /// The step count and what a learner has beside its parameters, as bytes.
  std::string numbers(const std::vector<NamedState>& extra) const {
    std::string bytes = bytes_of(kSteps, StoredType::kInt64, 1);
    for (const NamedState& state : extra) {
      bytes += bytes_of(state.name, StoredType::kFloat64, state.values.numel());
    }
    return bytes;
  }

  void check_unchanged() const { file_->check_unchanged(); }

  at::Tensor values, first, second;  ///< [all parameters], host; live as long as this

 private:
  std::string bytes_of(const std::string& name, StoredType type, std::int64_t size) const {
    const StoredTensor& stored = file_->require_tensor(name);
    require(stored.type == type && stored.num_elements() == size, ErrorCode::kCheckpoint,
            path_ + ": tensor " + name + " has " + std::to_string(stored.num_elements()) +
                " elements, wanted " + std::to_string(size));
    return {reinterpret_cast<const char*>(stored.data), stored.size_bytes};
  }

  std::string path_;
  std::unique_ptr<WeightFiles> file_;
};

void take_numbers(const std::string& bytes, AdamW& optimizer,
                  const std::vector<NamedState>& extra) {
  std::int64_t steps = 0;
  std::memcpy(&steps, bytes.data(), sizeof(steps));
  optimizer.set_num_steps(steps);
  const char* next = bytes.data() + sizeof(steps);
  for (const NamedState& state : extra) {
    std::memcpy(state.values.mutable_data_ptr(), next, state.values.nbytes());
    next += state.values.nbytes();
  }
}

/// What `read` gives at rank 0, at every rank: other hosts need not have the file. Where it throws
/// at rank 0, all throw.
std::string from_rank_0(Collective* collective, const std::function<std::string()>& read) {
  constexpr char kDone = '+', kFailed = '-';
  if (collective == nullptr) return read();
  std::string bytes;
  if (collective->rank() == 0) {
    try {
      bytes = kDone + read();
    } catch (...) {
      collective->broadcast({kFailed}, Patience::kDeadline);
      throw;
    }
  }
  bytes = collective->broadcast(bytes, Patience::kDeadline);
  require(!bytes.empty() && bytes.front() == kDone, ErrorCode::kCheckpoint,
          "rank 0 cannot read the training state");
  return bytes.substr(1);
}

/// @param source  at rank 0; null elsewhere. @param target  fp32, on the group's device
void spread(Collective& collective, const at::Tensor* source, const at::Tensor& target) {
  if (source != nullptr) target.copy_(*source);
  collective.start_copy_from(0, span_of(target, {0, target.numel()}));
  collective.finish();
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
                        const std::vector<NamedState>& extra, Collective* collective) {
  std::optional<StateFile> file;
  take_numbers(from_rank_0(collective,
                           [&] {
                             file.emplace(path, parameters);
                             return file->numbers(extra);
                           }),
               optimizer, extra);
  const at::Tensor& values = parameters.values();
  const Shard& shard = optimizer.shard();
  const auto own_part = [&](const at::Tensor& array) {
    return array.narrow(0, shard.begin, shard.size());
  };
  if (collective == nullptr) {
    values.copy_(file->values);
    optimizer.first_moments().copy_(own_part(file->first));
    optimizer.second_moments().copy_(own_part(file->second));
  } else {
    spread(*collective, file ? &file->values : nullptr, values);
    const at::Tensor moments = at::empty_like(values);
    spread(*collective, file ? &file->first : nullptr, moments);
    optimizer.first_moments().copy_(own_part(moments));
    spread(*collective, file ? &file->second : nullptr, moments);
    optimizer.second_moments().copy_(own_part(moments));
  }
  from_rank_0(collective, [&] {
    file->check_unchanged();
    return std::string();
  });
}

}  // namespace midpo
