// SPDX-License-Identifier: Apache-2.0
// Stored tensors to frozen weights on a device.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/checkpoint/adapter_config.h"
#include "models/checkpoint/weight_files.h"
#include "models/engines.h"
#include "models/frozen_linear.h"
#include "models/lora.h"

namespace midpo {

at::ScalarType scalar_type(DType dtype);

/// A PEFT adapter with its open weight file, and how much of it counts. The file outlives the
/// loading only.
struct Adapter {
  std::string path;
  AdapterConfig config;
  std::unique_ptr<WeightFiles> files;
  double weight = 1.0;      ///< without gates
  std::vector<Gate> gates;  ///< [layer], of the down projections; or empty
};

/// Reads a model's tensors. Nothing it returns points into the files: they may be closed
/// afterwards. What it returns may be another model's as well (see `content`): not to be written
/// to.
/// @throws Error(kCheckpoint) naming file and tensor: absent, not a floating-point type, NaN or
/// Inf.
class WeightReader {
 public:
  /// @param adapters  outlive the reader.
  /// @param calls  what the projections will be called with.
  /// @param content  hash_model() of the files, in hex: their weights are shared through the
  ///   WeightPool; empty: they are this reader's alone.
  WeightReader(const WeightFiles& files, std::span<const Adapter> adapters, DType dtype,
               at::Device device, LinearCalls calls = LinearCalls::kBatches,
               std::string content = {})
      : files_(files),
        adapters_(adapters),
        dtype_(dtype),
        device_(device),
        calls_(calls),
        content_(std::move(content)) {}

  /// In the model's dtype.
  at::Tensor read(const std::string& name) const;
  /// In fp32: norms, score heads, normalizers.
  at::Tensor read_float(const std::string& name) const;

  std::int64_t num_outputs(const std::string& module) const;

  /// The modules' weights stacked into one projection, with the adapters on any of them.
  AdaptedLinear read_linear(const std::vector<std::string>& modules, bool has_bias) const;

  /// The same without adapters.
  FrozenLinear read_frozen_linear(const std::vector<std::string>& modules, bool has_bias) const;

  /// x W for the same W: gradients of the projection's inputs.
  /// @param linear  the modules': where its weight is not packed, this is a view of it.
  FrozenLinear read_transposed_linear(const std::vector<std::string>& modules,
                                      const FrozenLinear& linear) const;

 private:
  at::Tensor read_stacked(const std::vector<std::string>& modules, const char* part) const;
  at::Tensor shared(const std::string& kind, const std::string& name,
                    const std::function<at::Tensor()>& make) const;
  FrozenLinear shared_linear(const std::string& kind, const std::vector<std::string>& modules,
                             const std::function<FrozenLinear()>& make) const;
  std::string pool_key(const std::string& kind, const std::string& name) const;
  void add_update(const std::string& module, std::int64_t offset, std::int64_t num_outputs,
                  AdaptedLinear& linear) const;

  const WeightFiles& files_;
  std::span<const Adapter> adapters_;
  DType dtype_;
  at::Device device_;
  LinearCalls calls_;
  std::string content_;
};

}  // namespace midpo
